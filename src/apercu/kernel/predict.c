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

/* What one band's rows pass on, laid out in the workspace. Rows of samples have MARGIN places on both sides. */
typedef struct {
    int32_t *own[3];          /* this row, the one above, the one above that */
    int32_t *before[3];       /* rows y - 1, y, y + 1 of the band before */
    int32_t *before_that[2];  /* rows y - 1, y of the one before that */
    int32_t *error[3];        /* of blended predictions, as `own` */
    uint16_t *missed[2];      /* errors of experts, [x][EXPERTS]: this row, the one above */
    int32_t *ahead;           /* [x][EXPERTS]: what the experts make of samples that are known a row ahead */
    int32_t *energy;          /* [x][EXPERTS]: what their errors in the row above add up to */
    uint8_t *levels;          /* of errors of the band before, at every place of the plane */
    bias *biases;             /* [CLASSES][2][PATTERNS] */
    int32_t *learnt;          /* [CLASSES][INPUTS] */
    int32_t *typical;         /* [CLASSES]: mean sum of the learner's inputs */
    int32_t *weights;         /* [RATIOS] */
    uint8_t *repeats;         /* [3]: whether samples repeated, the last twice */
} room;

typedef struct {
    const predict_tile *tile;
    room *r;
    int32_t class, step, scale; /* scale: 65536 / step */
    int32_t first_term[EXPERTS], second_term[EXPERTS]; /* weights of W and WW */
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
        PLACE(r->before[i], int32_t, row);
        PLACE(r->error[i], int32_t, row);
    }
    for (int i = 0; i < 2; i++) {
        PLACE(r->before_that[i], int32_t, row);
        PLACE(r->missed[i], uint16_t, of_experts * sizeof(uint16_t));
    }
    PLACE(r->ahead, int32_t, of_experts * sizeof(int32_t));
    PLACE(r->energy, int32_t, of_experts * sizeof(int32_t));
    PLACE(r->levels, uint8_t, w * (size_t)tile->height);
    PLACE(r->biases, bias, CLASSES * 2 * PATTERNS * sizeof(bias));
    PLACE(r->learnt, int32_t, CLASSES * INPUTS * sizeof(int32_t));
    PLACE(r->typical, int32_t, CLASSES * sizeof(int32_t));
    PLACE(r->weights, int32_t, RATIOS * sizeof(int32_t));
    PLACE(r->repeats, uint8_t, 3);
#undef PLACE
    return n;
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

static inline uint32_t code_bypass(coder *c, uint32_t bit, const int writing)
{
    if (writing)
        range_put_bypass(&c->e, bit);
    else
        bit = range_get_bypass(&c->d);
    return bit;
}

/* Codes the low `n` bits of a value without context, the highest first. */
static inline uint32_t code_low_bits(coder *c, uint32_t value, uint32_t n, const int writing)
{
    uint32_t read = 0;
    while (n--)
        read = read << 1 | code_bypass(c, value >> n & 1, writing);
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
        uint32_t tree = TREE_AT + 8 * (length - 1);
        for (; left && value < 8; left--)
            value = value << 1 | code_bit(c, a + tree + value, b + tree + value, magnitude >> (left - 1) & 1, writing);
    }
    return value << left | code_low_bits(c, magnitude, left, writing);
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
        return high * (1 << low) + (int32_t)code_low_bits(c, rest, low, writing) - (1 << (low - 1));
    return high;
}

static inline int32_t magnitude32(int32_t v)
{
    return v < 0 ? -v : v;
}

/* Experts and energies of a row, as far as they are known before its samples. */
static inline void look_ahead(const band *b, const int16_t *taps)
{
    room *r = b->r;
    size_t width = (size_t)b->tile->width;
    const int32_t *n = r->own[1] + MARGIN, *nn = r->own[2] + MARGIN, *cn = r->before[0] + MARGIN,
                  *c = r->before[1] + MARGIN, *cs = r->before[2] + MARGIN, *dn = r->before_that[0] + MARGIN,
                  *d = r->before_that[1] + MARGIN;
    const uint16_t *above = r->missed[1] + MARGIN * EXPERTS;
    int32_t t[INPUTS][EXPERTS] = {{0}}, lefts[2][EXPERTS] = {{0}};
    for (int i = 0; i < LEARNER; i++)
        for (int j = 0; j < INPUTS; j++) {
            int32_t tap = taps[i * INPUTS + j];
            t[j][i] = tap;
            if (j >= 6)
                lefts[j >= 12][i] -= tap;
        }
    for (size_t x = 0; x < width; x++) {
        int32_t *ahead = r->ahead + x * EXPERTS, *energy = r->energy + x * EXPERTS;
        const uint16_t *e = above + x * EXPERTS;
        int32_t v[5] = {n[x], n[x - 1], n[x + 1], nn[x], nn[x + 1]};
        for (int i = 0; i < EXPERTS; i++) {
            ahead[i] = v[0] * t[0][i] + v[1] * t[1][i] + v[2] * t[2][i] + v[3] * t[4][i] + v[4] * t[5][i] +
                       (1 << (TAP_BITS - FRACTION - 1));
            energy[i] = e[i - EXPERTS] + e[i] + e[i + EXPERTS] + 2;
        }
        if (b->class > 0)
            for (int i = 0; i < EXPERTS; i++)
                ahead[i] += c[x] * t[6][i] + cn[x] * t[7][i] + cn[x - 1] * t[8][i] + cn[x + 1] * t[9][i] +
                            c[x + 1] * t[10][i] + cs[x] * t[11][i] + c[x - 1] * lefts[0][i];
        if (b->class > 1)
            for (int i = 0; i < EXPERTS; i++)
                ahead[i] += d[x] * t[12][i] + dn[x] * t[13][i] + dn[x - 1] * t[14][i] + d[x + 1] * t[15][i] +
                            d[x - 1] * lefts[1][i];
    }
}

/* Codes a row of a band. */
static inline void code_row(coder *coder_of, const band *b, const int16_t *taps, uint16_t *samples, uint8_t *levels,
                            const int writing)
{
    coder c = *coder_of;
    room *r = b->r;
    const size_t width = (size_t)b->tile->width;
    const int32_t top = b->tile->top, k = b->tile->max_error, step = b->step;
    const uint32_t scale = (uint32_t)b->scale;
    int32_t *own = r->own[0] + MARGIN, *error = r->error[0] + MARGIN;
    const int32_t *n = r->own[1] + MARGIN, *nn = r->own[2] + MARGIN, *cn = r->before[0] + MARGIN,
                  *cc = r->before[1] + MARGIN, *cs = r->before[2] + MARGIN, *dn = r->before_that[0] + MARGIN,
                  *dd = r->before_that[1] + MARGIN, *error_n = r->error[1] + MARGIN, *error_nn = r->error[2] + MARGIN;
    uint16_t *missed = r->missed[0] + MARGIN * EXPERTS, *missed_n = r->missed[1] + MARGIN * EXPERTS;
    range_context *own_contexts = c.contexts + OWN_CONTEXTS + b->class * OWN_LEVELS * PER_LEVEL,
                  *mixed_contexts = c.contexts + MIXED_CONTEXTS + b->class * MIXED_LEVELS * PER_LEVEL;
    bias *first_biases = r->biases + b->class * 2 * PATTERNS, *second_biases = first_biases + PATTERNS;
    int32_t learnt[INPUTS], *typical = r->typical + b->class;
    uint32_t input_shift = 0;
    uint64_t inputs_sum = 0;
    memcpy(learnt, r->learnt + b->class * INPUTS, sizeof learnt);
    while (*typical >> input_shift > 1024)
        input_shift++;
    look_ahead(b, taps);
    for (size_t x = 0; x < width; x++) {
        const int32_t w = own[x - 1], ww = own[x - 2], above = n[x];
        /* Repeats: the row above again, or the column to the left. */
        int row_again = w == n[x - 1] && ww == n[x - 2], column_again = above == n[x - 1] && nn[x] == nn[x - 1];
        range_context *repeat = NULL;
        uint8_t *repeated = NULL;
        int32_t again = column_again ? w : above;
        if (row_again | column_again) {
            int kind = row_again && column_again ? 0 : 1 + column_again;
            repeated = &r->repeats[kind];
            repeat = c.contexts + REPEAT_CONTEXTS + 8 * kind + 4 * (above == n[x + 1]) + *repeated;
            uint32_t p0 = range_context_p0(repeat);
            if (p0 < 65536 / 4) {
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
                    const uint16_t *from = column_again ? missed + (x - 1) * EXPERTS : missed_n + x * EXPERTS;
                    memcpy(missed + x * EXPERTS, from, EXPERTS * sizeof *missed);
                    levels[x] = 0;
                    continue;
                }
                repeat = NULL;
            }
        }
        /* The learner's inputs. */
        int32_t in[INPUTS] = {n[x] - w, n[x - 1] - w, n[x + 1] - w, ww - w, nn[x] - w, nn[x + 1] - w};
        if (b->class > 0) {
            int32_t left = cc[x - 1];
            in[6] = cc[x] - left, in[7] = cn[x] - left, in[8] = cn[x - 1] - left, in[9] = cn[x + 1] - left;
            in[10] = cc[x + 1] - left, in[11] = cs[x] - left;
        }
        if (b->class > 1) {
            int32_t left = dd[x - 1];
            in[12] = dd[x] - left, in[13] = dn[x] - left, in[14] = dn[x - 1] - left, in[15] = dd[x + 1] - left;
        }
        int32_t learnt_sum = 0, sum_of_inputs = 0, inputs_all = 0;
        for (int j = 0; j < INPUTS; j++) {
            int32_t size = magnitude32(in[j]);
            inputs_all += size;
            size >>= input_shift;
            size = size < INPUT_MOST ? size : INPUT_MOST;
            sum_of_inputs += size;
            in[j] = in[j] < 0 ? -size : size;
            learnt_sum += learnt[j] * in[j];
        }
        inputs_sum += (uint64_t)inputs_all;
        /* Experts, their energies, and the blend. */
        int32_t expert[EXPERTS], energy[EXPERTS], least = INT32_MAX;
        const int32_t *ahead = r->ahead + x * EXPERTS, *sums = r->energy + x * EXPERTS;
        const uint16_t *missed_w = missed + (x - 1) * EXPERTS, *missed_ww = missed_w - EXPERTS;
        for (int i = 0; i < EXPERTS; i++) {
            int32_t v = ahead[i] + b->first_term[i] * w + b->second_term[i] * ww;
            expert[i] = clamp32(floor_shift32(v, TAP_BITS - FRACTION), 0, top << FRACTION);
            energy[i] = sums[i] + 2 * missed_w[i] + missed_ww[i];
        }
        int32_t by_learner = (w << FRACTION) + floor_shift32(learnt_sum, LEARNT_BITS - FRACTION) * (1 << input_shift);
        expert[LEARNER] = clamp32(by_learner, 0, top << FRACTION);
        for (int i = 0; i < EXPERTS; i++)
            least = energy[i] < least ? energy[i] : least;
        uint32_t per_least = (1u << 20) / (uint32_t)least, weight_sum = 0, sum = 0, apart = 0;
        uint32_t weight[EXPERTS];
        for (int i = 0; i < EXPERTS; i++) {
            int32_t e = energy[i] < 32 * least ? energy[i] : 32 * least - 1;
            uint32_t ratio = (uint32_t)e * per_least >> 16;
            weight[i] = (uint32_t)r->weights[ratio];
        }
        for (int i = 0; i < EXPERTS; i++) {
            weight_sum += weight[i];
            sum += weight[i] * (uint32_t)expert[i];
        }
        int32_t blend = (int32_t)((sum + weight_sum / 2) / weight_sum);
        for (int i = 0; i < EXPERTS; i++)
            apart += weight[i] * (uint32_t)magnitude32(expert[i] - blend);
        uint32_t spread = 2 * apart / weight_sum; /* one more fraction bit */
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
        int32_t p3 = blend;
        uint32_t pattern = (uint32_t)((w << 3) > p3) | (uint32_t)((n[x] << 3) > p3) << 1 |
                           (uint32_t)((n[x - 1] << 3) > p3) << 2 | (uint32_t)((n[x + 1] << 3) > p3) << 3 |
                           (uint32_t)((ww << 3) > p3) << 4 | (uint32_t)((nn[x] << 3) > p3) << 5 |
                           (uint32_t)((2 * n[x] - nn[x]) * 8 > p3) << 6 | (uint32_t)((2 * w - ww) * 8 > p3) << 7;
        bias *first = first_biases + (own_level / 4) * 256 + pattern, *second;
        if (b->class)
            second = second_biases + own_level * 16 + (cc[x] > cn[x]) + 2 * (cc[x] > cc[x - 1]) + 4 * (cc[x] > cc[x + 1]) +
                     8 * (cc[x] > cs[x]);
        else
            second = second_biases + own_level * 4 + (expert[0] > p3) + 2 * (expert[2] > p3);
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
        int32_t typical_sum = *typical >> input_shift, norm = sum_of_inputs > typical_sum ? sum_of_inputs : typical_sum;
        int32_t rate = 65536 / (norm + 4), sign = v3 > expert[LEARNER] ? 1 : v3 < expert[LEARNER] ? -1 : 0;
        for (int j = 0; j < INPUTS; j++) {
            int32_t l = learnt[j] + sign * floor_shift32(in[j] * rate + 128, 8);
            l = l < -LEARNT_MOST ? -LEARNT_MOST : l;
            learnt[j] = l > LEARNT_MOST ? LEARNT_MOST : l;
        }
        if (repeat) {
            uint32_t hit = v == again;
            range_context_learn(repeat, hit);
            *repeated = (uint8_t)((*repeated << 1 & 2) | hit);
        }
    }
    *typical = (int32_t)((uint64_t)inputs_sum / width);
    memcpy(r->learnt + b->class * INPUTS, learnt, sizeof learnt);
    *coder_of = c;
}

APERCU_VECTORISED static void write_row(coder *c, const band *b, const int16_t *taps, uint16_t *samples, uint8_t *levels)
{
    code_row(c, b, taps, samples, levels, 1);
}

APERCU_VECTORISED static void read_row(coder *c, const band *b, const int16_t *taps, uint16_t *samples, uint8_t *levels)
{
    code_row(c, b, taps, samples, levels, 0);
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
    for (int i = 0; i < 2; i++)
        memset(r->missed[i], 0, n * EXPERTS * sizeof(uint16_t));
}

/* Takes rows on by one and fills in their ends. */
static void next_row(const predict_tile *tile, room *r)
{
    size_t w = (size_t)tile->width;
    int32_t *own = r->own[2], *error = r->error[2];
    uint16_t *missed = r->missed[1];
    r->own[2] = r->own[1], r->own[1] = r->own[0], r->own[0] = own;
    r->error[2] = r->error[1], r->error[1] = r->error[0], r->error[0] = error;
    r->missed[1] = r->missed[0], r->missed[0] = missed;
    fill32(r->own[1] + MARGIN + w, MARGIN, r->own[1][MARGIN + w - 1]);
    fill32(r->error[1] + MARGIN + w, MARGIN, r->error[1][MARGIN + w - 1]);
    fill32(r->error[1], MARGIN, r->error[1][MARGIN]);
    fill32(own, MARGIN, r->own[1][MARGIN]);
    fill32(error, MARGIN, r->error[1][MARGIN]);
    for (size_t i = 1; i <= MARGIN; i++) {
        const size_t row = EXPERTS * sizeof(uint16_t);
        uint16_t *above = r->missed[1] + MARGIN * EXPERTS;
        memcpy(above + (w - 1 + i) * EXPERTS, above + (w - 1) * EXPERTS, row);
        memcpy(above - i * EXPERTS, above, row);
        memcpy(missed + (MARGIN - i) * EXPERTS, above, row);
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

/* Rows as they stand after `n` times next_row, their ends apart. */
static void turn(room *r, int64_t n)
{
    for (n %= 6; n; n--) {
        int32_t *own = r->own[2], *error = r->error[2];
        uint16_t *missed = r->missed[1];
        r->own[2] = r->own[1], r->own[1] = r->own[0], r->own[0] = own;
        r->error[2] = r->error[1], r->error[1] = r->error[0], r->error[0] = error;
        r->missed[1] = r->missed[0], r->missed[0] = missed;
    }
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
    turn(&r, first);
    band b = {tile, &r, 0, 2 * tile->max_error + 1, 65536 / (2 * tile->max_error + 1), {0}, {0}};
    int64_t of_band = -1;
    for (int64_t row = first; row < end; row++) {
        size_t y = (size_t)(row % tile->height);
        int64_t index = row / tile->height;
        const uint16_t *before = samples + (size_t)(index ? index - 1 : 0) * width * height,
                       *before_that = samples + (size_t)(index > 1 ? index - 2 : 0) * width * height;
        const size_t up = (y ? y - 1 : 0) * width, here = y * width, down = (y + 1 < height ? y + 1 : y) * width;
        b.class = (int32_t)(index < 2 ? index : 2);
        const int16_t *its = taps + b.class * LEARNER * INPUTS;
        if (index != of_band) {
            of_band = index;
            for (int i = 0; i < LEARNER; i++) {
                b.first_term[i] = 1 << TAP_BITS;
                for (int j = 0; j < 6; j++)
                    b.first_term[i] -= its[i * INPUTS + j];
                b.second_term[i] = its[i * INPUTS + 3];
            }
        }
        if (y == 0)
            begin_band(tile, &r);
        next_row(tile, &r);
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
            write_row(c, &b, its, at, r.levels + here);
        else
            read_row(c, &b, its, at, r.levels + here);
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
