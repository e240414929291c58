// Attention over strided operands: what the attention kernels read and write.
#pragma once
#include <stdint.h>

// Element (n, h, t, e) lies at data[n * n_stride + h * h_stride + t * t_stride + e]; null where there is none.
typedef struct ff_attention_operand {
  void *data;
  int64_t n_stride, h_stride, t_stride;
} ff_attention_operand;

// out = softmax(scale q kᵀ + mask) v for q (batch, heads, queries, size), k (batch, heads / group, keys, size) and
// v (batch, heads / group, keys, value_size). Key and value head h / group serves query head h.
typedef struct ff_attention {
  int64_t batch, heads, group, queries, keys, size, value_size;
  double scale;
  int32_t causal;     // query i sees keys 0...i only
  int32_t mask_kind;  // 0 none, 1 added to the scores, 2 bytes that are 0 where attending is not allowed
  const void *mask;
  int64_t mask_n, mask_h, mask_q, mask_k;  // strides of the mask
  ff_attention_operand q, k, v, out;
  void *lse;  // (batch, heads, queries), dense: the logarithm of each row's sum of exponentials; 0 for a row that sees nothing
  ff_attention_operand gout, gq, gk, gv;  // backward; a gradient with null data is not wanted
} ff_attention;
