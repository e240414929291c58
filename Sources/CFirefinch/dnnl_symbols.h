// The C functions of oneDNN that dnnl.hpp calls from dnnl.cpp: each is a jump through a pointer that dlsym fills, so that
// nothing is linked. When the compiler reports one as undefined, add it here.
#if DNNL_VERSION_MAJOR >= 3
#define FF_DNNL_SYMBOLS(X) \
  X(dnnl_convolution_backward_data_primitive_desc_create) \
  X(dnnl_convolution_backward_weights_primitive_desc_create) X(dnnl_convolution_forward_primitive_desc_create) \
  X(dnnl_engine_create) X(dnnl_engine_destroy) X(dnnl_matmul_primitive_desc_create) X(dnnl_memory_create) \
  X(dnnl_memory_desc_clone) X(dnnl_memory_desc_create_with_strides) X(dnnl_memory_desc_create_with_tag) X(dnnl_memory_desc_destroy) X(dnnl_memory_desc_equal) \
  X(dnnl_memory_desc_get_size) X(dnnl_memory_destroy) X(dnnl_memory_get_engine) X(dnnl_memory_get_memory_desc) \
  X(dnnl_memory_set_data_handle) X(dnnl_post_ops_append_sum) X(dnnl_post_ops_create) X(dnnl_post_ops_destroy) \
  X(dnnl_primitive_attr_create) X(dnnl_primitive_attr_destroy) X(dnnl_primitive_attr_set_post_ops) \
  X(dnnl_primitive_attr_set_scratchpad_mode) X(dnnl_primitive_create) X(dnnl_primitive_desc_clone) \
  X(dnnl_primitive_desc_destroy) X(dnnl_primitive_desc_query) X(dnnl_primitive_desc_query_md) \
  X(dnnl_primitive_destroy) X(dnnl_primitive_execute) X(dnnl_reorder_primitive_desc_create) X(dnnl_stream_create) \
  X(dnnl_stream_destroy) X(dnnl_stream_wait)
#else
#define FF_DNNL_SYMBOLS(X) \
  X(dnnl_dilated_convolution_backward_data_desc_init) X(dnnl_dilated_convolution_backward_weights_desc_init) \
  X(dnnl_dilated_convolution_forward_desc_init) X(dnnl_engine_create) X(dnnl_engine_destroy) X(dnnl_matmul_desc_init) X(dnnl_memory_create) \
  X(dnnl_memory_desc_equal) X(dnnl_memory_desc_get_size) X(dnnl_memory_desc_init_by_strides) X(dnnl_memory_desc_init_by_tag) X(dnnl_memory_destroy) \
  X(dnnl_memory_get_engine) X(dnnl_memory_get_memory_desc) X(dnnl_memory_set_data_handle_v2) \
  X(dnnl_post_ops_append_sum) X(dnnl_post_ops_append_sum_v2) X(dnnl_post_ops_create) X(dnnl_post_ops_destroy) \
  X(dnnl_primitive_attr_set_post_ops) \
  X(dnnl_primitive_attr_create) X(dnnl_primitive_attr_destroy) X(dnnl_primitive_attr_set_scratchpad_mode) \
  X(dnnl_primitive_create) X(dnnl_primitive_desc_destroy) X(dnnl_primitive_desc_iterator_create) \
  X(dnnl_primitive_desc_iterator_destroy) X(dnnl_primitive_desc_iterator_fetch) X(dnnl_primitive_desc_query_md) \
  X(dnnl_primitive_destroy) X(dnnl_primitive_execute) X(dnnl_reorder_primitive_desc_create) X(dnnl_stream_create) \
  X(dnnl_stream_destroy) X(dnnl_stream_wait)
#endif

#define FF_DNNL_TRAMPOLINE(symbol)                                                \
  extern "C" {                                                                    \
  __attribute__((visibility("hidden"), used)) void *ff_at_##symbol;               \
  }                                                                               \
  __asm__(".text\n.type " #symbol ",@function\n" #symbol ": jmp *ff_at_" #symbol "(%rip)\n");
FF_DNNL_SYMBOLS(FF_DNNL_TRAMPOLINE)

namespace {
// Fills the table once; false when the library lacks a function.
bool connect() {
#define FF_DNNL_CONNECT(symbol) && (ff_at_##symbol = ff_library_symbol(FF_LIB_ONEDNN, #symbol)) != nullptr
  static const bool connected = true FF_DNNL_SYMBOLS(FF_DNNL_CONNECT);
  return connected;
}
}  // namespace
