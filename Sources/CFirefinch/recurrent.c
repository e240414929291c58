// Sequences of recurrent cells. The batch is cut into chunks of fixed size that run side by side through all steps: no
// thread waits for another at every step, and no result depends on the number of threads.
#include "include/firefinch.h"
#include <stdlib.h>
#include <string.h>
#include "memory.h"

static int64_t gates_of(const ff_recurrent *p) { return p->cell == FF_CELL_LSTM ? 4 : p->cell == FF_CELL_GRU ? 3 : 1; }
static int64_t kept_of(const ff_recurrent *p) { return p->cell >= FF_CELL_GRU ? 4 : 0; }
// At most 16 chunks of at least 8 rows.
static int64_t chunk_of(const ff_recurrent *p) {
  int64_t rows = ((p->batch + 15) / 16 + 7) / 8 * 8;
  return rows < 8 ? 8 : rows;
}

#define T float
#define NAME(x) x##_f32
#include "recurrent_driver.inc"
#undef T
#undef NAME
#define T double
#define NAME(x) x##_f64
#include "recurrent_driver.inc"
