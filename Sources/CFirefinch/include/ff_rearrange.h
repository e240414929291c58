// Copies of elements of 1, 2, 4, 8 or 16 bytes, serial; callers split the work.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// `lines` lines of `n` elements, each with its order reversed.
void ff_reverse(int size, int64_t lines, int64_t n, const void *x, void *out);
/// `out[i * step] = x[i]`.
void ff_spread(int size, int64_t count, int64_t step, const void *x, void *out);
/// memcpy that stays fast where the low 12 bits of `out` are slightly above those of `x`: processors take such loads for
/// loads of what was just stored and wait.
/// It then copies from the end to the start.
void ff_copy_shifted(void *out, const void *x, size_t count);
/// Whether `ff_copy_shifted` goes from the end to the start.
int ff_copies_down(const void *out, const void *x);
