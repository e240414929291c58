// Convolutions through oneDNN, which is opened at run time and never linked: dnnl.hpp calls the trampolines at the end.
//
// oneDNN's fast kernels want blocked activations, so the plain NCHW buffers are reordered on the way in and out; handing it
// plain descriptors for anything but 1x1 costs up to ten times as much. Primitives are kept: making one takes 250 us.
#include "include/firefinch.h"
#include "dnnl_shim.h"

#if defined(__x86_64__) && __has_include(<oneapi/dnnl/dnnl.hpp>)
#include <oneapi/dnnl/dnnl.hpp>

#include <cstdlib>
#include <cstring>
#include <list>
#include <map>
#include <mutex>
#include <vector>

#include "dnnl_symbols.h"

namespace {

using dnnl::memory;
using tag = memory::format_tag;
constexpr auto f32 = memory::data_type::f32;

// Grows and is kept: internal copies of one convolution at a time.
struct Scratch {
  void *data = nullptr;
  size_t size = 0;
  void *get(size_t bytes) {
    if (bytes > size) {
      std::free(data);
      size = (bytes + 4095) / 4096 * 4096;
      data = std::aligned_alloc(4096, size);
      if (!data) std::abort();
    }
    return data;
  }
};

// One side of a convolution: the caller's plain buffer and, where the primitive wants another layout, its inner copy.
struct Side {
  memory user, inner;
  dnnl::reorder convert;
  bool differs = false;
  size_t bytes = 0;
};

struct Entry {
  uint64_t id = 0;  // names the form of converted weights
  dnnl::primitive primitive;
  std::unordered_map<int, memory> arguments;
  Side a, b, out;
  memory bias, scratchpad;
  size_t scratchpad_bytes = 0;
};

using Key = std::vector<int64_t>;

struct State {
  std::mutex mutex;
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  std::map<Key, std::pair<Entry, std::list<Key>::iterator>> cache;
  std::list<Key> recent;
  Scratch scratch[4];
  uint64_t next_id = 1;
};

State &state() {
  static State *instance = new State;
  return *instance;
}

Side side(State &s, const memory::desc &user, const memory::desc &inner, bool into) {
  Side result;
  result.user = memory(user, s.engine, nullptr);
  result.differs = user != inner;
  result.inner = result.differs ? memory(inner, s.engine, nullptr) : result.user;
  result.bytes = result.differs ? inner.get_size() : 0;
  if (result.differs)
    result.convert = into ? dnnl::reorder(result.user, result.inner) : dnnl::reorder(result.inner, result.user);
  return result;
}

// Whether Winograd's algorithm F(4x4, 3x3) pays: it multiplies 2.25 times less, but transforms tiles and weights. Decided by
// sizes alone, so that the same program always computes the same numbers. Its rounding is a few times coarser (6e-6 of the
// largest value after 12 layers); training therefore takes it only for large pictures, where it pays most.
bool prefers_winograd(const ff_conv &c, int kind) {
  if (c.spatial != 2 || c.groups != 1) return false;
  for (int d = 1; d < 3; d++)
    if (c.kernel[d] != 3 || c.stride[d] != 1 || c.dilation[d] != 1 || c.padding[d] > 1) return false;
  if (c.in_channels % 16 != 0 || c.out_channels % 16 != 0) return false;
  if (kind != FF_DNNL_INFERENCE)
    return c.in_channels >= 64 && c.out_channels >= 64 && c.out[1] >= 24 && c.out[2] >= 24;
  return c.batch * ((c.out[1] + 3) / 4) * ((c.out[2] + 3) / 4) >= 16;
}

Entry make(State &s, const ff_conv &c, int kind, bool with_bias, dnnl::algorithm algorithm) {
  // oneDNN counts dilation from 0 and takes 3 to 5 dims.
  int n = c.spatial;
  memory::dims src{c.batch, c.in_channels}, dst{c.batch, c.out_channels}, wei, strides, dilates, padding, right;
  if (c.groups > 1) wei = {c.groups, c.out_channels / c.groups, c.in_channels / c.groups};
  else wei = {c.out_channels, c.in_channels};
  for (int d = 3 - n; d < 3; d++) {
    src.push_back(c.in[d]);
    dst.push_back(c.out[d]);
    wei.push_back(c.kernel[d]);
    strides.push_back(c.stride[d]);
    dilates.push_back(c.dilation[d] - 1);
    padding.push_back(c.padding[d]);
    int64_t extent = (c.kernel[d] - 1) * c.dilation[d] + 1;
    right.push_back((c.out[d] - 1) * c.stride[d] + extent - c.in[d] - c.padding[d]);
  }
  tag plain = n == 1 ? tag::ncw : n == 2 ? tag::nchw : tag::ncdhw;
  tag plain_wei = c.groups > 1 ? (n == 1 ? tag::goiw : n == 2 ? tag::goihw : tag::goidhw)
                               : (n == 1 ? tag::oiw : n == 2 ? tag::oihw : tag::oidhw);
  bool product = true;
  for (int d = 0; d < 3; d++) product = product && c.kernel[d] == 1 && c.stride[d] == 1 && c.padding[d] == 0;
  tag wanted = product ? plain : tag::any;
  memory::desc src_any(src, f32, wanted), dst_any(dst, f32, wanted), wei_any(wei, f32, tag::any);
  memory::desc bias_desc = with_bias ? memory::desc({c.out_channels}, f32, tag::a) : memory::desc();
  memory::desc user_src(src, f32, plain), user_dst(dst, f32, plain), user_wei(wei, f32, plain_wei);
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const auto propagation = kind == FF_DNNL_INFERENCE ? dnnl::prop_kind::forward_inference : dnnl::prop_kind::forward_training;
#if DNNL_VERSION_MAJOR >= 3
  dnnl::convolution_forward::primitive_desc forward(s.engine, propagation, algorithm, src_any, wei_any, bias_desc, dst_any, strides,
                                                    dilates, padding, right, attributes);
#else
  dnnl::convolution_forward::primitive_desc forward(
      {propagation, algorithm, src_any, wei_any, bias_desc, dst_any, strides, dilates, padding, right}, attributes, s.engine);
#endif
  Entry e;
  memory::desc pad;
  if (kind == FF_DNNL_FORWARD || kind == FF_DNNL_INFERENCE) {
    e.primitive = dnnl::convolution_forward(forward);
    e.a = side(s, user_src, forward.src_desc(), true);
    e.b = side(s, user_wei, forward.weights_desc(), true);
    e.out = side(s, user_dst, forward.dst_desc(), false);
    e.arguments = {{DNNL_ARG_SRC, e.a.inner}, {DNNL_ARG_WEIGHTS, e.b.inner}, {DNNL_ARG_DST, e.out.inner}};
    if (with_bias) {
      e.bias = memory(bias_desc, s.engine, nullptr);
      e.arguments[DNNL_ARG_BIAS] = e.bias;
    }
    pad = forward.scratchpad_desc();
  } else if (kind == FF_DNNL_BACKWARD_DATA) {
#if DNNL_VERSION_MAJOR >= 3
    dnnl::convolution_backward_data::primitive_desc back(s.engine, algorithm, src_any, wei_any, dst_any, strides, dilates, padding,
                                                         right, forward, attributes);
#else
    dnnl::convolution_backward_data::primitive_desc back(
        {algorithm, src_any, wei_any, dst_any, strides, dilates, padding, right}, attributes, s.engine, forward);
#endif
    e.primitive = dnnl::convolution_backward_data(back);
    e.a = side(s, user_dst, back.diff_dst_desc(), true);
    e.b = side(s, user_wei, back.weights_desc(), true);
    e.out = side(s, user_src, back.diff_src_desc(), false);
    e.arguments = {{DNNL_ARG_DIFF_DST, e.a.inner}, {DNNL_ARG_WEIGHTS, e.b.inner}, {DNNL_ARG_DIFF_SRC, e.out.inner}};
    pad = back.scratchpad_desc();
  } else {
#if DNNL_VERSION_MAJOR >= 3
    dnnl::convolution_backward_weights::primitive_desc back(s.engine, algorithm, src_any, wei_any, dst_any, strides, dilates,
                                                            padding, right, forward, attributes);
#else
    dnnl::convolution_backward_weights::primitive_desc back(
        {algorithm, src_any, wei_any, dst_any, strides, dilates, padding, right}, attributes, s.engine, forward);
#endif
    e.primitive = dnnl::convolution_backward_weights(back);
    e.a = side(s, user_src, back.src_desc(), true);
    e.b = side(s, user_dst, back.diff_dst_desc(), true);
    e.out = side(s, user_wei, back.diff_weights_desc(), false);
    e.arguments = {{DNNL_ARG_SRC, e.a.inner}, {DNNL_ARG_DIFF_DST, e.b.inner}, {DNNL_ARG_DIFF_WEIGHTS, e.out.inner}};
    pad = back.scratchpad_desc();
  }
  e.scratchpad = memory(pad, s.engine, nullptr);
  e.scratchpad_bytes = pad.get_size();
  e.arguments[DNNL_ARG_SCRATCHPAD] = e.scratchpad;
  return e;
}

Entry make_best(State &s, const ff_conv &c, int kind, bool with_bias) {
  if (prefers_winograd(c, kind)) {
    try {
      return make(s, c, kind, with_bias, dnnl::algorithm::convolution_winograd);
    } catch (const dnnl::error &) {  // Not on this processor.
    }
  }
  return make(s, c, kind, with_bias, dnnl::algorithm::convolution_direct);
}

// A kept primitive, made when first needed.
template <typename Make> Entry &find(State &s, const Key &key, Make make) {
  auto known = s.cache.find(key);
  if (known != s.cache.end()) {
    s.recent.splice(s.recent.begin(), s.recent, known->second.second);
    return known->second.first;
  }
  Entry made = make();
  made.id = s.next_id++;
  s.recent.push_front(key);
  auto &slot = s.cache[key];
  slot = {std::move(made), s.recent.begin()};
  if (s.recent.size() > 256) {
    s.cache.erase(s.recent.back());
    s.recent.pop_back();
  }
  return slot.first;
}

// `packed`: b already has the inner form.
void run(State &s, Entry &e, const void *a, const void *b, bool packed, const void *bias, void *out) {
  e.a.user.set_data_handle((void *)a);
  e.out.user.set_data_handle(out);
  if (e.a.differs) {
    e.a.inner.set_data_handle(s.scratch[0].get(e.a.bytes));
    e.a.convert.execute(s.stream, e.a.user, e.a.inner);
  }
  if (packed) {
    e.b.inner.set_data_handle((void *)b);
  } else {
    e.b.user.set_data_handle((void *)b);
    if (e.b.differs) {
      e.b.inner.set_data_handle(s.scratch[1].get(e.b.bytes));
      e.b.convert.execute(s.stream, e.b.user, e.b.inner);
    }
  }
  if (e.out.differs) e.out.inner.set_data_handle(s.scratch[2].get(e.out.bytes));
  if (bias) e.bias.set_data_handle((void *)bias);
  e.scratchpad.set_data_handle(s.scratch[3].get(e.scratchpad_bytes + 64));
  e.primitive.execute(s.stream, e.arguments);
  if (e.out.differs) e.out.convert.execute(s.stream, e.out.inner, e.out.user);
  s.stream.wait();
}

// Calls `body` with the kept primitive for this convolution; 0 when oneDNN is absent or refuses.
template <typename Body> int with_entry(const ff_conv &c, int kind, bool with_bias, Body body) {
  if (!ff_library(FF_LIB_ONEDNN).loaded || !connect()) return 0;
  Key key{kind, with_bias, c.spatial, c.batch, c.in_channels, c.out_channels, c.groups, ff_num_threads()};
  for (int d = 0; d < 3; d++) {
    if (c.in[d] < 1 || c.out[d] < 1) return 0;
    key.insert(key.end(), {c.in[d], c.out[d], c.kernel[d], c.stride[d], c.padding[d], c.dilation[d]});
  }
  if (c.batch < 1) return 0;
  try {
    State &s = state();
    std::lock_guard<std::mutex> lock(s.mutex);
    return body(s, find(s, key, [&] { return make_best(s, c, kind, with_bias); }));
  } catch (const dnnl::error &) {
    return 0;  // A shape oneDNN refuses: the own kernels take it.
  }
}

Entry make_matmul(State &s, const ff_dnnl_product &p) {
  using type = memory::data_type;
  type in = p.type == FF_PRODUCT_BF16 ? type::bf16 : p.type == FF_PRODUCT_INT8 ? type::s8 : f32;
  type result = p.type == FF_PRODUCT_INT8 ? type::s32 : in;
  memory::desc a({p.m, p.k}, in, memory::dims{p.ars, p.acs}), b({p.k, p.n}, in, memory::dims{p.brs, p.bcs});
  memory::desc out({p.m, p.n}, result, memory::dims{p.ldc, 1}), bias;
  if (p.bias) bias = memory::desc({1, p.n}, in, tag::ab);
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (p.adds) {
    dnnl::post_ops sum;
    sum.append_sum(1.0f);
    attributes.set_post_ops(sum);
  }
#if DNNL_VERSION_MAJOR >= 3
  dnnl::matmul::primitive_desc made(s.engine, a, b, bias, out, attributes);
#else
  dnnl::matmul::primitive_desc made({a, b, bias, out}, attributes, s.engine);
#endif
  Entry e;
  e.primitive = dnnl::matmul(made);
  e.a.user = e.a.inner = memory(a, s.engine, nullptr);
  e.b.user = e.b.inner = memory(b, s.engine, nullptr);
  e.out.user = e.out.inner = memory(out, s.engine, nullptr);
  e.arguments = {{DNNL_ARG_SRC, e.a.inner}, {DNNL_ARG_WEIGHTS, e.b.inner}, {DNNL_ARG_DST, e.out.inner}};
  if (p.bias) e.arguments[DNNL_ARG_BIAS] = e.bias = memory(bias, s.engine, nullptr);
  e.scratchpad = memory(made.scratchpad_desc(), s.engine, nullptr);
  e.scratchpad_bytes = made.scratchpad_desc().get_size();
  e.arguments[DNNL_ARG_SCRATCHPAD] = e.scratchpad;
  return e;
}

}  // namespace

extern "C" int ff_dnnl_matmul(const ff_dnnl_product *product) {
  const ff_dnnl_product &p = *product;
  if (!ff_library(FF_LIB_ONEDNN).loaded || !connect()) return 0;
  Key key{-1 - p.type, p.bias != nullptr, p.adds, p.m, p.n, p.k, p.ars, p.acs, p.brs, p.bcs, p.ldc, ff_num_threads()};
  try {
    State &s = state();
    std::lock_guard<std::mutex> lock(s.mutex);
    run(s, find(s, key, [&] { return make_matmul(s, p); }), p.a, p.b, false, p.bias, p.c);
    return 1;
  } catch (const dnnl::error &) {
    return 0;
  }
}

extern "C" int ff_product_reduced(int type, int64_t m, int64_t n, int64_t k, const void *a, int64_t ars, int64_t acs,
                                  const void *b, int64_t brs, int64_t bcs, const void *bias, void *c) {
#if defined(__x86_64__)
  // Emulated by converting on processors without the instructions: no gain.
  static const bool bf16 = __builtin_cpu_supports("avx512bf16"), int8 = __builtin_cpu_supports("avx512vnni");
  if (!(type == FF_PRODUCT_BF16 ? bf16 : int8) || ff_isa_level() < 2) return 0;
#endif
  ff_dnnl_product p = {m, n, k, ars, acs, brs, bcs, n, 0, type, a, b, bias, c};
  return ff_dnnl_matmul(&p);
}

extern "C" int ff_dnnl_conv(const ff_conv *conv, int kind, const float *a, const void *b, const float *bias, float *out) {
  return with_entry(*conv, kind, bias != nullptr, [&](State &s, Entry &e) {
    run(s, e, a, b, kind == FF_DNNL_INFERENCE, bias, out);
    return 1;
  });
}

extern "C" int ff_conv_plan_f32(const ff_conv *conv, int with_bias, uint64_t *form, size_t *bytes) {
  return with_entry(*conv, FF_DNNL_INFERENCE, with_bias != 0, [&](State &, Entry &e) {
    *form = e.id;
    *bytes = e.b.bytes;
    return e.b.differs ? 1 : 0;
  });
}

extern "C" void ff_conv_pack_f32(const ff_conv *conv, int with_bias, const float *w, void *packed) {
  with_entry(*conv, FF_DNNL_INFERENCE, with_bias != 0, [&](State &s, Entry &e) {
    e.b.user.set_data_handle((void *)w);
    e.b.inner.set_data_handle(packed);
    e.b.convert.execute(s.stream, e.b.user, e.b.inner);
    s.stream.wait();
    return 1;
  });
}

#else
extern "C" int ff_dnnl_conv(const ff_conv *, int, const float *, const void *, const float *, float *) { return 0; }
extern "C" int ff_dnnl_matmul(const ff_dnnl_product *) { return 0; }
extern "C" int ff_product_reduced(int, int64_t, int64_t, int64_t, const void *, int64_t, int64_t, const void *, int64_t,
                                  int64_t, const void *, void *) { return 0; }
extern "C" int ff_conv_plan_f32(const ff_conv *, int, uint64_t *, size_t *) { return 0; }
extern "C" void ff_conv_pack_f32(const ff_conv *, int, const float *, void *) {}
#endif

extern "C" int ff_conv_forward_packed_f32(const ff_conv *conv, const float *x, const void *packed, const float *bias, float *y) {
  return ff_dnnl_conv(conv, FF_DNNL_INFERENCE, x, packed, bias, y);
}
