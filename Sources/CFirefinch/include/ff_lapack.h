// LAPACK's routines, found in OpenBLAS at run time. Matrices are column-major and dense: the leading dimension is the number
// of rows. `type` chooses the elements. Workspace is allocated inside. All return LAPACK's info, or one of the codes below.
#pragma once
#include <stdint.h>

enum { FF_LAPACK_F32 = 0, FF_LAPACK_F64 = 1, FF_LAPACK_C64 = 2, FF_LAPACK_C128 = 3 };
enum { FF_LAPACK_MISSING = -100000, FF_LAPACK_MEMORY = -100001 };
typedef enum ff_lstsq_driver { FF_GELS, FF_GELSY, FF_GELSD, FF_GELSS } ff_lstsq_driver;

// Whether OpenBLAS with LAPACK is there. Gives it as many threads as Firefinch uses.
int ff_lapack_available(void);

// Cholesky's factor of one triangle of a (n x n).
int ff_lapack_potrf(int type, char uplo, int32_t n, void *_Nonnull a);
// Solves op(a) x = b (side 'L') or x op(a) = b (side 'R') for triangular a; b is m x n.
int ff_lapack_trsm(int type, char side, char uplo, char trans, char diag, int32_t m, int32_t n, const void *_Nonnull a,
                   void *_Nonnull b);
// LU factors with row exchanges, counted from 1.
int ff_lapack_getrf(int type, int32_t m, int32_t n, void *_Nonnull a, int32_t *_Nonnull pivots);
int ff_lapack_getrs(int type, char trans, int32_t n, int32_t columns, const void *_Nonnull a,
                    const int32_t *_Nonnull pivots, void *_Nonnull b);
// Bunch and Kaufman's factors of a symmetric or Hermitian matrix.
int ff_lapack_sytrf(int type, int hermitian, char uplo, int32_t n, void *_Nonnull a, int32_t *_Nonnull pivots);
int ff_lapack_sytrs(int type, int hermitian, char uplo, int32_t n, int32_t columns, const void *_Nonnull a,
                    const int32_t *_Nonnull pivots, void *_Nonnull b);
// Householder's QR; the first columns of Q from the reflectors; a product with Q or its (conjugate) transpose.
int ff_lapack_geqrf(int type, int32_t m, int32_t n, void *_Nonnull a, void *_Nonnull tau);
int ff_lapack_orgqr(int type, int32_t m, int32_t n, int32_t k, void *_Nonnull a, const void *_Nonnull tau);
int ff_lapack_ormqr(int type, char side, int transposed, int32_t m, int32_t n, int32_t k, const void *_Nonnull a,
                    const void *_Nonnull tau, void *_Nonnull c);
// Singular values (real) and, for job 'S' or 'A', vectors. a is destroyed.
int ff_lapack_gesdd(int type, char job, int32_t m, int32_t n, void *_Nonnull a, void *_Nonnull s, void *_Nullable u,
                    void *_Nullable vt);
// Eigenvalues (real) of a symmetric or Hermitian matrix; with job 'V' the vectors in place of a.
int ff_lapack_syevd(int type, char job, char uplo, int32_t n, void *_Nonnull a, void *_Nonnull w);
// Eigenvalues and, where v is given, right eigenvectors of a general matrix; both complex for every type. a is destroyed.
int ff_lapack_geev(int type, int32_t n, void *_Nonnull a, void *_Nonnull w, void *_Nullable v);
// Least squares: b has max(m, n) rows and becomes the solution. s (real) and rank are filled by the drivers that know them.
int ff_lapack_lstsq(int type, int driver, int32_t m, int32_t n, int32_t columns, void *_Nonnull a, void *_Nonnull b,
                    double rcond, void *_Nonnull s, int32_t *_Nonnull rank);
