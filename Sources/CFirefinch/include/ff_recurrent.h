// Whole sequences of recurrent cells: the steps' matrix products and what follows them.
#pragma once
#include <stdint.h>

typedef enum ff_cell { FF_CELL_TANH, FF_CELL_RELU, FF_CELL_GRU, FF_CELL_LSTM } ff_cell;

// One layer and direction over (steps, batch, ...). Gates in PyTorch's order.
typedef struct ff_recurrent {
  int32_t cell, reverse;
  int64_t steps, batch, hidden;
} ff_recurrent;

// x: the input's part of the gates (steps, batch, gates); wt: hidden weights transposed (hidden, gates); out (steps, batch,
// hidden). cells (as out) and c0 belong to LSTM; saved (steps, batch, 4 hidden) to LSTM and GRU.
void ff_recurrent_forward_f32(const ff_recurrent *_Nonnull plan, const float *_Nonnull x, const float *_Nonnull h0,
                              const float *_Nullable c0, const float *_Nonnull wt, const float *_Nullable bias,
                              float *_Nonnull out, float *_Nullable cells, float *_Nullable saved);
void ff_recurrent_forward_f64(const ff_recurrent *_Nonnull plan, const double *_Nonnull x, const double *_Nonnull h0,
                              const double *_Nullable c0, const double *_Nonnull wt, const double *_Nullable bias,
                              double *_Nonnull out, double *_Nullable cells, double *_Nullable saved);
// w: hidden weights (gates, hidden). gout, gcells: gradients of out and cells. dx, dy: of the input's and the hidden part of
// the gates, one buffer for both except for GRU. dh0, dc0: of the first states.
void ff_recurrent_backward_f32(const ff_recurrent *_Nonnull plan, const float *_Nullable gout, const float *_Nullable gcells,
                               const float *_Nonnull h0, const float *_Nullable c0, const float *_Nonnull w,
                               const float *_Nonnull out, const float *_Nullable cells, const float *_Nullable saved,
                               float *_Nonnull dx, float *_Nonnull dy, float *_Nonnull dh0, float *_Nullable dc0);
void ff_recurrent_backward_f64(const ff_recurrent *_Nonnull plan, const double *_Nullable gout, const double *_Nullable gcells,
                               const double *_Nonnull h0, const double *_Nullable c0, const double *_Nonnull w,
                               const double *_Nonnull out, const double *_Nullable cells, const double *_Nullable saved,
                               double *_Nonnull dx, double *_Nonnull dy, double *_Nonnull dh0, double *_Nullable dc0);
