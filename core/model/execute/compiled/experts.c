/* Forward and backward of groups of glu or mlp experts over their sorted rows, float32.

   Between an expert's matrix products lies one pass over its rows: the activation, its slope, the weight of the
   slot and the gate's product together, where torch takes a pass and a stretch of memory for each. The products
   are those of the BLAS that NumPy brought. The threads are those of torch, for others beside them would fight
   for the cores. The addresses of both come with the call.

   An expert is one thread's work, and the experts of all groups are given out together, for every expert of an
   uneven bank may be a group of its own. What experts add to a token is added in their order, whoever is done
   first, so no result depends on the number of threads.

   N sorted rows, T tokens, D model width, H hidden width, W = 2H with a gate and else H, E experts, G groups, R
   most rows of a run. */

#include <stdint.h>
#include <string.h>

typedef void gemm_t(int order, int turn_a, int turn_b, BLAS_INT m, BLAS_INT n, BLAS_INT k, float alpha,
                    const float *a, BLAS_INT lda, const float *b, BLAS_INT ldb, float beta, float *c,
                    BLAS_INT ldc);
/* As gcc calls OpenMP: `work` on so many threads at once, done when it returns. */
typedef void parallel_t(void (*work)(void *), void *task, unsigned threads, unsigned flags);
enum { BY_ROWS = 101, AS_IS = 111, TURNED = 112 }; /* as every CBLAS numbers them */
enum { FEW = 4 };                                  /* rows that are multiplied without the BLAS */

/* Experts first to first + E of the bank, all alike. start: where the pre-activations of their rows start among
   those of all groups. activation: an index into PAIRS below. */
typedef struct {
  int64_t first, E, H, W, R, start, activation, gated;
  const float *into_EWD, *down_EDH;
} Group;

/* What all passes are told. Expert e of the bank has the rows from start_E[e] to start_E[e + 1]. groups: ascending
   by `first`. order_E: the E experts of all groups in the order in which they are taken; ascending for a single
   thread. room: floats that a thread needs, see `forward_of` and `backward_of`. */
typedef struct {
  gemm_t *gemm;
  parallel_t *parallel;
  const Group *groups;
  const float *x_TD;
  int64_t threads, T, D, N, E, room;
  const int64_t *start_E, *order_E, *token_N;
} Bank;

/* e^x of x <= 0 to 2 units in the last place, 0 where that is below 2^-126.5: 2^n by way of the exponent's bits, a
   polynomial for the rest. n is read from a sum so large that its last bit counts ones: a conversion to int is
   undefined for NaN, which stays NaN here. One comparison with a constant: gcc makes many of two. */
static inline float exponential(float x) {
  const float large = 12582912.0f; /* 1.5 * 2^23 */
  x = x < -88.0f ? -88.0f : x;
  union { float f; uint32_t bits; } sum = {x * 1.44269504f + large}, power;
  float n = sum.f - large;
  float rest = x - n * 0.693359375f + n * 2.12194440e-4f; /* ln 2 in two parts */
  float p = 1.9875691500e-4f;
  p = p * rest + 1.3981999507e-3f;
  p = p * rest + 8.3334519073e-3f;
  p = p * rest + 4.1665795894e-2f;
  p = p * rest + 1.6666665459e-1f;
  p = p * rest + 5.0000001201e-1f;
  power.bits = (sum.bits + 127) << 23; /* n = -127 gives 0 */
  return (p * rest * rest + rest + 1) * power.f;
}

static inline float sigmoid(float x) {
  float e = exponential(-__builtin_fabsf(x));
  return (x < 0 ? e : 1) / (1 + e);
}

/* An activation's f(x) and f'(x). */
typedef struct { float f, slope; } Value;

static inline Value silu(float x) {
  float s = sigmoid(x);
  return (Value){x * s, s + x * s * (1 - s)};
}

/* With Abramowitz and Stegun's 7.1.26 for the error function, off by at most 1.5e-7. */
static inline Value gelu(float x) {
  float z = x < 0 ? -x : x, bell = exponential(-0.5f * x * x);
  float t = 1 / (1 + 0.3275911f * 0.70710678f * z);
  float p = 1.061405429f;
  p = p * t - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  float tail = 0.5f * p * t * bell, below = x < 0 ? tail : 1 - tail;
  return (Value){x * below, below + x * bell * 0.39894228f};
}

static inline Value gelu_tanh(float x) {
  float s = sigmoid(1.59576912f * (x + 0.044715f * x * x * x));
  return (Value){x * s, s + x * s * (1 - s) * 1.59576912f * (1 + 0.134145f * x * x)};
}

static inline Value relu(float x) {
  return (Value){x < 0 ? 0 : x, x <= 0 ? 0 : 1};
}

static inline Value relu2(float x) {
  float r = x < 0 ? 0 : x;
  return (Value){r * r, 2 * r};
}

/* One row between the products. `there`: what goes down, from pre-activations h [W]. `back`: from the gradient
   d [H] of what went down before its weight w, the gradient dh [W]; what went down times w; and the gradient of
   w, which is returned. */
typedef void there_t(const float *restrict h, int64_t H, float *restrict out);
typedef float back_t(const float *restrict h, const float *restrict d, float w, int64_t H, float *restrict dh,
                     float *restrict out);
typedef struct { there_t *there; back_t *back; } Pair;

#define ROW(NAME, GATED)                                                                                   \
  static void NAME##_there_##GATED(const float *restrict h, int64_t H, float *restrict out) {              \
    for (int64_t j = 0; j < H; j++) {                                                                      \
      Value v = NAME(h[j]);                                                                                \
      out[j] = GATED ? v.f * h[H + j] : v.f;                                                               \
    }                                                                                                      \
  }                                                                                                        \
  static float NAME##_back_##GATED(const float *restrict h, const float *restrict d, float w, int64_t H,   \
                                   float *restrict dh, float *restrict out) {                              \
    float dw = 0;                                                                                          \
    _Pragma("omp simd reduction(+ : dw)") for (int64_t j = 0; j < H; j++) {                                \
      Value v = NAME(h[j]);                                                                                \
      float up = GATED ? h[H + j] : 1, product = v.f * up, weighed = d[j] * w;                             \
      dw += d[j] * product;                                                                                \
      out[j] = w * product;                                                                                \
      dh[j] = weighed * up * v.slope;                                                                      \
      if (GATED) dh[H + j] = weighed * v.f;                                                                \
    }                                                                                                      \
    return dw;                                                                                             \
  }
#define ROWS(NAME) ROW(NAME, 0) ROW(NAME, 1)
#define PAIRS_OF(NAME) {{NAME##_there_0, NAME##_back_0}, {NAME##_there_1, NAME##_back_1}}
ROWS(silu) ROWS(gelu) ROWS(gelu_tanh) ROWS(relu) ROWS(relu2)
static const Pair PAIRS[][2] = {PAIRS_OF(silu), PAIRS_OF(gelu), PAIRS_OF(gelu_tanh), PAIRS_OF(relu),
                                PAIRS_OF(relu2)};

static void gather(const float *from_TD, const int64_t *token, int64_t rows, int64_t D, float *to) {
  for (int64_t r = 0; r < rows; r++) memcpy(to + r * D, from_TD + token[r] * D, D * sizeof(float));
}

/* Rows of the next run where an expert has `left`: equal parts of at most R. */
static int64_t run_of(const Group *g, int64_t left) {
  return left / ((left + g->R - 1) / g->R);
}

/* out[0 to 4] = row_I times four rows of a matrix. */
static void dots(const float *restrict row_I, const float *restrict four_4I, int64_t I, float *restrict out) {
  float a = 0, b = 0, c = 0, d = 0;
  _Pragma("omp simd reduction(+ : a, b, c, d)") for (int64_t i = 0; i < I; i++) {
    a += row_I[i] * four_4I[i];
    b += row_I[i] * four_4I[I + i];
    c += row_I[i] * four_4I[2 * I + i];
    d += row_I[i] * four_4I[3 * I + i];
  }
  out[0] = a, out[1] = b, out[2] = c, out[3] = d;
}

static float dot(const float *restrict a, const float *restrict b, int64_t I) {
  float sum = 0;
  _Pragma("omp simd reduction(+ : sum)") for (int64_t i = 0; i < I; i++) sum += a[i] * b[i];
  return sum;
}

/* out_RO = rows_RI times the matrix_OI turned. A few rows by dot products, without `gemm`: a BLAS first
   copies the matrix. */
static void times(gemm_t *gemm, const float *rows_RI, int64_t R, int64_t I, const float *matrix_OI, int64_t O,
                  float *out_RO) {
  if (R > FEW) {
    gemm(BY_ROWS, AS_IS, TURNED, R, O, I, 1, rows_RI, I, matrix_OI, I, 0, out_RO, O);
    return;
  }
  int64_t o = 0;
  for (; o + 4 <= O; o += 4)
    for (int64_t r = 0; r < R; r++) dots(rows_RI + r * I, matrix_OI + o * I, I, out_RO + r * O + o);
  for (; o < O; o++)
    for (int64_t r = 0; r < R; r++) out_RO[r * O + o] = dot(rows_RI + r * I, matrix_OI + o * I, I);
}

static void add(const float *restrict row_D, float w, int64_t D, float *restrict to_D) {
  for (int64_t j = 0; j < D; j++) to_D[j] += w * row_D[j];
}

/* What the threads of a pass share. h: the pre-activations of all groups, NULL if they are not kept. rows_ND: where
   rows wait to be added to to_TD, NULL if the only thread adds them as they come. scale_N: what times, NULL for
   once. dinto_G, ddown_G: where those of each group's matrices go. The last three count what has been given out. */
typedef struct Pass Pass;
struct Pass {
  const Bank *b;
  void (*expert)(const Pass *p, int64_t group, int64_t e, float *room);
  const float *weight_N, *scale_N, *dy_TD;
  float *const *dinto_G, *const *ddown_G;
  float *h, *to_TD, *dweight_N, *rows_ND, *room;
  int64_t experts, rooms, sums;
};

static int64_t ticket(int64_t *count) {
  return __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
}

/* Adds `n` rows from `at` on to those of their tokens that are among `first` to `end`. */
static void collect(const Pass *p, const float *row_nD, int64_t at, int64_t n, int64_t first, int64_t end) {
  const int64_t D = p->b->D, *token_n = p->b->token_N + at;
  for (int64_t r = 0; r < n; r++)
    if (first <= token_n[r] && token_n[r] < end)
      add(row_nD + r * D, p->scale_N ? p->scale_N[at + r] : 1, D, p->to_TD + token_n[r] * D);
}

/* What one thread does: experts, until all are taken. */
static void experts(void *shared) {
  Pass *p = shared;
  const Bank *b = p->b;
  float *room = NULL;
  for (int64_t i; (i = ticket(&p->experts)) < b->E;) {
    int64_t e = b->order_E[i], group = 0;
    if (!room) room = p->room + ticket(&p->rooms) * b->room;
    while (e >= b->groups[group].first + b->groups[group].E) group++;
    p->expert(p, group, e, room);
  }
}

/* And afterwards: sums of some tokens. */
static void sums(void *shared) {
  Pass *p = shared;
  const int64_t T = p->b->T, parts = p->b->threads;
  for (int64_t i; (i = ticket(&p->sums)) < parts;)
    collect(p, p->rows_ND, 0, p->b->N, T * i / parts, T * (i + 1) / parts);
}

/* room: b->room floats for each of at most E threads; with several, N * D more. */
static void run(Pass *p, float *room) {
  const Bank *b = p->b;
  if (b->threads == 1) {
    p->room = room;
    experts(p);
    return;
  }
  p->rows_ND = p->to_TD ? room : NULL;
  p->room = room + b->N * b->D;
  b->parallel(experts, p, b->threads, 0);
  if (p->rows_ND) b->parallel(sums, p, b->threads, 0);
}

/* Where the pre-activations of row `row` are, which is of one of the group's experts. */
static float *hidden(const Pass *p, const Group *g, int64_t row) {
  return p->h + g->start + (row - p->b->start_E[g->first]) * g->W;
}

/* room: R * (2 D + H + W). */
static void forward_of(const Pass *p, int64_t group, int64_t e, float *room) {
  const Bank *b = p->b;
  const Group *g = b->groups + group;
  const int64_t D = b->D, H = g->H, W = g->W, end = b->start_E[e + 1];
  const float *into_WD = g->into_EWD + (e - g->first) * W * D, *down_DH = g->down_EDH + (e - g->first) * D * H;
  there_t *there = PAIRS[g->activation][g->gated].there;
  float *x = room, *y_once = x + g->R * D, *a = y_once + g->R * D, *h_once = a + g->R * H;
  for (int64_t at = b->start_E[e], n; at < end; at += n) {
    n = run_of(g, end - at);
    float *h = p->h ? hidden(p, g, at) : h_once, *y = p->rows_ND ? p->rows_ND + at * D : y_once;
    gather(b->x_TD, b->token_N + at, n, D, x);
    times(b->gemm, x, n, D, into_WD, W, h);
    for (int64_t r = 0; r < n; r++) there(h + r * W, H, a + r * H);
    times(b->gemm, a, n, H, down_DH, D, y);
    if (!p->rows_ND) collect(p, y, at, n, 0, b->T);
  }
}

/* Adds the rows' outputs, each times its weight, to those of their tokens. h: kept for `backward`, unless it is
   NULL. room: see `run`. */
void forward(const Bank *b, const float *weight_N, float *h, float *room, float *y_TD) {
  Pass p = {.b = b, .expert = forward_of, .scale_N = weight_N, .h = h, .to_TD = y_TD};
  run(&p, room);
}

/* As `forward` of one group alone, token by token and without sorting. room: D + H + W floats. */
void hit(const Group *g, const float *x_TD, int64_t T, int64_t D, const int64_t *expert_TK, const float *weight_TK,
         int64_t K, float *room, float *y_TD) {
  const int64_t H = g->H, W = g->W;
  there_t *there = PAIRS[g->activation][g->gated].there;
  float *y = room, *a = y + D, *h = a + H;
  for (int64_t slot = 0; slot < T * K; slot++) {
    int64_t e = expert_TK[slot] - g->first, t = slot / K;
    if (e < 0 || e >= g->E) continue;
    times(NULL, x_TD + t * D, 1, D, g->into_EWD + e * W * D, W, h);
    there(h, H, a);
    times(NULL, a, 1, H, g->down_EDH + e * D * H, D, y);
    add(y, weight_TK[slot], D, y_TD + t * D);
  }
}

/* room: R * (3 D + 2 H + W). */
static void backward_of(const Pass *p, int64_t group, int64_t e, float *room) {
  const Bank *b = p->b;
  const Group *g = b->groups + group;
  const int64_t D = b->D, H = g->H, W = g->W, start = b->start_E[e], end = b->start_E[e + 1];
  const int64_t into = (e - g->first) * W * D, down = (e - g->first) * D * H;
  float *dinto_WD = p->dinto_G[group] ? p->dinto_G[group] + into : NULL;
  float *ddown_DH = p->ddown_G[group] ? p->ddown_G[group] + down : NULL;
  back_t *back = PAIRS[g->activation][g->gated].back;
  float *x = room, *dy = x + g->R * D, *dx_once = dy + g->R * D, *d = dx_once + g->R * D, *a = d + g->R * H,
        *dh = a + g->R * H;
  if (dinto_WD && start == end) {
    memset(dinto_WD, 0, W * D * sizeof(float));
    memset(ddown_DH, 0, D * H * sizeof(float));
  }
  for (int64_t at = start, n; at < end; at += n) {
    n = run_of(g, end - at);
    const float *h = hidden(p, g, at), added = at == start ? 0 : 1;
    gather(p->dy_TD, b->token_N + at, n, D, dy);
    b->gemm(BY_ROWS, AS_IS, AS_IS, n, H, D, 1, dy, D, g->down_EDH + down, H, 0, d, H);
    for (int64_t r = 0; r < n; r++) {
      float dw = back(h + r * W, d + r * H, p->weight_N[at + r], H, dh + r * W, a + r * H);
      if (p->dweight_N) p->dweight_N[at + r] = dw;
    }
    if (dinto_WD) {
      gather(b->x_TD, b->token_N + at, n, D, x);
      b->gemm(BY_ROWS, TURNED, AS_IS, W, D, n, 1, dh, W, x, D, added, dinto_WD, D);
      b->gemm(BY_ROWS, TURNED, AS_IS, D, H, n, 1, dy, D, a, H, added, ddown_DH, H);
    }
    if (!p->to_TD) continue;
    float *dx = p->rows_ND ? p->rows_ND + at * D : dx_once;
    b->gemm(BY_ROWS, AS_IS, AS_IS, n, D, W, 1, dh, W, g->into_EWD + into, D, 0, dx, D);
    if (!p->rows_ND) collect(p, dx, at, n, 0, b->T);
  }
}

/* Those gradients that are not NULL: adds that of the tokens to dx_TD; writes those of the weights and of each
   group's matrices (both or neither), 0 for an expert without rows. room: see `run`. */
void backward(const Bank *b, const float *weight_N, float *h, const float *dy_TD, float *room, float *dx_TD,
              float *dweight_N, float *const *dinto_G, float *const *ddown_G) {
  Pass p = {.b = b, .expert = backward_of, .weight_N = weight_N, .dy_TD = dy_TD, .h = h, .to_TD = dx_TD,
            .dweight_N = dweight_N, .dinto_G = dinto_G, .ddown_G = ddown_G};
  run(&p, room);
}
