// LAPACK's Fortran routines by dlsym. Every argument of theirs is a pointer, so one prototype serves all four element types;
// the lengths of the character arguments follow at the end, as Fortran compilers pass them.
#include "include/firefinch.h"
#include <stdlib.h>
#include <string.h>

typedef const void *in;
typedef void *out;

static void *find(int type, const char *const names[4], void *found[4]) {
  if (!ff_library(FF_LIB_OPENBLAS).loaded) return NULL;
  void *at = __atomic_load_n(&found[type], __ATOMIC_RELAXED);
  if (!at) {
    at = ff_library_symbol(FF_LIB_OPENBLAS, names[type]);
    __atomic_store_n(&found[type], at, __ATOMIC_RELAXED);
  }
  return at;
}

// The routine of this type as `call`.
#define ROUTINE(prototype, s, d, c, z)                        \
  static const char *const names[4] = {s, d, c, z};           \
  static void *found[4];                                      \
  prototype call = (prototype)find(type, names, found);       \
  if (!call) return FF_LAPACK_MISSING;

static int is_complex(int type) { return type >= FF_LAPACK_C64; }
static size_t real_size(int type) { return type % 2 ? 8 : 4; }
static size_t element_size(int type) { return real_size(type) * (is_complex(type) ? 2 : 1); }
static int32_t at_least_one(int32_t n) { return n < 1 ? 1 : n; }
static int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }
static int32_t larger(int32_t a, int32_t b) { return a > b ? a : b; }

// The size a routine asked for: the real part of the first element, rounded up against float's coarseness.
static int32_t wanted(int type, const void *first) {
  double value = type % 2 ? *(const double *)first : (double)*(const float *)first * (1 + 2.4e-7) + 1;
  return value < 1 ? 1 : value > 2147483647.0 ? 2147483647 : (int32_t)value;
}

int ff_lapack_available(void) {
  static const char *const names[4] = {"spotrf_", "dpotrf_", "cpotrf_", "zpotrf_"};
  static void *found[4];
  if (!find(FF_LAPACK_F64, names, found)) return 0;
  static int threads;
  int now = ff_num_threads();
  if (__atomic_exchange_n(&threads, now, __ATOMIC_RELAXED) != now) {
    void (*set)(int) = (void (*)(int))ff_library_symbol(FF_LIB_OPENBLAS, "openblas_set_num_threads");
    if (set) set(now);
  }
  return 1;
}

int ff_lapack_potrf(int type, char uplo, int32_t n, void *a) {
  typedef void (*prototype)(in, in, out, in, out, size_t);
  ROUTINE(prototype, "spotrf_", "dpotrf_", "cpotrf_", "zpotrf_")
  int32_t info = 0, ld = at_least_one(n);
  call(&uplo, &n, a, &ld, &info, 1);
  return info;
}

int ff_lapack_trsm(int type, char side, char uplo, char trans, char diag, int32_t m, int32_t n, const void *a, void *b) {
  typedef void (*prototype)(in, in, in, in, in, in, in, in, in, out, in, size_t, size_t, size_t, size_t);
  ROUTINE(prototype, "strsm_", "dtrsm_", "ctrsm_", "ztrsm_")
  float one[2] = {1, 0};
  double wide[2] = {1, 0};
  int32_t lda = at_least_one(side == 'L' ? m : n), ldb = at_least_one(m);
  call(&side, &uplo, &trans, &diag, &m, &n, type % 2 ? (void *)wide : (void *)one, a, &lda, b, &ldb, 1, 1, 1, 1);
  return 0;
}

int ff_lapack_getrf(int type, int32_t m, int32_t n, void *a, int32_t *pivots) {
  typedef void (*prototype)(in, in, out, in, out, out);
  ROUTINE(prototype, "sgetrf_", "dgetrf_", "cgetrf_", "zgetrf_")
  int32_t info = 0, ld = at_least_one(m);
  call(&m, &n, a, &ld, pivots, &info);
  return info;
}

int ff_lapack_getrs(int type, char trans, int32_t n, int32_t columns, const void *a, const int32_t *pivots, void *b) {
  typedef void (*prototype)(in, in, in, in, in, in, out, in, out, size_t);
  ROUTINE(prototype, "sgetrs_", "dgetrs_", "cgetrs_", "zgetrs_")
  int32_t info = 0, ld = at_least_one(n);
  call(&trans, &n, &columns, a, &ld, pivots, b, &ld, &info, 1);
  return info;
}

typedef void (*sytrf_prototype)(in, in, out, in, out, out, in, out, size_t);
static int hetrf_with(sytrf_prototype call, int type, char uplo, int32_t n, void *a, int32_t *pivots) {
  int32_t info = 0, ld = at_least_one(n), size = -1;
  double first[2] = {1, 0};
  call(&uplo, &n, a, &ld, pivots, first, &size, &info, 1);
  size = wanted(type, first);
  void *work = malloc(size * element_size(type));
  if (!work) return FF_LAPACK_MEMORY;
  call(&uplo, &n, a, &ld, pivots, work, &size, &info, 1);
  free(work);
  return info;
}
static int hetrf(int type, char uplo, int32_t n, void *a, int32_t *pivots) {
  ROUTINE(sytrf_prototype, "ssytrf_", "dsytrf_", "chetrf_", "zhetrf_")
  return hetrf_with(call, type, uplo, n, a, pivots);
}
int ff_lapack_sytrf(int type, int hermitian, char uplo, int32_t n, void *a, int32_t *pivots) {
  if (hermitian) return hetrf(type, uplo, n, a, pivots);
  ROUTINE(sytrf_prototype, "ssytrf_", "dsytrf_", "csytrf_", "zsytrf_")
  return hetrf_with(call, type, uplo, n, a, pivots);
}

typedef void (*sytrs_prototype)(in, in, in, in, in, in, out, in, out, size_t);
static int hetrs(int type, char uplo, int32_t n, int32_t columns, const void *a, const int32_t *pivots, void *b) {
  ROUTINE(sytrs_prototype, "ssytrs_", "dsytrs_", "chetrs_", "zhetrs_")
  int32_t info = 0, ld = at_least_one(n);
  call(&uplo, &n, &columns, a, &ld, pivots, b, &ld, &info, 1);
  return info;
}
int ff_lapack_sytrs(int type, int hermitian, char uplo, int32_t n, int32_t columns, const void *a, const int32_t *pivots,
                    void *b) {
  if (hermitian) return hetrs(type, uplo, n, columns, a, pivots, b);
  ROUTINE(sytrs_prototype, "ssytrs_", "dsytrs_", "csytrs_", "zsytrs_")
  int32_t info = 0, ld = at_least_one(n);
  call(&uplo, &n, &columns, a, &ld, pivots, b, &ld, &info, 1);
  return info;
}

int ff_lapack_geqrf(int type, int32_t m, int32_t n, void *a, void *tau) {
  typedef void (*prototype)(in, in, out, in, out, out, in, out);
  ROUTINE(prototype, "sgeqrf_", "dgeqrf_", "cgeqrf_", "zgeqrf_")
  int32_t info = 0, ld = at_least_one(m), size = -1;
  double first[2] = {1, 0};
  call(&m, &n, a, &ld, tau, first, &size, &info);
  size = larger(wanted(type, first), at_least_one(n));
  void *work = malloc(size * element_size(type));
  if (!work) return FF_LAPACK_MEMORY;
  call(&m, &n, a, &ld, tau, work, &size, &info);
  free(work);
  return info;
}

int ff_lapack_orgqr(int type, int32_t m, int32_t n, int32_t k, void *a, const void *tau) {
  typedef void (*prototype)(in, in, in, out, in, in, out, in, out);
  ROUTINE(prototype, "sorgqr_", "dorgqr_", "cungqr_", "zungqr_")
  int32_t info = 0, ld = at_least_one(m), size = -1;
  double first[2] = {1, 0};
  call(&m, &n, &k, a, &ld, tau, first, &size, &info);
  size = larger(wanted(type, first), at_least_one(n));
  void *work = malloc(size * element_size(type));
  if (!work) return FF_LAPACK_MEMORY;
  call(&m, &n, &k, a, &ld, tau, work, &size, &info);
  free(work);
  return info;
}

int ff_lapack_ormqr(int type, char side, int transposed, int32_t m, int32_t n, int32_t k, const void *a, const void *tau,
                    void *c) {
  typedef void (*prototype)(in, in, in, in, in, in, in, in, out, in, out, in, out, size_t, size_t);
  ROUTINE(prototype, "sormqr_", "dormqr_", "cunmqr_", "zunmqr_")
  char trans = !transposed ? 'N' : is_complex(type) ? 'C' : 'T';
  int32_t info = 0, lda = at_least_one(side == 'L' ? m : n), ldc = at_least_one(m), size = -1;
  double first[2] = {1, 0};
  call(&side, &trans, &m, &n, &k, a, &lda, tau, c, &ldc, first, &size, &info, 1, 1);
  size = larger(wanted(type, first), larger(at_least_one(m), n));
  void *work = malloc(size * element_size(type));
  if (!work) return FF_LAPACK_MEMORY;
  call(&side, &trans, &m, &n, &k, a, &lda, tau, c, &ldc, work, &size, &info, 1, 1);
  free(work);
  return info;
}

int ff_lapack_gesdd(int type, char job, int32_t m, int32_t n, void *a, void *s, void *u, void *vt) {
  // Complex routines have one more array, before the integers.
  typedef void (*real_prototype)(in, in, in, out, in, out, out, in, out, in, out, in, out, out, size_t);
  typedef void (*prototype)(in, in, in, out, in, out, out, in, out, in, out, in, out, out, out, size_t);
  ROUTINE(prototype, "sgesdd_", "dgesdd_", "cgesdd_", "zgesdd_")
  int32_t few = smaller(m, n), many = larger(m, n), info = 0, size = -1;
  int32_t lda = at_least_one(m), ldu = lda, ldvt = at_least_one(job == 'A' ? n : few);
  double first[2] = {1, 0}, none[2];
  if (!u) u = none;
  if (!vt) vt = none;
  size_t small = few, big = many;
  size_t reals = 1;
  if (is_complex(type)) {
    size_t with_vectors = 5 * small + 7 > 2 * big + 2 * small + 1 ? 5 * small + 7 : 2 * big + 2 * small + 1;
    reals = job == 'N' ? 7 * small + 1 : small * with_vectors + 1;
  }
  int32_t *integers = malloc((8 * small + 1) * sizeof(int32_t));
  void *scratch = malloc(reals * real_size(type));
  void *work = NULL;
  if (integers && scratch) {
    for (int pass = 0; pass < 2; pass++) {
      void *space = pass ? work : (void *)first;
      if (is_complex(type))
        call(&job, &m, &n, a, &lda, s, u, &ldu, vt, &ldvt, space, &size, scratch, integers, &info, 1);
      else
        ((real_prototype)call)(&job, &m, &n, a, &lda, s, u, &ldu, vt, &ldvt, space, &size, integers, &info, 1);
      if (pass || info) break;
      size = wanted(type, first);
      work = malloc(size * element_size(type));
      if (!work) break;
    }
  }
  if (!integers || !scratch || (!work && !info)) info = FF_LAPACK_MEMORY;
  free(work);
  free(scratch);
  free(integers);
  return info;
}

int ff_lapack_syevd(int type, char job, char uplo, int32_t n, void *a, void *w) {
  typedef void (*real_prototype)(in, in, in, out, in, out, out, in, out, in, out, size_t, size_t);
  typedef void (*prototype)(in, in, in, out, in, out, out, in, out, in, out, in, out, size_t, size_t);
  ROUTINE(prototype, "ssyevd_", "dsyevd_", "cheevd_", "zheevd_")
  int32_t info = 0, ld = at_least_one(n), size = -1, reals = -1, integers = -1, count = 1;
  double first[2] = {1, 0}, real = 1;
  void *work = first, *scratch = &real;
  int32_t *list = &count;
  for (int pass = 0; pass < 2; pass++) {
    if (is_complex(type))
      call(&job, &uplo, &n, a, &ld, w, work, &size, scratch, &reals, list, &integers, &info, 1, 1);
    else
      ((real_prototype)call)(&job, &uplo, &n, a, &ld, w, work, &size, list, &integers, &info, 1, 1);
    if (pass) break;
    if (info) return info;
    size = wanted(type, first);
    reals = is_complex(type) ? wanted(type, &real) : 1;
    integers = at_least_one(count);
    work = malloc(size * element_size(type));
    scratch = malloc(reals * real_size(type));
    list = malloc(integers * sizeof(int32_t));
    if (!work || !scratch || !list) {
      info = FF_LAPACK_MEMORY;
      break;
    }
  }
  free(work);
  free(scratch);
  free(list);
  return info;
}

// Real eigenvectors as complex ones: of a pair of conjugate eigenvalues column j holds the real, j + 1 the imaginary parts.
#define UNPACK(T, name)                                                              \
  static void name(int32_t n, const T *re, const T *im, const T *packed, T *w, T *v) { \
    for (int32_t j = 0; j < n; j++) {                                                \
      w[2 * j] = re[j];                                                              \
      w[2 * j + 1] = im[j];                                                          \
    }                                                                                \
    if (!v) return;                                                                  \
    for (int64_t j = 0; j < n; j++) {                                                \
      const T *x = packed + j * n, *y = x + n;                                       \
      T *a = v + 2 * j * n, *b = a + 2 * n;                                          \
      int pair = im[j] != 0 && j + 1 < n;                                            \
      for (int64_t i = 0; i < n; i++) {                                              \
        a[2 * i] = x[i];                                                             \
        a[2 * i + 1] = pair ? y[i] : 0;                                              \
        if (pair) {                                                                  \
          b[2 * i] = x[i];                                                           \
          b[2 * i + 1] = -y[i];                                                      \
        }                                                                            \
      }                                                                              \
      if (pair) j++;                                                                 \
    }                                                                                \
  }
UNPACK(float, unpack_f32)
UNPACK(double, unpack_f64)

int ff_lapack_geev(int type, int32_t n, void *a, void *w, void *v) {
  typedef void (*real_prototype)(in, in, in, out, in, out, out, out, in, out, in, out, in, out, size_t, size_t);
  typedef void (*prototype)(in, in, in, out, in, out, out, in, out, in, out, in, out, out, size_t, size_t);
  ROUTINE(prototype, "sgeev_", "dgeev_", "cgeev_", "zgeev_")
  char no = 'N', job = v ? 'V' : 'N';
  int32_t info = 0, ld = at_least_one(n), size = -1;
  size_t length = at_least_one(n), bytes = real_size(type);
  double first[2] = {1, 0}, none[2];
  // Real: the parts of the eigenvalues and the packed vectors; complex: 2 n reals of workspace.
  char *parts = malloc((2 * length + (v && !is_complex(type) ? length * length : 1)) * bytes);
  if (!parts) return FF_LAPACK_MEMORY;
  char *imaginary = parts + length * bytes, *packed = imaginary + length * bytes;
  void *work = first;
  for (int pass = 0; pass < 2; pass++) {
    if (is_complex(type))
      call(&no, &job, &n, a, &ld, w, none, &ld, v ? v : none, &ld, work, &size, parts, &info, 1, 1);
    else
      ((real_prototype)call)(&no, &job, &n, a, &ld, parts, imaginary, none, &ld, packed, &ld, work, &size, &info, 1, 1);
    if (pass) {
      free(work);
      break;
    }
    if (info) break;
    size = larger(wanted(type, first), 4 * ld);
    work = malloc(size * element_size(type));
    if (!work) {
      info = FF_LAPACK_MEMORY;
      break;
    }
  }
  if (type == FF_LAPACK_F32 && info >= 0)
    unpack_f32(n, (float *)parts, (float *)imaginary, (float *)packed, w, v);
  if (type == FF_LAPACK_F64 && info >= 0)
    unpack_f64(n, (double *)parts, (double *)imaginary, (double *)packed, w, v);
  free(parts);
  return info;
}

typedef struct least_squares {
  int32_t m, n, columns, lda, ldb;
  void *a, *b, *s;
  const void *rcond;
  int32_t *rank;
} least_squares;

static int gels(int type, const least_squares *p, void *work, const int32_t *size) {
  typedef void (*prototype)(in, in, in, in, out, in, out, in, out, in, out, size_t);
  ROUTINE(prototype, "sgels_", "dgels_", "cgels_", "zgels_")
  char no = 'N';
  int32_t info = 0;
  call(&no, &p->m, &p->n, &p->columns, p->a, &p->lda, p->b, &p->ldb, work, size, &info, 1);
  return info;
}

static int gelsy(int type, const least_squares *p, void *work, const int32_t *size, void *reals, int32_t *integers) {
  typedef void (*real_prototype)(in, in, in, out, in, out, in, out, in, out, out, in, out);
  typedef void (*prototype)(in, in, in, out, in, out, in, out, in, out, out, in, out, out);
  ROUTINE(prototype, "sgelsy_", "dgelsy_", "cgelsy_", "zgelsy_")
  int32_t info = 0;
  if (is_complex(type))
    call(&p->m, &p->n, &p->columns, p->a, &p->lda, p->b, &p->ldb, integers, p->rcond, p->rank, work, size, reals, &info);
  else
    ((real_prototype)call)(&p->m, &p->n, &p->columns, p->a, &p->lda, p->b, &p->ldb, integers, p->rcond, p->rank, work,
                           size, &info);
  return info;
}

static int gelsd(int type, const least_squares *p, void *work, const int32_t *size, void *reals, int32_t *integers) {
  typedef void (*real_prototype)(in, in, in, out, in, out, in, out, in, out, out, in, out, out);
  typedef void (*prototype)(in, in, in, out, in, out, in, out, in, out, out, in, out, out, out);
  ROUTINE(prototype, "sgelsd_", "dgelsd_", "cgelsd_", "zgelsd_")
  int32_t info = 0;
  if (is_complex(type))
    call(&p->m, &p->n, &p->columns, p->a, &p->lda, p->b, &p->ldb, p->s, p->rcond, p->rank, work, size, reals, integers,
         &info);
  else
    ((real_prototype)call)(&p->m, &p->n, &p->columns, p->a, &p->lda, p->b, &p->ldb, p->s, p->rcond, p->rank, work, size,
                           integers, &info);
  return info;
}

static int gelss(int type, const least_squares *p, void *work, const int32_t *size, void *reals) {
  typedef void (*real_prototype)(in, in, in, out, in, out, in, out, in, out, out, in, out);
  typedef void (*prototype)(in, in, in, out, in, out, in, out, in, out, out, in, out, out);
  ROUTINE(prototype, "sgelss_", "dgelss_", "cgelss_", "zgelss_")
  int32_t info = 0;
  if (is_complex(type))
    call(&p->m, &p->n, &p->columns, p->a, &p->lda, p->b, &p->ldb, p->s, p->rcond, p->rank, work, size, reals, &info);
  else
    ((real_prototype)call)(&p->m, &p->n, &p->columns, p->a, &p->lda, p->b, &p->ldb, p->s, p->rcond, p->rank, work, size,
                           &info);
  return info;
}

int ff_lapack_lstsq(int type, int driver, int32_t m, int32_t n, int32_t columns, void *a, void *b, double rcond, void *s,
                    int32_t *rank) {
  float narrow = (float)rcond;
  least_squares p = {m, n, columns, at_least_one(m), at_least_one(larger(m, n)), a, b, s,
                     type % 2 ? (void *)&rcond : (void *)&narrow, rank};
  int32_t size = -1, info = 0;
  size_t reals = 1, integers = at_least_one(n);
  double first[2] = {1, 0}, real_first[2] = {1, 0};
  int32_t integer_first = 1;
  // gelsd says how much of all three it needs; the others have fixed rules.
  if (driver == FF_GELSY) reals = 2 * (size_t)n + 1;
  if (driver == FF_GELSS) reals = 5 * (size_t)smaller(m, n) + 1;
  void *work = first, *scratch = real_first;
  int32_t *list = &integer_first;
  for (int pass = 0; pass < 2; pass++) {
    switch (driver) {
      case FF_GELS: info = gels(type, &p, work, &size); break;
      case FF_GELSY: info = gelsy(type, &p, work, &size, scratch, list); break;
      case FF_GELSD: info = gelsd(type, &p, work, &size, scratch, list); break;
      default: info = gelss(type, &p, work, &size, scratch); break;
    }
    if (pass) break;
    if (info) return info;
    size = wanted(type, first);
    if (driver == FF_GELSD) {
      if (is_complex(type)) reals = wanted(type, real_first);
      integers = at_least_one(integer_first);
    }
    work = malloc(size * element_size(type));
    scratch = malloc(reals * real_size(type));
    list = calloc(integers, sizeof(int32_t));
    if (!work || !scratch || !list) {
      info = FF_LAPACK_MEMORY;
      break;
    }
  }
  free(work);
  free(scratch);
  free(list);
  return info;
}
