/* The prediction of one sample, and what is learnt from it. */
#ifndef APERCU_PREDICT_ROW_H
#define APERCU_PREDICT_ROW_H

#include "predict_ahead.h"

/* Rows as a sample sees them: [x] is its own column. `c`: rows of the band before; of `n` and `c`, one and two above. */
typedef struct {
    int32_t *own, *error;
    const int32_t *n, *nn, *cn, *c, *cs, *error_n, *error_nn;
    uint16_t *missed, *learner;
    const uint16_t *missed_n, *learner_n;
} rows;

static inline rows rows_of(const room *r)
{
    rows at = {r->own[0] + MARGIN,
               r->error[0] + MARGIN,
               r->own[1] + MARGIN,
               r->own[2] + MARGIN,
               r->before[0] + MARGIN,
               r->before[1] + MARGIN,
               r->before[2] + MARGIN,
               r->error[1] + MARGIN,
               r->error[2] + MARGIN,
               r->missed[0] + MARGIN * EXPERTS,
               r->learner[0] + MARGIN,
               r->missed[1] + MARGIN * EXPERTS,
               r->learner[1] + MARGIN};
    return at;
}

/* What the learner knows while it goes along a row. */
typedef struct {
    int16_t learnt[INPUTS];
    int32_t w, ww; /* its weights of W and WW; those of `learnt` stay 0 */
    uint32_t up, down;
} learner;

static inline learner learner_at(const int16_t *learnt, int32_t typical)
{
    learner l = {{0}, learnt[0], learnt[1], 0, 0};
    for (int j = AHEAD; j < INPUTS; j++)
        l.learnt[j] = learnt[j];
    while (typical >> l.down > 4096)
        l.down++;
    while (typical << l.up < 512 && l.up < 4)
        l.up++;
    return l;
}

typedef struct {
    int32_t expert[EXPERTS], by_learner, seen_w, seen_ww; /* with FRACTION bits, but for what is seen */
    int32_t blend;
    uint32_t spread; /* of the experts around the blend, with one fraction bit more */
} guess;

/* All experts at a place, and their blend: a weight is the inverse square of what an expert has missed around there. */
APERCU_PART void make_guess(guess *g, const rows *at, const run *next, const band *b, const learner *l, ptrdiff_t x,
                            int32_t top_q3)
{
    const int32_t above = at->n[x], in_w = at->own[x - 1] - above, in_ww = at->own[x - 2] - above;
    const int32_t *ahead = next->ahead[x % RUN], *sums = next->energy[x % RUN], *weights = b->r->weights;
    const int16_t *seen = next->seen[x % RUN];
    const uint16_t *missed_w = at->missed + (x - 1) * EXPERTS, *missed_ww = missed_w - EXPERTS;
    int32_t energy[EXPERTS], learnt_sum = 0;
    g->seen_w = as_seen(in_w, l->up, l->down);
    g->seen_ww = as_seen(in_ww, l->up, l->down);
    AS_VECTOR
    for (int j = 0; j < INPUTS; j++)
        learnt_sum += (int32_t)l->learnt[j] * seen[j];
    learnt_sum += l->w * g->seen_w + l->ww * g->seen_ww;
    g->by_learner = clamp32((above << FRACTION) + floor_shift32(learnt_sum, l->up + LEARNT_BITS - FRACTION) * (1 << l->down), 0,
                            top_q3);
    const int32_t learner_energy = at->learner_n[x - 1] + at->learner_n[x] + at->learner_n[x + 1] + LEAST_ENERGY +
                                   2 * at->learner[x - 1] + at->learner[x - 2];
    AS_VECTOR
    for (int i = 0; i < EXPERTS; i++) {
        int32_t v = ahead[i] + b->taps[0][i] * in_w + b->taps[1][i] * in_ww;
        g->expert[i] = clamp32(floor_shift32(v, TAP_BITS - FRACTION), 0, top_q3);
        energy[i] = sums[i] + 2 * missed_w[i] + missed_ww[i];
    }
    int32_t least = learner_energy;
    AS_VECTOR
    for (int i = 0; i < EXPERTS; i++)
        least = energy[i] < least ? energy[i] : least;
    const uint32_t per_least = (1u << 20) / (uint32_t)least;
    const int32_t most = 32 * least - 1;
    uint32_t ratio[EXPERTS], weight[EXPERTS];
    AS_VECTOR
    for (int i = 0; i < EXPERTS; i++)
        ratio[i] = (uint32_t)(energy[i] < most ? energy[i] : most) * per_least >> 16;
    const uint32_t learner_ratio = (uint32_t)(learner_energy < most ? learner_energy : most) * per_least >> 16;
    const uint32_t learner_weight = (uint32_t)weights[learner_ratio];
    uint32_t weight_sum = learner_weight, sum = learner_weight * (uint32_t)g->by_learner;
    for (int i = 0; i < EXPERTS; i++) {
        weight[i] = (uint32_t)weights[ratio[i]];
        weight_sum += weight[i];
        sum += weight[i] * (uint32_t)g->expert[i];
    }
    const uint64_t inverse = ((uint64_t)1 << 32) / weight_sum;
    g->blend = (int32_t)((sum + weight_sum / 2) * inverse >> 32);
    uint32_t apart = learner_weight * (uint32_t)magnitude32(g->by_learner - g->blend);
    for (int i = 0; i < EXPERTS; i++)
        apart += weight[i] * (uint32_t)magnitude32(g->expert[i] - g->blend);
    g->spread = (uint32_t)(apart * inverse >> 31);
}

/* A weight of W or WW after a sample. */
static inline int32_t changed(int32_t learnt, int32_t part, int32_t seen, int32_t rate)
{
    int32_t change = clamp32(floor_shift32(seen * rate + 32768, 16), -CHANGE_MOST, CHANGE_MOST);
    return clamp32(learnt, -LEARNT_MOST, LEARNT_MOST) + floor_shift32(part * change + 128, 8);
}

/* Keeps what the experts missed, and lets the learner learn; `sample_q3` has FRACTION bits. */
APERCU_PART void learn(const guess *g, const rows *at, const run *next, learner *l, ptrdiff_t x, int32_t sample_q3)
{
    uint16_t *missed = at->missed + x * EXPERTS;
    const int16_t *change = next->change[x % RUN];
    for (int i = 0; i < EXPERTS; i++) {
        int32_t m = magnitude32(sample_q3 - g->expert[i]);
        missed[i] = (uint16_t)(m < ERROR_MOST ? m : ERROR_MOST);
    }
    at->learner[x] = (uint16_t)least32((uint32_t)magnitude32(sample_q3 - g->by_learner), ERROR_MOST);
    const int32_t off = sample_q3 - g->by_learner, rate = next->rate[x % RUN];
    const uint64_t share = (uint64_t)((uint32_t)magnitude32(off) << l->up >> (l->down + FRACTION)) * (uint32_t)rate >> SHARE_SHIFT;
    const int32_t part = off < 0 ? -(int32_t)(share < 256 ? share : 256) : (int32_t)(share < 256 ? share : 256);
    for (int j = 0; j < INPUTS; j++) {
        int16_t v = l->learnt[j];
        v = v < -LEARNT_MOST ? -LEARNT_MOST : v;
        v = v > LEARNT_MOST ? LEARNT_MOST : v;
        l->learnt[j] = (int16_t)(v + floor_shift32(part * change[j] + 128, 8));
    }
    l->w = changed(l->w, part, g->seen_w, rate);
    l->ww = changed(l->ww, part, g->seen_ww, rate);
}

/* The mean error of predictions in a pattern, after one more. */
static inline void learn_bias(bias *m, int32_t error_q3)
{
    m->mean += floor_shift32(error_q3 * (1 << BIAS_BITS) - m->mean, 1 + log2_of((uint32_t)m->age + 2));
    m->age += m->age < BIAS_OLD;
}

#endif
