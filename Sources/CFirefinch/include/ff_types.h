// Element types, register classes and the program format of the pointwise engine.
#pragma once
#include <stddef.h>
#include <stdint.h>

// Element types as stored in memory; the raw values of Swift's DType.
typedef enum ff_dtype {
  FF_FLOAT32 = 0, FF_FLOAT64 = 1, FF_FLOAT16 = 2, FF_BFLOAT16 = 3,
  FF_INT8 = 4, FF_INT16 = 5, FF_INT32 = 6, FF_INT64 = 7, FF_UINT8 = 8, FF_BOOL = 9,
  FF_COMPLEX64 = 10, FF_COMPLEX128 = 11
} ff_dtype;

// Register classes: what a primitive computes in. Loads and stores convert between a dtype and a class.
typedef enum ff_class { FF_F32 = 0, FF_F64 = 1, FF_I64 = 2, FF_B8 = 3 } ff_class;

// Primitives. Columns: name, operand count. `cls` of an instruction is the class of its value operands;
// comparisons, is*, and logical ops yield FF_B8; `select(a: FF_B8, b, c)`; `cast` goes from cls to class number `b`.
#define FF_PRIMITIVES(X) \
  X(move,1) X(cast,1) X(add,2) X(sub,2) X(mul,2) X(div,2) X(fma,3) X(neg,1) X(abs,1) X(sign,1) \
  X(min,2) X(max,2) X(fmin,2) X(fmax,2) X(remainder,2) X(fmod,2) X(floordiv,2) X(truncdiv,2) \
  X(pow,2) X(atan2,2) X(hypot,2) X(copysign,2) X(nextafter,2) \
  X(exp,1) X(exp2,1) X(expm1,1) X(log,1) X(log2,1) X(log10,1) X(log1p,1) X(sqrt,1) X(rsqrt,1) X(reciprocal,1) \
  X(sin,1) X(cos,1) X(tan,1) X(asin,1) X(acos,1) X(atan,1) X(sinh,1) X(cosh,1) X(tanh,1) \
  X(asinh,1) X(acosh,1) X(atanh,1) X(erf,1) X(erfc,1) X(erfinv,1) X(lgamma,1) X(digamma,1) X(sigmoid,1) \
  X(floor,1) X(ceil,1) X(round,1) X(trunc,1) \
  X(eq,2) X(ne,2) X(lt,2) X(le,2) X(gt,2) X(ge,2) X(isnan,1) X(isinf,1) X(signbit,1) \
  X(and,2) X(or,2) X(xor,2) X(not,1) X(shl,2) X(shr,2) X(select,3) X(gcd,2) X(lcm,2) \
  X(i0,1) X(i0e,1) X(i1,1) X(i1e,1) X(bessel_j0,1) X(bessel_j1,1) X(bessel_y0,1) X(bessel_y1,1) \
  X(modified_bessel_k0,1) X(modified_bessel_k1,1) X(scaled_modified_bessel_k0,1) X(scaled_modified_bessel_k1,1) \
  X(spherical_bessel_j0,1) X(airy_ai,1) X(erfcx,1) X(ndtri,1) X(log_ndtr,1) \
  X(zeta,2) X(polygamma,2) X(igamma,2) X(igammac,2) X(chebyshev_t,2) X(chebyshev_u,2) X(chebyshev_v,2) X(chebyshev_w,2) \
  X(hermite_h,2) X(hermite_he,2) X(laguerre_l,2) X(legendre_p,2)

typedef enum ff_primitive {
#define FF_ENUM(name, n) FF_OP_##name,
  FF_PRIMITIVES(FF_ENUM)
#undef FF_ENUM
  FF_OP_COUNT
} ff_primitive;

// One instruction: registers are numbered from 0; registers [0, nin) are the loaded inputs, then come the constants, then temporaries.
typedef struct ff_inst { uint16_t op; uint8_t cls; uint8_t dst; uint8_t a, b, c, unused; } ff_inst;

// A value known at call time, splat into register `reg`. `f` serves the float classes, `i` serves FF_I64 and FF_B8.
typedef struct ff_constant { double f; int64_t i; uint8_t cls; uint8_t reg; } ff_constant;

typedef struct ff_program {
  const ff_inst *insts;
  const ff_constant *constants;
  const uint8_t *classes;  // class of every register, nregs entries
  int32_t ninsts, nconstants, nregs;
} ff_program;

#define FF_MAX_DIMS 8
#define FF_MAX_OPERANDS 16

// A buffer walked by a loop. Strides count elements, one per loop dim; 0 broadcasts. `data` points at the element of index 0.
typedef struct ff_operand {
  void *data;
  int64_t strides[FF_MAX_DIMS];
  uint8_t dtype;  // ff_dtype in memory
  uint8_t reg;    // register loaded (inputs) or stored (outputs)
} ff_operand;

// An iteration space (dims outermost first, already collapsed), inputs first, then outputs.
typedef struct ff_loop {
  int64_t sizes[FF_MAX_DIMS];
  int32_t ndim;
  int32_t nin, nout;
  ff_operand ops[FF_MAX_OPERANDS];
} ff_loop;

typedef enum ff_combiner {
  FF_REDUCE_SUM, FF_REDUCE_PROD, FF_REDUCE_MAX, FF_REDUCE_MIN, FF_REDUCE_ARGMAX, FF_REDUCE_ARGMIN, FF_REDUCE_ANY, FF_REDUCE_ALL
} ff_combiner;

// Bits returned by kernels that can meet bad values.
enum { FF_ERR_NONE = 0, FF_ERR_DIVISION_BY_ZERO = 1, FF_ERR_INDEX = 2 };

#include "ff_attention.h"
#include "ff_fft.h"
#include "ff_pool.h"
#include "ff_resize.h"
