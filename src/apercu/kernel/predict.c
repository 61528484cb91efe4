/* Samples by prediction: eight experts, blended by their recent errors, corrected by context, and range coded.
 *
 * A row is prepared first: everything about it that does not depend on its own samples. Then its samples go from left to
 * right. Writing and reading are the same function, compiled twice. */
#include "predict_model.h"

#include <string.h>

typedef struct {
    range_encoder e;
    range_decoder d;
    range_context *contexts;
} coder;

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
    int32_t class, step, scale;                        /* scale: 65536 / step */
    int32_t taps[INPUTS][EXPERTS];
} band;

static size_t aligned(size_t n)
{
    return (n + 63) & ~(size_t)63;
}

/* Places everything, and returns the bytes that it takes; `at` may be NULL. */
static size_t place(const predict_tile *tile, uint8_t *at, room *r)
{
    size_t w = (size_t)tile->width, row = (w + 2 * MARGIN) * sizeof(int32_t), of_experts = (w + 2 * MARGIN) * EXPERTS;
    size_t n = 0;
#define PLACE(field, type, bytes) ((field) = at ? (type *)(void *)(at + n) : NULL, n += aligned(bytes))
    for (int i = 0; i < 3; i++) {
        PLACE(r->own[i], int32_t, row);
        PLACE(r->error[i], int32_t, row);
        PLACE(r->before[i], int32_t, row);
    }
    for (int i = 0; i < 2; i++) {
        PLACE(r->before_that[i], int32_t, row);
        PLACE(r->missed[i], uint16_t, of_experts * sizeof(uint16_t));
        PLACE(r->learner[i], uint16_t, row);
    }
    PLACE(r->levels, uint8_t, w * (size_t)tile->height);
    PLACE(r->biases, bias, CLASSES * 2 * PATTERNS * sizeof(bias));
    PLACE(r->learnt, int16_t, CLASSES * INPUTS * sizeof(int16_t));
    PLACE(r->typical, int32_t, CLASSES * sizeof(int32_t));
    PLACE(r->weights, int32_t, RATIOS * sizeof(int32_t));
    PLACE(r->repeats, uint8_t, 3);
#undef PLACE
    return n;
}

static inline void range_put_full(range_encoder *e)
{
    while (e->range < 1u << 24) {
        if (e->size < e->capacity)
            e->out[e->size] = (uint8_t)(e->low >> 24);
        e->size++;
        e->low <<= 8;
        e->range <<= 8;
    }
}

static inline void range_get_full(range_decoder *d)
{
    while (d->range < 1u << 24) {
        d->code = d->code << 8 | range_next_byte(d);
        d->range <<= 8;
    }
}

/* Writes `n` bits, 1 to EVEN_MOST, that are as likely one way as any other; returns them. */
static inline uint32_t range_put_even(range_encoder *e, uint32_t value, uint32_t n)
{
    e->range >>= n;
    const uint32_t part = e->range * value;
    e->low += part;
    if (e->low < part && e->size <= e->capacity)
        range_carry(e->out, e->size);
    range_put_full(e);
    return value;
}

/* The inverse. */
static inline uint32_t range_get_even(range_decoder *d, uint32_t n)
{
    d->range >>= n;
    const uint32_t value = least32(d->code / d->range, (1u << n) - 1);
    d->code -= value * d->range;
    range_get_full(d);
    return value;
}

/* Codes a bit by the mean of two contexts. */
static inline uint32_t code_bit(coder *c, range_context *a, range_context *b, uint32_t bit, const int writing)
{
    uint32_t p0 = (range_context_p0(a) + range_context_p0(b)) >> 1;
    if (writing)
        range_put(&c->e, bit, p0);
    else
        bit = range_get(&c->d, p0);
    range_context_learn(a, bit);
    range_context_learn(b, bit);
    return bit;
}

/* Codes the low `n` bits of a value, all values being equally likely; EVEN_MOST bits at once. */
static inline uint32_t code_even(coder *c, uint32_t value, uint32_t n, const int writing)
{
    uint32_t read = 0;
    while (n) {
        const uint32_t part = least32(n, EVEN_MOST), most = (1u << part) - 1;
        n -= part;
        read = read << part | (writing ? range_put_even(&c->e, value >> n & most, part) : range_get_even(&c->d, part));
    }
    return read;
}

/* Codes a magnitude, one or more: the number of its bits, then the bits behind the first. */
static inline uint32_t code_magnitude(coder *c, range_context *a, range_context *b, uint32_t magnitude, const int writing)
{
    uint32_t length = 0, wanted = writing ? log2_of(magnitude) : 0;
    while (length < LENGTHS && code_bit(c, a + LENGTH_AT + length, b + LENGTH_AT + length, wanted > length, writing))
        length++;
    uint32_t value = 1, left = length;
    if (length && length <= TREES) {
        uint32_t tree = TREE_AT + 4 * (length - 1);
        for (; left && value < 4; left--)
            value = value << 1 | code_bit(c, a + tree + value, b + tree + value, magnitude >> (left - 1) & 1, writing);
    }
    return value << left | code_even(c, magnitude, left, writing);
}

/* Codes a quantised residual. `low`: how many of its bits have no context; `one_sided`: 1 where it cannot be below 0, -1
 * where it cannot be above. `mirrored`: the prediction lies below the value that residuals count from. */
static inline int32_t code_residual(coder *c, range_context *a, range_context *b, int32_t residual, uint32_t offset,
                                    uint32_t mirrored, uint32_t low, int one_sided, const int writing)
{
    int32_t high = low ? floor_shift32(residual + (1 << (low - 1)), low) : residual;
    uint32_t rest = (uint32_t)(residual + (low ? 1 << (low - 1) : 0) - high * (1 << low)), negative = one_sided < 0;
    if (code_bit(c, a + ZERO_AT + offset, b + ZERO_AT + offset, high != 0, writing)) {
        if (!one_sided)
            negative = mirrored ^ code_bit(c, a + SIGN_AT + offset, b + SIGN_AT + offset, mirrored ^ (high < 0), writing);
        uint32_t magnitude = code_magnitude(c, a, b, (uint32_t)(high < 0 ? -high : high), writing);
        high = negative ? -(int32_t)magnitude : (int32_t)magnitude;
    } else {
        high = 0;
    }
    if (low)
        return high * (1 << low) + (int32_t)code_even(c, rest, low, writing) - (1 << (low - 1));
    return high;
}

static inline int32_t magnitude32(int32_t v)
{
    return v < 0 ? -v : v;
}

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
static inline uint64_t look_ahead(const band *b, const input *in, int n_inputs, size_t start, size_t n_run, uint32_t up,
                                  uint32_t down, run *out)
{
    const int32_t *n = b->r->own[1] + MARGIN + start;
    const uint16_t *e = b->r->missed[1] + (MARGIN + start) * EXPERTS;
    int32_t apart[INPUTS][RUN], sum[RUN] = {0}, all = 0;
    int16_t seen[INPUTS][RUN] = {{0}};
    for (int j = AHEAD; j < n_inputs; j++) {
        const int32_t *of = in[j].of + start, *less = in[j].less + start;
        for (size_t i = 0; i < n_run; i++) {
            int32_t v = of[i] - less[i], s = as_seen(v, up, down);
            apart[j][i] = v;
            seen[j][i] = (int16_t)s;
            sum[i] += magnitude32(s);
            all += magnitude32(v);
        }
    }
    for (size_t i = 0; i < n_run; i++) {
        int32_t sums[EXPERTS], rate = LEARNING / (sum[i] > LEAST_SEEN ? sum[i] : LEAST_SEEN);
        for (int p = 0; p < EXPERTS; p++)
            sums[p] = n[i] * (1 << TAP_BITS) + (1 << (TAP_BITS - FRACTION - 1));
        for (int j = AHEAD; j < n_inputs; j++)
            for (int p = 0; p < EXPERTS; p++)
                sums[p] += b->taps[j][p] * apart[j][i];
        for (int p = 0; p < EXPERTS; p++, e++) {
            out->ahead[i][p] = sums[p];
            out->energy[i][p] = *(e - EXPERTS) + *e + *(e + EXPERTS) + 2;
        }
        out->rate[i] = rate;
        for (int j = 0; j < INPUTS; j++) {
            out->seen[i][j] = seen[j][i];
            out->change[i][j] = (int16_t)floor_shift32(seen[j][i] * rate + 32768, 16);
        }
    }
    return (uint64_t)all;
}

/* A weight of W or WW after a sample. */
static inline int32_t changed(int32_t learnt, int sign, int32_t seen, int32_t rate)
{
    int32_t change = clamp32(floor_shift32(seen * rate + 32768, 16), -CHANGE_MOST, CHANGE_MOST);
    return clamp32(learnt, -LEARNT_MOST, LEARNT_MOST) + sign * change;
}

/* Codes a row of a band. */
static inline void code_row(coder *coder_of, const band *b, uint16_t *samples, uint8_t *levels, const int writing)
{
    coder c = *coder_of;
    room *r = b->r;
    const size_t width = (size_t)b->tile->width;
    const int32_t top = b->tile->top, k = b->tile->max_error, step = b->step;
    const uint32_t scale = (uint32_t)b->scale;
    int32_t *own = r->own[0] + MARGIN, *error = r->error[0] + MARGIN;
    const int32_t *n = r->own[1] + MARGIN, *nn = r->own[2] + MARGIN, *cn = r->before[0] + MARGIN,
                  *cc = r->before[1] + MARGIN, *cs = r->before[2] + MARGIN, *error_n = r->error[1] + MARGIN,
                  *error_nn = r->error[2] + MARGIN;
    uint16_t *missed = r->missed[0] + MARGIN * EXPERTS, *missed_n = r->missed[1] + MARGIN * EXPERTS;
    uint16_t *learner = r->learner[0] + MARGIN, *learner_n = r->learner[1] + MARGIN;
    range_context *own_contexts = c.contexts + OWN_CONTEXTS + b->class * OWN_LEVELS * PER_LEVEL,
                  *mixed_contexts = c.contexts + MIXED_CONTEXTS + b->class * MIXED_LEVELS * PER_LEVEL;
    bias *first_biases = r->biases + b->class * 2 * PATTERNS, *second_biases = first_biases + PATTERNS;
    const int32_t typical = r->typical[b->class];
    uint32_t down = 0, up = 0;
    int16_t learnt[INPUTS];
    memcpy(learnt, r->learnt + b->class * INPUTS, sizeof learnt);
    int32_t learnt_w = learnt[0], learnt_ww = learnt[1];
    while (typical >> down > 1024)
        down++;
    while (typical << up < 512 && up < 4)
        up++;
    input inputs[INPUTS];
    const int n_inputs = list_inputs(r, b->class, inputs);
    uint64_t inputs_sum = 0;
    run next;
    for (size_t x = 0; x < width; x++) {
        const size_t i_run = x % RUN;
        if (i_run == 0)
            inputs_sum += look_ahead(b, inputs, n_inputs, x, width - x < RUN ? width - x : RUN, up, down, &next);
        const int32_t w = own[x - 1], ww = own[x - 2], above = n[x];
        /* Repeats: the row above again, or the column to the left. */
        int row_again = w == n[x - 1] && ww == n[x - 2], column_again = above == n[x - 1] && nn[x] == nn[x - 1];
        range_context *repeat = NULL;
        uint8_t *repeated = NULL;
        int32_t again = column_again ? w : above;
        if (row_again | column_again) {
            int kind = row_again && column_again ? 0 : 1 + column_again;
            repeated = &r->repeats[kind];
            int too = b->class == 0 ? above == n[x + 1] : column_again ? cc[x] == cc[x - 1] : cc[x] == cn[x];
            repeat = c.contexts + REPEAT_CONTEXTS + 8 * kind + 4 * too + *repeated;
            uint32_t p0 = range_context_p0(repeat);
            if (p0 < REPEAT_MOST) {
                uint32_t hit = writing ? (uint32_t)(magnitude32(samples[x] - again) <= k) : 0;
                if (writing)
                    range_put(&c.e, hit, p0);
                else
                    hit = range_get(&c.d, p0);
                range_context_learn(repeat, hit);
                *repeated = (uint8_t)((*repeated << 1 & 2) | hit);
                if (hit) {
                    samples[x] = (uint16_t)again;
                    own[x] = again;
                    error[x] = column_again ? error[x - 1] : error_n[x];
                    learner[x] = column_again ? learner[x - 1] : learner_n[x];
                    memcpy(missed + x * EXPERTS, column_again ? missed + (x - 1) * EXPERTS : missed_n + x * EXPERTS,
                           EXPERTS * sizeof *missed);
                    levels[x] = 0;
                    continue;
                }
                repeat = NULL;
            }
        }
        /* The experts, and how far they have been off around here. */
        const int32_t in_w = w - above, in_ww = ww - above, seen_w = as_seen(in_w, up, down), seen_ww = as_seen(in_ww, up, down);
        const int32_t *ahead = next.ahead[i_run], *sums = next.energy[i_run];
        const int16_t *seen = next.seen[i_run], *change = next.change[i_run];
        const uint16_t *missed_w = missed + (x - 1) * EXPERTS, *missed_ww = missed_w - EXPERTS;
        int32_t expert[EXPERTS], energy[EXPERTS], learnt_sum = 0;
        AS_VECTOR
        for (int j = 0; j < INPUTS; j++)
            learnt_sum += (int32_t)learnt[j] * seen[j];
        learnt_sum += learnt_w * seen_w + learnt_ww * seen_ww;
        const int32_t by_learner = clamp32(above * 8 + floor_shift32(learnt_sum, up + LEARNT_BITS - FRACTION) * (1 << down), 0,
                                           top << FRACTION);
        const int32_t learner_energy = learner_n[x - 1] + learner_n[x] + learner_n[x + 1] + 2 + 2 * learner[x - 1] + learner[x - 2];
        AS_VECTOR
        for (int i = 0; i < EXPERTS; i++) {
            int32_t v = ahead[i] + b->taps[0][i] * in_w + b->taps[1][i] * in_ww;
            expert[i] = clamp32(floor_shift32(v, TAP_BITS - FRACTION), 0, top << FRACTION);
            energy[i] = sums[i] + 2 * missed_w[i] + missed_ww[i];
        }
        int32_t least = learner_energy;
        AS_VECTOR
        for (int i = 0; i < EXPERTS; i++)
            least = energy[i] < least ? energy[i] : least;
        /* Their blend, and how far they are apart. */
        const uint32_t per_least = (1u << 20) / (uint32_t)least;
        const int32_t most = 32 * least - 1;
        uint32_t ratio[EXPERTS], weight[EXPERTS];
        AS_VECTOR
        for (int i = 0; i < EXPERTS; i++)
            ratio[i] = (uint32_t)(energy[i] < most ? energy[i] : most) * per_least >> 16;
        uint32_t learner_weight = (uint32_t)r->weights[(uint32_t)(learner_energy < most ? learner_energy : most) * per_least >> 16];
        uint32_t weight_sum = learner_weight, sum = learner_weight * (uint32_t)by_learner;
        for (int i = 0; i < EXPERTS; i++) {
            weight[i] = (uint32_t)r->weights[ratio[i]];
            weight_sum += weight[i];
            sum += weight[i] * (uint32_t)expert[i];
        }
        const uint64_t inverse = ((uint64_t)1 << 32) / weight_sum;
        const int32_t p3 = (int32_t)((sum + weight_sum / 2) * inverse >> 32);
        uint32_t apart = learner_weight * (uint32_t)magnitude32(by_learner - p3);
        for (int i = 0; i < EXPERTS; i++)
            apart += weight[i] * (uint32_t)magnitude32(expert[i] - p3);
        uint32_t spread = (uint32_t)(apart * inverse >> 31); /* one more fraction bit */
        /* Contexts. */
        uint32_t near = (uint32_t)(4 * (error[x - 1] + error_n[x]) +
                                   2 * (error_n[x - 1] + error_n[x + 1] + error[x - 2] + error_nn[x]));
        uint32_t e = (near + 16 * spread) >> 5, beside;
        if (k) {
            e = (uint32_t)((uint64_t)e * scale >> 16);
            spread = (uint32_t)((uint64_t)spread * scale >> 16);
        }
        uint32_t own_level = level_of(e), low = 0;
        if (own_level >= OWN_LEVELS) {
            low = own_level / 4 - (OCTAVES_FINE - 1);
            own_level -= 4 * low;
        }
        if (b->class)
            beside = levels[x];
        else {
            beside = (uint32_t)(magnitude32(w - n[x - 1]) + magnitude32(n[x] - n[x + 1])) << FRACTION;
            beside = level_of(k ? (uint32_t)((uint64_t)beside * scale >> 16) : beside);
        }
        beside = beside > 4 * low ? (beside - 4 * low) / 3 : 0;
        beside = least32(beside, OTHER_LEVELS - 1);
        uint32_t mixed_level = least32(level_of(spread >> low) / 2, SPREAD_LEVELS - 1) * OTHER_LEVELS + beside;
        range_context *in_own = own_contexts + own_level * PER_LEVEL, *in_mixed = mixed_contexts + mixed_level * PER_LEVEL;
        /* Bias. */
        uint32_t pattern = (uint32_t)((w << 3) > p3) | (uint32_t)((n[x] << 3) > p3) << 1 |
                           (uint32_t)((n[x - 1] << 3) > p3) << 2 | (uint32_t)((n[x + 1] << 3) > p3) << 3 |
                           (uint32_t)((ww << 3) > p3) << 4 | (uint32_t)((nn[x] << 3) > p3) << 5 |
                           (uint32_t)((2 * n[x] - nn[x]) * 8 > p3) << 6 | (uint32_t)((2 * w - ww) * 8 > p3) << 7;
        bias *first = first_biases + (own_level / 4) * 256 + pattern, *second;
        if (b->class)
            second = second_biases + own_level * 16 + (cc[x] > cn[x]) + 2 * (cc[x] > cc[x - 1]) + 4 * (cc[x] > cc[x + 1]) +
                     8 * (cc[x] > cs[x]);
        else
            second = second_biases + own_level * 4 + (expert[0] > p3) + 2 * (expert[1] > p3);
        int32_t p = clamp32(p3 + floor_shift32(first->mean + second->mean, BIAS_BITS + 1), 0, top << FRACTION);
        int32_t from = (p + 4) >> 3, offset = p - 8 * from;
        uint32_t mirrored = offset < 0;
        uint32_t off = (uint32_t)magnitude32(offset);
        off = low ? 0 : k ? off * scale >> 16 : off;
        int one_sided = low ? 0 : from <= k ? 1 : from >= top - k ? -1 : 0;
        int32_t residual = 0, v;
        if (writing) {
            int32_t d = samples[x] - from;
            residual = k ? (d < 0 ? -((k - d) / step) : (d + k) / step) : d;
        }
        residual = code_residual(&c, in_own, in_mixed, residual, off, mirrored, low, one_sided, writing);
        int64_t reached = from + (int64_t)residual * step;
        v = reached < 0 ? 0 : reached > top ? top : (int32_t)reached;
        /* Learn. */
        own[x] = v;
        samples[x] = (uint16_t)v;
        int32_t v3 = v << 3, miss = magnitude32(v3 - p), d3 = v3 - p3;
        error[x] = miss;
        levels[x] = (uint8_t)level_of(k ? (uint32_t)((uint64_t)(uint32_t)miss * scale >> 16) : (uint32_t)miss);
        for (int i = 0; i < EXPERTS; i++) {
            int32_t m = magnitude32(v3 - expert[i]);
            missed[x * EXPERTS + (size_t)i] = (uint16_t)(m < ERROR_MOST ? m : ERROR_MOST);
        }
        for (int i = 0; i < 2; i++) {
            bias *m = i ? second : first;
            uint32_t shift = 1 + log2_of((uint32_t)m->age + 2);
            m->mean += floor_shift32(d3 * (1 << BIAS_BITS) - m->mean, shift);
            m->age += m->age < BIAS_OLD;
        }
        learner[x] = (uint16_t)least32((uint32_t)magnitude32(v3 - by_learner), ERROR_MOST);
        const int sign = (v3 > by_learner) - (v3 < by_learner);
        for (int j = 0; j < INPUTS; j++) {
            int16_t l = learnt[j];
            l = l < -LEARNT_MOST ? -LEARNT_MOST : l;
            l = l > LEARNT_MOST ? LEARNT_MOST : l;
            learnt[j] = (int16_t)(l + sign * change[j]);
        }
        learnt_w = changed(learnt_w, sign, seen_w, next.rate[i_run]);
        learnt_ww = changed(learnt_ww, sign, seen_ww, next.rate[i_run]);
        if (repeat) {
            uint32_t hit = v == again;
            range_context_learn(repeat, hit);
            *repeated = (uint8_t)((*repeated << 1 & 2) | hit);
        }
    }
    r->typical[b->class] = (int32_t)(inputs_sum / width);
    learnt[0] = (int16_t)learnt_w, learnt[1] = (int16_t)learnt_ww;
    memcpy(r->learnt + b->class * INPUTS, learnt, sizeof learnt);
    *coder_of = c;
}

APERCU_VECTORISED static void write_row(coder *c, const band *b, uint16_t *samples, uint8_t *levels)
{
    code_row(c, b, samples, levels, 1);
}

APERCU_VECTORISED static void read_row(coder *c, const band *b, uint16_t *samples, uint8_t *levels)
{
    code_row(c, b, samples, levels, 0);
}

static void fill32(int32_t *at, size_t n, int32_t v)
{
    for (size_t i = 0; i < n; i++)
        at[i] = v;
}

/* A row of samples with its ends repeated. */
static void load_row(int32_t *row, const uint16_t *samples, size_t width)
{
    for (size_t x = 0; x < width; x++)
        row[MARGIN + x] = samples[x];
    fill32(row, MARGIN, samples[0]);
    fill32(row + MARGIN + width, MARGIN, samples[width - 1]);
}

/* Rows of a band that is about to begin. */
static void begin_band(const predict_tile *tile, room *r)
{
    size_t n = (size_t)tile->width + 2 * MARGIN;
    for (int i = 0; i < 3; i++) {
        fill32(r->own[i], n, (tile->top + 1) / 2);
        fill32(r->error[i], n, 0);
    }
    for (int i = 0; i < 2; i++) {
        memset(r->missed[i], 0, n * EXPERTS * sizeof(uint16_t));
        memset(r->learner[i], 0, n * sizeof(uint16_t));
    }
}

/* Takes rows on by one. */
static void turn(room *r)
{
    int32_t *own = r->own[2], *error = r->error[2];
    uint16_t *missed = r->missed[1], *learner = r->learner[1];
    r->own[2] = r->own[1], r->own[1] = r->own[0], r->own[0] = own;
    r->error[2] = r->error[1], r->error[1] = r->error[0], r->error[0] = error;
    r->missed[1] = r->missed[0], r->missed[0] = missed;
    r->learner[1] = r->learner[0], r->learner[0] = learner;
}

/* Fills in the ends of the row above, and what stands left of this one: the first of the row above. */
static void fill_ends(const predict_tile *tile, room *r)
{
    const size_t w = (size_t)tile->width;
    int32_t *const rows[2][2] = {{r->own[0], r->own[1]}, {r->error[0], r->error[1]}};
    for (int i = 0; i < 2; i++) {
        int32_t first = rows[i][1][MARGIN], last = rows[i][1][MARGIN + w - 1];
        for (size_t j = 0; j < MARGIN; j++)
            rows[i][0][j] = rows[i][1][j] = first, rows[i][1][MARGIN + w + j] = last;
    }
    uint16_t *above = r->missed[1] + MARGIN * EXPERTS, *learner = r->learner[1] + MARGIN;
    for (size_t j = 1; j <= MARGIN; j++) {
        const size_t size = EXPERTS * sizeof *above;
        memcpy(above + (w - 1 + j) * EXPERTS, above + (w - 1) * EXPERTS, size);
        memcpy(above - j * EXPERTS, above, size);
        memcpy(r->missed[0] + (MARGIN - j) * EXPERTS, above, size);
        learner[w - 1 + j] = learner[w - 1];
        *(learner - j) = r->learner[0][MARGIN - j] = learner[0];
    }
}

static int check_tile(const predict_tile *tile)
{
    const int32_t most = 65535;
    return tile->width < 1 || tile->width > most || tile->height < 1 || tile->height > most || tile->n_bands < 1 ||
                   tile->n_bands > most || (tile->top != 255 && tile->top != 65535) || tile->max_error < 0 ||
                   tile->max_error > most
               ? APERCU_ERROR_ARGUMENT
               : 0;
}

int64_t apercu_predict_workspace(const predict_tile *tile)
{
    room r;
    return check_tile(tile) ? APERCU_ERROR_ARGUMENT : (int64_t)place(tile, NULL, &r);
}

static inline int64_t walk(coder *c, const predict_tile *tile, const int16_t *taps, uint8_t *workspace, size_t n_workspace,
                           uint16_t *samples, int64_t first, int64_t end, const int writing)
{
    room r;
    size_t width = (size_t)tile->width, height = (size_t)tile->height;
    if (check_tile(tile) || first < 0 || first > end || end > (int64_t)tile->n_bands * tile->height)
        return APERCU_ERROR_ARGUMENT;
    if (n_workspace < place(tile, workspace, &r))
        return APERCU_ERROR_CAPACITY;
    if (first == 0)
        for (int32_t i = 0; i < RATIOS; i++)
            r.weights[i] = i < 16 ? WEIGHT_MOST : clamp32((65536 + i * i / 2) / (i * i), 0, WEIGHT_MOST);
    for (int64_t i = first % 6; i; i--)
        turn(&r);
    band b = {tile, &r, 0, 2 * tile->max_error + 1, 65536 / (2 * tile->max_error + 1), {{0}}};
    int64_t of_band = -1;
    for (int64_t row = first; row < end; row++) {
        size_t y = (size_t)(row % tile->height);
        int64_t index = row / tile->height;
        const uint16_t *before = samples + (size_t)(index ? index - 1 : 0) * width * height,
                       *before_that = samples + (size_t)(index > 1 ? index - 2 : 0) * width * height;
        const size_t up = (y ? y - 1 : 0) * width, here = y * width, down = (y + 1 < height ? y + 1 : y) * width;
        b.class = (int32_t)(index < 2 ? index : 2);
        if (index != of_band) {
            of_band = index;
            for (int i = 0; i < EXPERTS; i++)
                for (int j = 0; j < INPUTS; j++)
                    b.taps[j][i] = taps[(b.class * EXPERTS + i) * INPUTS + j];
        }
        if (y == 0)
            begin_band(tile, &r);
        turn(&r);
        fill_ends(tile, &r);
        if (index > 0) {
            load_row(r.before[0], before + up, width);
            load_row(r.before[1], before + here, width);
            load_row(r.before[2], before + down, width);
        }
        if (index > 1) {
            load_row(r.before_that[0], before_that + up, width);
            load_row(r.before_that[1], before_that + here, width);
        }
        uint16_t *at = samples + (size_t)row * width;
        if (writing)
            write_row(c, &b, at, r.levels + here);
        else
            read_row(c, &b, at, r.levels + here);
        if (!writing && range_overrun(&c->d))
            return APERCU_ERROR_TRUNCATED;
    }
    return 0;
}

int64_t apercu_predict_encode(const predict_tile *tile, const int16_t *taps, range_context *contexts, uint8_t *workspace,
                              size_t n_workspace, uint16_t *samples, int64_t first, int64_t end, uint8_t *out,
                              size_t capacity, uint64_t *state, int32_t ends)
{
    coder c = {range_encoder_at(out, capacity), range_decoder_at(NULL, 0), contexts};
    if (state[2])
        c.e.size = (size_t)state[0], c.e.low = (uint32_t)state[1], c.e.range = (uint32_t)state[2];
    int64_t fault = walk(&c, tile, taps, workspace, n_workspace, samples, first, end, 1);
    state[0] = c.e.size, state[1] = c.e.low, state[2] = c.e.range;
    return fault ? fault : ends ? range_finish(&c.e) : (int64_t)c.e.size;
}

int64_t apercu_predict_decode(const predict_tile *tile, const int16_t *taps, range_context *contexts, uint8_t *workspace,
                              size_t n_workspace, uint16_t *samples, int64_t first, int64_t end, const uint8_t *data,
                              size_t n_data, uint64_t *state, int32_t ends)
{
    coder c = {range_encoder_at(NULL, 0), range_decoder_at(data, n_data), contexts};
    if (state[2])
        c.d.pos = (size_t)state[0], c.d.code = (uint32_t)state[1], c.d.range = (uint32_t)state[2];
    int64_t fault = walk(&c, tile, taps, workspace, n_workspace, samples, first, end, 0);
    state[0] = c.d.pos, state[1] = c.d.code, state[2] = c.d.range;
    return fault || !ends ? fault : range_end(&c.d);
}

int64_t apercu_predict_start(const uint16_t *starts, range_context *contexts)
{
    for (size_t i = 0; i < N_CONTEXTS; i++) {
        const uint16_t *s = starts + 2 * i;
        if (s[0] < 1 || s[1] < 2 || s[1] > RANGE_OLD_AGE)
            return APERCU_ERROR_ARGUMENT;
        contexts[i] = range_context_at(s[0], s[1], RANGE_FAST_SHIFT, RANGE_SLOW_SHIFT);
    }
    return N_CONTEXTS;
}
