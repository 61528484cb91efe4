/* What is kept between rows, and what the samples of a row are predicted from that is known before them. */
#ifndef APERCU_PREDICT_AHEAD_H
#define APERCU_PREDICT_AHEAD_H

#include "predict_model.h"

/* What one band's rows pass on, laid out in the workspace. Rows have MARGIN places on both sides. */
typedef struct {
    int32_t *own[3];         /* this row, the one above, the one above that */
    int32_t *error[3];       /* of predictions */
    int32_t *before[3];      /* rows y - 1, y, y + 1 of the band before */
    int32_t *before_that[2]; /* rows y - 1, y of the one before that */
    uint16_t *missed[2];     /* errors of the trained experts, [x][EXPERTS]: this row, the one above */
    uint16_t *learner[2];    /* errors of the one that learns */
    uint8_t *levels;         /* of errors of the band before, at every place of the plane */
    bias *biases;            /* [CLASSES][2][PATTERNS] */
    int16_t *learnt;         /* [CLASSES][INPUTS] */
    int32_t *typical;        /* [CLASSES]: mean sum of the inputs in the row before */
    int32_t *weights;        /* [RATIOS] */
    uint8_t *repeats;        /* [3]: whether samples repeated, the last twice */
} room;

typedef struct {
    const predict_tile *tile;
    room *r;
    int32_t class, top, max_error, step; /* top: the largest sample */
    uint32_t scale;           /* 65536 / step */
    int keeps_ends;           /* encoder: samples of 0 and of `top` stay that */
    int32_t taps[INPUTS][EXPERTS];
} band;

/* Where inputs come from: each is a sample less another one. */
typedef struct {
    const int32_t *of, *less;
} input;

/* The inputs of a class that are known a row ahead, from AHEAD on; returns where they end. */
static inline int list_inputs(const room *r, int class, input *in)
{
    const int32_t *n = r->own[1] + MARGIN, *nn = r->own[2] + MARGIN, *cn = r->before[0] + MARGIN,
                  *c = r->before[1] + MARGIN, *cs = r->before[2] + MARGIN, *dn = r->before_that[0] + MARGIN,
                  *d = r->before_that[1] + MARGIN;
    const input near[4] = {{n - 1, n}, {n + 1, n}, {nn, n}, {nn + 1, n}};
    const input far[5] = {{n - 2, n}, {n + 2, n}, {nn - 1, n}, {nn + 2, n}, {nn - 2, n}};
    const input first[7] = {{c, c - 1}, {cn, c - 1}, {cn - 1, c - 1}, {cn + 1, c - 1}, {c + 1, c - 1}, {cs, c - 1}, {cs + 1, c - 1}};
    const input second[4] = {{d, d - 1}, {dn, d - 1}, {dn - 1, d - 1}, {d + 1, d - 1}};
    int j = AHEAD, n_first = class == 0 ? 0 : class == 1 ? 7 : 6, n_far = class == 0 ? 5 : class == 1 ? 3 : 0;
    for (int i = 0; i < 4; i++)
        in[j++] = near[i];
    for (int i = 0; i < n_first; i++)
        in[j++] = first[i];
    for (int i = 0; i < n_far; i++)
        in[j++] = far[i];
    for (int i = 0; class == 2 && i < 4; i++)
        in[j++] = second[i];
    return j;
}

/* An input as the learner sees it. */
static inline int32_t as_seen(int32_t in, uint32_t up, uint32_t down)
{
    int32_t size = (magnitude32(in) << up) >> down;
    size = size < INPUT_MOST ? size : INPUT_MOST;
    return in < 0 ? -size : size;
}

/* What is known about RUN samples of a row before they are coded. */
typedef struct {
    int32_t ahead[RUN][EXPERTS];  /* what experts make of the inputs that are known */
    int32_t energy[RUN][EXPERTS]; /* what their errors in the row above add up to */
    int16_t seen[RUN][INPUTS];    /* those inputs, as the learner takes them */
    int16_t change[RUN][INPUTS];  /* by how much they may change what it learnt */
    int32_t rate[RUN];            /* of that change */
} run;

/* Fills in a run of `n_run` samples from `start` on; returns the sum of its inputs. */
static inline uint64_t look_ahead(const band *b, const input *in, int n_inputs, ptrdiff_t start, ptrdiff_t n_run, uint32_t up,
                                  uint32_t down, run *out)
{
    const int32_t *n = b->r->own[1] + MARGIN + start;
    const uint16_t *e = b->r->missed[1] + (MARGIN + start) * EXPERTS;
    int32_t apart[INPUTS][RUN], sum[RUN] = {0}, all = 0;
    int16_t seen[INPUTS][RUN] = {{0}};
    for (int j = AHEAD; j < n_inputs; j++) {
        const int32_t *of = in[j].of + start, *less = in[j].less + start;
        for (ptrdiff_t i = 0; i < n_run; i++) {
            int32_t v = of[i] - less[i], s = as_seen(v, up, down);
            apart[j][i] = v;
            seen[j][i] = (int16_t)s;
            sum[i] += magnitude32(s);
            all += magnitude32(v);
        }
    }
    for (ptrdiff_t i = 0; i < n_run; i++) {
        int32_t sums[EXPERTS], rate = LEARNING / (sum[i] > LEAST_SEEN ? sum[i] : LEAST_SEEN);
        for (int p = 0; p < EXPERTS; p++)
            sums[p] = n[i] * (1 << TAP_BITS) + (1 << (TAP_BITS - FRACTION - 1));
        for (int j = AHEAD; j < n_inputs; j++)
            for (int p = 0; p < EXPERTS; p++)
                sums[p] += b->taps[j][p] * apart[j][i];
        for (int p = 0; p < EXPERTS; p++, e++) {
            out->ahead[i][p] = sums[p];
            out->energy[i][p] = *(e - EXPERTS) + *e + *(e + EXPERTS) + LEAST_ENERGY;
        }
        out->rate[i] = rate;
        for (int j = 0; j < INPUTS; j++) {
            out->seen[i][j] = seen[j][i];
            out->change[i][j] = (int16_t)floor_shift32(seen[j][i] * rate + 32768, 16);
        }
    }
    return (uint64_t)all;
}

#endif
