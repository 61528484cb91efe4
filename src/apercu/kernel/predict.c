/* Samples by prediction: experts, blended by their recent errors, corrected by context; what they miss is range coded.
 * Writing and reading are the same function, compiled twice. */
#include "predict_code.h"
#include "predict_row.h"

#include <string.h>

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

/* Contexts of a residual, and the corrected prediction that it counts from. */
typedef struct {
    range_context *own, *mixed;
    bias *biases[2];
    int32_t prediction, from; /* with FRACTION bits; as a sample */
    uint32_t offset, mirrored, low;
} setting;

/* An error in units of 2 * max_error + 1. */
static inline uint32_t in_steps(const band *b, uint32_t error)
{
    return b->step == 1 ? error : (uint32_t)((uint64_t)error * b->scale >> 16);
}

APERCU_PART void choose(setting *s, const band *b, const rows *at, const guess *g, range_context *contexts, ptrdiff_t x,
                         uint32_t level)
{
    const int32_t w = at->own[x - 1], ww = at->own[x - 2], n = at->n[x], nw = at->n[x - 1], ne = at->n[x + 1], nn = at->nn[x];
    const uint32_t near = (uint32_t)(4 * (at->error[x - 1] + at->error_n[x]) +
                                     2 * (at->error_n[x - 1] + at->error_n[x + 1] + at->error[x - 2] + at->error_nn[x]));
    uint32_t own = level_of(in_steps(b, (near + 16 * g->spread) >> 5)), low = 0;
    if (own >= OWN_LEVELS) {
        low = own / 4 - (OCTAVES_FINE - 1);
        own -= 4 * low;
    }
    uint32_t beside = level;
    if (b->class == 0)
        beside = level_of(in_steps(b, (uint32_t)(magnitude32(w - nw) + magnitude32(n - ne)) << FRACTION));
    beside = beside > 4 * low ? least32((beside - 4 * low) / 3, OTHER_LEVELS - 1) : 0;
    uint32_t spread = least32(level_of(in_steps(b, g->spread) >> low) / 2, SPREAD_LEVELS - 1);
    s->low = low;
    s->own = contexts + OWN_CONTEXTS + (b->class * OWN_LEVELS + (int32_t)own) * PER_LEVEL;
    s->mixed = contexts + MIXED_CONTEXTS + (b->class * MIXED_LEVELS + (int32_t)(spread * OTHER_LEVELS + beside)) * PER_LEVEL;
    /* Which neighbours lie above the blend, and which way the band before goes, or experts. */
    const int32_t p = g->blend;
    const uint32_t around = (uint32_t)(w * 8 > p) | (uint32_t)(n * 8 > p) << 1 | (uint32_t)(nw * 8 > p) << 2 |
                            (uint32_t)(ne * 8 > p) << 3 | (uint32_t)(ww * 8 > p) << 4 | (uint32_t)(nn * 8 > p) << 5 |
                            (uint32_t)((2 * n - nn) * 8 > p) << 6 | (uint32_t)((2 * w - ww) * 8 > p) << 7;
    const int32_t *c = at->c + x;
    const uint32_t aside = b->class ? (uint32_t)(c[0] > at->cn[x]) | (uint32_t)(c[0] > c[-1]) << 1 |
                                          (uint32_t)(c[0] > c[1]) << 2 | (uint32_t)(c[0] > at->cs[x]) << 3
                                    : (uint32_t)(g->expert[0] > p) | (uint32_t)(g->expert[1] > p) << 1;
    s->biases[0] = b->r->biases + b->class * 2 * PATTERNS + own / 4 * 256 + around;
    s->biases[1] = b->r->biases + (b->class * 2 + 1) * PATTERNS + own * 16 + aside;
    s->prediction = clamp32(p + floor_shift32(s->biases[0]->mean + s->biases[1]->mean, BIAS_BITS + 1), 0, b->top << FRACTION);
    s->from = (s->prediction + 4) >> FRACTION;
    const int32_t offset = s->prediction - (s->from << FRACTION);
    s->mirrored = offset < 0;
    s->offset = low ? 0 : in_steps(b, (uint32_t)magnitude32(offset));
}

/* A sample that may repeat the one above or to the left: which of them, and the context that says whether it does. */
typedef struct {
    range_context *context; /* NULL: it may not */
    uint8_t *past;
    int32_t sample;
    int from_left;
} repeat;

static inline repeat find_repeat(const band *b, const rows *at, range_context *contexts, ptrdiff_t x)
{
    const int32_t *own = at->own + x, *n = at->n + x, *nn = at->nn + x, *c = at->c + x;
    const int from_above = own[-1] == n[-1] && own[-2] == n[-2], from_left = n[0] == n[-1] && nn[0] == nn[-1];
    repeat r = {NULL, NULL, from_left ? own[-1] : n[0], from_left};
    if (from_above || from_left) {
        const int kind = from_above && from_left ? 0 : 1 + from_left;
        const int too = b->class == 0 ? n[0] == n[1] : from_left ? c[0] == c[-1] : c[0] == at->cn[x];
        r.past = &b->r->repeats[kind];
        r.context = contexts + REPEAT_CONTEXTS + 8 * kind + 4 * too + *r.past;
    }
    return r;
}

static inline void learn_repeat(const repeat *r, uint32_t hit)
{
    range_context_learn(r->context, hit);
    *r->past = (uint8_t)((*r->past << 1 & 2) | hit);
}

/* Takes over what is known of the place that a sample repeats. */
static inline void copy_place(const rows *at, ptrdiff_t x, int from_left)
{
    const uint16_t *missed = from_left ? at->missed + (x - 1) * EXPERTS : at->missed_n + x * EXPERTS;
    at->error[x] = from_left ? at->error[x - 1] : at->error_n[x];
    at->learner[x] = from_left ? at->learner[x - 1] : at->learner_n[x];
    memcpy(at->missed + x * EXPERTS, missed, EXPERTS * sizeof *missed);
}

/* Codes a row of a band. `levels`: of errors of the band before, and then of this one. */
APERCU_PART void code_row(coder *shared, const band *b, uint16_t *samples, uint8_t *levels, const int writing)
{
    coder c = *shared;
    room *r = b->r;
    const ptrdiff_t width = b->tile->width;
    const int32_t top = b->top, k = b->max_error, step = b->step;
    const rows at = rows_of(r);
    learner l = learner_at(r->learnt + b->class * INPUTS, r->typical[b->class]);
    input inputs[INPUTS];
    const int n_inputs = list_inputs(r, b->class, inputs);
    uint64_t inputs_sum = 0;
    run next;
    for (ptrdiff_t x = 0; x < width; x++) {
        if (x % RUN == 0)
            inputs_sum += look_ahead(b, inputs, n_inputs, x, width - x < RUN ? width - x : RUN, l.up, l.down, &next);
        const repeat again = find_repeat(b, &at, c.contexts, x);
        const uint32_t p0 = again.context ? range_context_p0(again.context) : RANGE_HALF;
        const int stays = writing && b->keeps_ends && (samples[x] == 0 || samples[x] == top);
        if (p0 < REPEAT_MOST) {
            uint32_t hit = writing && magnitude32(samples[x] - again.sample) <= (stays ? 0 : k);
            if (writing)
                range_put(&c.e, hit, p0);
            else
                hit = range_get(&c.d, p0);
            learn_repeat(&again, hit);
            if (hit) {
                samples[x] = (uint16_t)again.sample;
                at.own[x] = again.sample;
                levels[x] = 0;
                copy_place(&at, x, again.from_left);
                continue;
            }
        }
        guess g;
        setting s;
        make_guess(&g, &at, &next, b, &l, x, top << FRACTION);
        choose(&s, b, &at, &g, c.contexts, x, levels[x]);
        const int one_sided = s.low ? 0 : s.from == 0 ? 1 : s.from == top ? -1 : 0;
        int32_t residual = 0;
        if (writing) {
            const int32_t off = samples[x] - s.from, up = stays ? 2 * k : k; /* what is clamped reaches an end */
            residual = off < 0 ? -((up - off) / step) : (off + up) / step;
        }
        residual = code_residual(&c, s.own, s.mixed, residual, s.offset, s.mirrored, s.low, one_sided, writing);
        const int64_t reached = s.from + (int64_t)residual * step;
        const int32_t sample = reached < 0 ? 0 : reached > top ? top : (int32_t)reached, sample_q3 = sample << FRACTION;
        samples[x] = (uint16_t)sample;
        at.own[x] = sample;
        at.error[x] = magnitude32(sample_q3 - s.prediction);
        levels[x] = (uint8_t)level_of(in_steps(b, (uint32_t)at.error[x]));
        learn(&g, &at, &next, &l, x, sample_q3);
        learn_bias(s.biases[0], sample_q3 - g.blend);
        learn_bias(s.biases[1], sample_q3 - g.blend);
        if (again.context && p0 >= REPEAT_MOST)
            learn_repeat(&again, sample == again.sample);
    }
    r->typical[b->class] = (int32_t)(inputs_sum / (uint64_t)width);
    l.learnt[0] = (int16_t)l.w, l.learnt[1] = (int16_t)l.ww;
    memcpy(r->learnt + b->class * INPUTS, l.learnt, sizeof l.learnt);
    *shared = c;
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
static void begin_band(const predict_tile *tile, int32_t top, room *r)
{
    size_t n = (size_t)tile->width + 2 * MARGIN;
    for (int i = 0; i < 3; i++) {
        fill32(r->own[i], n, (top + 1) / 2);
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
    uint16_t *missed = r->missed[1], *learners = r->learner[1];
    r->own[2] = r->own[1], r->own[1] = r->own[0], r->own[0] = own;
    r->error[2] = r->error[1], r->error[1] = r->error[0], r->error[0] = error;
    r->missed[1] = r->missed[0], r->missed[0] = missed;
    r->learner[1] = r->learner[0], r->learner[0] = learners;
}

/* Fills in the ends of the row above, and what stands left of this one: the first of the row above. */
static void fill_ends(const predict_tile *tile, room *r)
{
    const size_t w = (size_t)tile->width;
    int32_t *const both[2][2] = {{r->own[0], r->own[1]}, {r->error[0], r->error[1]}};
    for (int i = 0; i < 2; i++) {
        int32_t first = both[i][1][MARGIN], last = both[i][1][MARGIN + w - 1];
        for (size_t j = 0; j < MARGIN; j++)
            both[i][0][j] = both[i][1][j] = first, both[i][1][MARGIN + w + j] = last;
    }
    uint16_t *above = r->missed[1] + MARGIN * EXPERTS, *learners = r->learner[1] + MARGIN;
    for (size_t j = 1; j <= MARGIN; j++) {
        const size_t size = EXPERTS * sizeof *above;
        memcpy(above + (w - 1 + j) * EXPERTS, above + (w - 1) * EXPERTS, size);
        memcpy(above - j * EXPERTS, above, size);
        memcpy(r->missed[0] + (MARGIN - j) * EXPERTS, above, size);
        learners[w - 1 + j] = learners[w - 1];
        *(learners - j) = r->learner[0][MARGIN - j] = learners[0];
    }
}

static int check_tile(const predict_tile *tile)
{
    const int32_t most = 65535;
    return tile->width < 1 || tile->width > most || tile->height < 1 || tile->height > most || tile->n_bands < 1 ||
                   tile->n_bands > most || tile->max_error < 0 ||
                   tile->max_error > most || tile->coarser_from < 0 || tile->coarser_from > tile->height ||
                   tile->ends_from < 0 || tile->ends_from > tile->n_bands
               ? APERCU_ERROR_ARGUMENT
               : 0;
}

int64_t apercu_predict_workspace(const predict_tile *tile)
{
    room r;
    return check_tile(tile) ? APERCU_ERROR_ARGUMENT : (int64_t)place(tile, NULL, &r);
}

static inline int64_t walk(coder *c, const predict_tile *tile, const int32_t *tops, const int16_t *taps, uint8_t *workspace, size_t n_workspace,
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
    band b = {tile, &r, 0, 0, 0, 1, 0, 0, {{0}}};
    int64_t of_band = -1;
    for (int64_t row = first; row < end; row++) {
        size_t y = (size_t)(row % tile->height);
        int64_t index = row / tile->height;
        const uint16_t *before = samples + (size_t)(index ? index - 1 : 0) * width * height,
                       *before_that = samples + (size_t)(index > 1 ? index - 2 : 0) * width * height;
        const size_t up = (y ? y - 1 : 0) * width, here = y * width, down = (y + 1 < height ? y + 1 : y) * width;
        b.class = (int32_t)(index < 2 ? index : 2);
        b.keeps_ends = index >= tile->ends_from;
        b.top = tops[index];
        b.max_error = tile->max_error + ((int32_t)y >= tile->coarser_from);
        b.step = 2 * b.max_error + 1;
        b.scale = 65536 / (uint32_t)b.step;
        if (b.top < 0 || b.top > 65535)
            return APERCU_ERROR_ARGUMENT;
        if (index != of_band) {
            of_band = index;
            for (int i = 0; i < EXPERTS; i++)
                for (int j = 0; j < INPUTS; j++)
                    b.taps[j][i] = taps[(b.class * EXPERTS + i) * INPUTS + j];
        }
        if (y == 0)
            begin_band(tile, b.top, &r);
        turn(&r);
        fill_ends(tile, &r);
        if (y == 1) /* there is no second row above: the first serves */
            memcpy(r.own[2], r.own[1], (width + 2 * MARGIN) * sizeof(int32_t));
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

int64_t apercu_predict_encode(const predict_tile *tile, const int32_t *tops, const int16_t *taps, range_context *contexts, uint8_t *workspace,
                              size_t n_workspace, uint16_t *samples, int64_t first, int64_t end, uint8_t *out,
                              size_t capacity, uint64_t *state, int32_t ends)
{
    coder c = {range_encoder_at(out, capacity), range_decoder_at(NULL, 0), contexts};
    if (state[2])
        c.e.size = (size_t)state[0], c.e.low = (uint32_t)state[1], c.e.range = (uint32_t)state[2];
    int64_t fault = walk(&c, tile, tops, taps, workspace, n_workspace, samples, first, end, 1);
    state[0] = c.e.size, state[1] = c.e.low, state[2] = c.e.range;
    return fault ? fault : ends ? range_finish(&c.e) : (int64_t)c.e.size;
}

int64_t apercu_predict_decode(const predict_tile *tile, const int32_t *tops, const int16_t *taps, range_context *contexts, uint8_t *workspace,
                              size_t n_workspace, uint16_t *samples, int64_t first, int64_t end, const uint8_t *data,
                              size_t n_data, uint64_t *state, int32_t ends)
{
    coder c = {range_encoder_at(NULL, 0), range_decoder_at(data, n_data), contexts};
    if (state[2])
        c.d.pos = (size_t)state[0], c.d.code = (uint32_t)state[1], c.d.range = (uint32_t)state[2];
    int64_t fault = walk(&c, tile, tops, taps, workspace, n_workspace, samples, first, end, 0);
    state[0] = c.d.pos, state[1] = c.d.code, state[2] = c.d.range;
    return fault || !ends ? fault : range_end(&c.d);
}

int64_t apercu_predict_count(const uint16_t *samples, size_t n, uint32_t *counts)
{
    for (size_t i = 0; i < n; i++)
        counts[samples[i]]++;
    return 0;
}

int64_t apercu_predict_map(uint16_t *samples, size_t n, const uint16_t *map)
{
    for (size_t i = 0; i < n; i++)
        samples[i] = map[samples[i]];
    return 0;
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
