/* Symbols of wavelet bands to bits and back, with the contexts of band_model.h (spec/apercu.md, "Bands").
 *
 * One walk serves both directions: `writing` is a constant wherever these functions are expanded, so that the compiler
 * makes three of them, which cannot become different: a decoder, an encoder, and an encoder that weighs errors. */
#include "band_code.h"
#include "band_choice.h"
#include "band_grids.h"
#include "band_importance.h"
#include "band_low.h"
#include "band_step.h"

enum { READING, WRITING, WEIGHING };

/* One coefficient; returns whether its symbol is not zero. `must`: it cannot be. */
static inline int code_symbol(coder *c, const band *b, size_t y, size_t x, int group_has, int must, const int writing)
{
    uint8_t *own = b->own.at + y * b->own.stride + x, *sign_at = b->signs + (y % GROUP + 1) * b->signs_stride + x;
    ptrdiff_t up = -(ptrdiff_t)b->own.stride, above = -(ptrdiff_t)b->signs_stride;
    const uint8_t *w = b->weights;
    uint32_t before = (uint32_t)(w[0] * own[-1] + w[1] * own[up] + w[2] * own[up - 1] + w[3] * own[up + 1] +
                                 w[4] * own[-2] + w[5] * own[2 * up]);
    uint32_t around = b->around[y % GROUP * b->around_stride + x];
    int at = (b->band * BUCKETS + (int)bucket_of(around)) * BUCKETS + (int)bucket_of(before);
    range_context *zero = c->contexts + ZERO_CONTEXTS + 2 * at + group_has;
    uint32_t steps = 0, q = 0, negative = 0;
    if (writing) {
        int16_t coefficient = b->coefficients[y * b->own.width + x];
        steps = in_steps(b, coefficient);
        negative = coefficient < 0;
    }
    int chosen = writing && (must || steps >= HALF_A_STEP);
    if (writing && b->decoded)
        b->decoded[y * b->own.width + x] = 0;
    /* Most coefficients end here, without a look at the contexts of sign and magnitude. */
    if (!must && !chosen && !code_bit(c, zero, 0, writing))
        return 0;
    range_context *signs = c->contexts + SIGN_CONTEXTS + b->band * SIGN_PATTERNS +
                           ((sign_at[-1] * 3 + sign_at[above]) * 3 + sign_at[above - 1]) * 3 + sign_at[above + 1];
    range_context *magnitude = c->contexts + MAG_CONTEXTS +
                               (b->band / ORIENTATIONS * BUCKETS + (int)bucket_of((before + around) / 2)) * UNARY;
    if (chosen) {
        uint32_t most = (steps + HALF_A_STEP) >> 8;
        used(c, zero), used(c, signs), use_some(c, magnitude, most < UNARY ? most : UNARY);
        if (writing == WEIGHING)
            q = choose_weighed(b->price, weight_at(b, y, x, 1), steps, negative, zero, signs, magnitude, must);
        else
            q = choose(b->price, steps, negative, zero, signs, magnitude, must);
        if (!must && !code_bit(c, zero, q != 0, writing))
            return 0;
    }
    negative = code_bit(c, signs, negative, writing);
    uint32_t read = 1;
    while (read <= UNARY && code_bit(c, &magnitude[read - 1], read < q, writing))
        read++;
    if (read > UNARY)
        read += code_rest(c, q - read, writing);
    if (read > 32767)
        read = 32767;
    int32_t symbol = negative ? -(int32_t)read : (int32_t)read;
    if (!writing)
        b->out[y * b->own.width + x] = coefficient_of(symbol, b->step_q6);
    else if (b->out)
        b->out[y * b->own.width + x] = (int16_t)symbol;
    if (writing && b->decoded)
        b->decoded[y * b->own.width + x] = coefficient_of(symbol, b->step_q6);
    *own = (uint8_t)(read < MAG_MAX ? read : MAG_MAX);
    own[b->own.width - x + MARGIN - 1] = 1;
    *sign_at = (uint8_t)(1 + negative);
    return 1;
}

APERCU_VECTORISED static void look_for_any(const band *b, size_t top, size_t down, int16_t least)
{
    size_t width = b->own.width;
    uint8_t *restrict any = b->any;
    memset(any, 0, width);
    for (size_t y = top; y < top + down; y++) {
        const int16_t *in = b->coefficients + y * width;
        for (size_t x = 0; x < width; x++)
            any[x] = (uint8_t)(any[x] | (in[x] >= least) | (in[x] <= -least));
    }
}

static void clear(const band *b, size_t top, size_t left, size_t down, size_t across)
{
    for (size_t y = top; y < top + down; y++)
        memset(b->decoded + y * b->own.width + left, 0, across * sizeof *b->decoded);
}

/* The last row of a row of groups is above the next one, which begins without symbols. */
static void next_signs(const band *b)
{
    uint8_t *above = b->signs - MARGIN;
    memcpy(above, above + GROUP * b->signs_stride, b->signs_stride);
    memset(above + b->signs_stride, 0, GROUP * b->signs_stride);
}

/* A band, group by group; what is read goes to places that are zero before, as magnitudes are. */
static inline void code_band(coder *whole, const band *given, const int writing)
{
    /* Local copies: otherwise the compiler must assume that a store of bytes changes them. */
    coder own = *whole, *c = &own;
    const band local = *given, *b = &local;
    size_t width = b->own.width, height = b->own.height, groups = (width + GROUP - 1) / GROUP;
    uint8_t *flags = b->flags + 1, *flags_above = flags + groups + 2;
    memset(b->flags, 0, 2 * (groups + 2));
    int32_t half = b->step_q6 >> 7; /* of a step: less than that is 0 */
    int16_t least = (int16_t)(half < 32767 ? half : 32767);
    for (size_t top = 0; top < height; top += GROUP) {
        size_t down = height - top < GROUP ? height - top : GROUP;
        look_around(given, top, down);
        next_signs(given);
        if (writing && b->flagged >= 0)
            look_for_any(given, top, down, least);
        for (size_t g = 0; g < groups; g++) {
            size_t left = g * GROUP, across = width - left < GROUP ? width - left : GROUP;
            int group_has = 0, may_be_empty = 1;
            if (b->flagged >= 0) {
                uint32_t sum = sum_around(b, left);
                uint32_t known = (uint32_t)(flags[(ptrdiff_t)g - 1] + 2 * flags_above[g] + 4 * flags_above[g + 1]);
                range_context *flag = c->contexts + b->flagged + known * BUCKETS + bucket_of(sum >> 3);
                uint32_t on = 0;
                if (writing) {
                    const uint8_t *any = b->any + left;
                    on = (any[0] | any[1] | any[2] | any[3]) &&
                         worth_it(c, b, top, left, down, across, flag, writing == WEIGHING);
                }
                flags[g] = (uint8_t)code_bit(c, flag, on, writing);
                if (!flags[g] && writing && b->decoded)
                    clear(b, top, left, down, across);
                if (!flags[g])
                    continue;
                may_be_empty = 0;
            }
            for (size_t y = top; y < top + down; y++)
                for (size_t x = left; x < left + across; x++) {
                    int last = y + 1 == top + down && x + 1 == left + across;
                    int must = last && !group_has && !may_be_empty;
                    group_has |= code_symbol(c, b, y, x, group_has && !may_be_empty, must, writing);
                }
        }
        uint8_t *t = flags;
        flags = flags_above;
        flags_above = t;
        memset(flags - 1, 0, groups + 2);
    }
    *whole = own;
}

/* Functions of their own: as parts of a larger one they have fewer registers, and take up to a tenth longer. */
APERCU_APART static void write_band(coder *c, const band *b)
{
    code_band(c, b, WRITING);
}

APERCU_APART static void weigh_band(coder *c, const band *b)
{
    code_band(c, b, WEIGHING);
}

APERCU_APART static void read_band(coder *c, const band *b)
{
    code_band(c, b, READING);
}

/* Bytes of workspace for planes, or an error. */
int64_t apercu_bands_workspace(const band_plane *planes, size_t n_planes)
{
    if (check_planes(planes, n_planes))
        return APERCU_ERROR_ARGUMENT;
    size_t size = 0, most = 0;
    for (size_t p = 0; p < n_planes; p++) {
        wavelet_layout layout;
        size_t w = (size_t)planes[p].width, h = (size_t)planes[p].height, scratch = scratch_size(w);
        wavelet_lay_out(&layout, w, h, levels_of(&planes[p]));
        size = place_grids(&planes[p], &layout, NULL, size, NULL);
        most = scratch > most ? scratch : most;
    }
    return (int64_t)(size + most + 8 + MOST_BYTES); /* a word begins in the last row */
}

/* Codes one band of a plane. `scratch` is 8-byte aligned. */
static inline void walk_band(coder *c, const band_plane *plane, const wavelet_layout *layout, const grid *grids,
                             const grid *companion, int stage, int orientation, int32_t step_q8, const uint8_t *weights,
                             const uint8_t *importance, int16_t *coefficients, int decoding, int16_t *out,
                             uint8_t *scratch, const int writing)
{
    int level = stage - plane->chroma, i = 3 * (levels_of(plane) - level) + 1 + orientation;
    band b;
    if (layout->width[i] == 0 || layout->height[i] == 0)
        return;
    b.own = grids[i];
    b.coefficients = writing ? coefficients + layout->start[i] : NULL;
    b.decoded = decoding ? coefficients + layout->start[i] : NULL;
    b.out = out ? out + layout->start[i] : NULL;
    b.band = (plane->chroma * STAGES + stage - 1) * ORIENTATIONS + orientation;
    b.weights = weights + b.band * PAST;
    b.flagged = -1;
    if (stage <= FLAGGED_STAGES)
        b.flagged = FLAG_CONTEXTS +
                    ((plane->chroma * FLAGGED_STAGES + stage - 1) * ORIENTATIONS + orientation) * 8 * BUCKETS;
    b.step_q6 = step_q8 ? band_step_q6(step_q8, plane->chroma, level, orientation) : SYMBOLS_Q6;
    b.price = plane->one_price ? ONE_PRICE : PRICES[plane->chroma][stage - 1];
    b.importance = importance;
    b.importance_stride = layout->width[i - orientation + 1]; /* that of LH */
    b.reciprocal = (uint32_t)(((uint64_t)1 << 32) / (uint32_t)b.step_q6);
    b.parent = level < levels_of(plane) ? &grids[i - 3] : NULL;
    b.sisters = &grids[i - orientation];
    b.n_sisters = orientation;
    b.companion = companion ? &companion[orientation] : NULL;
    size_t wide = wide_of(b.own.width);
    b.any = scratch;
    b.flags = scratch + wide;
    b.around = b.flags + wide;
    b.around_stride = wide;
    b.signs_stride = wide;
    b.signs = b.around + GROUP * wide + MARGIN;
    b.scratch = b.around + (GROUP + GROUP + 1) * wide;
    memset(scratch, 0, (2 + GROUP + GROUP + 1) * wide);
    if (writing && importance)
        weigh_band(c, &b);
    else if (writing)
        write_band(c, &b);
    else
        read_band(c, &b);
}

/* Stages of the planes from `first_plane` to before `end_plane`. */
static inline int64_t walk(coder *c, const band_plane *planes, size_t n_planes, int32_t step_q8, const uint8_t *weights,
                           const uint8_t *importance, int first_stage, int last_stage, size_t first_plane, size_t end_plane,
                           int16_t *coefficients, int16_t *out, uint8_t *workspace, size_t n_workspace,
                           const int writing)
{
    int64_t wanted = apercu_bands_workspace(planes, n_planes);
    if (wanted < 0 || first_stage > STAGES || last_stage < 1 || first_stage < last_stage || step_q8 < writing)
        return APERCU_ERROR_ARGUMENT;
    if (importance && check_sizes(planes, n_planes))
        return APERCU_ERROR_ARGUMENT;
    if (n_workspace < (size_t)wanted)
        return APERCU_ERROR_CAPACITY;
    /* Scratch for a band, and the magnitudes of all. */
    uint8_t *scratch = workspace;
    size_t most = 0;
    for (size_t p = 0; p < n_planes; p++) {
        size_t size = scratch_size((size_t)planes[p].width);
        most = size > most ? size : most;
    }
    most = (most + 7) & ~(size_t)7;
    uint8_t *start = scratch + most;
    for (int stage = STAGES; importance && stage > first_stage; stage--)
        importance += places_of(planes[0].width, stage) * places_of(planes[0].height, stage);
    for (int stage = first_stage; stage >= last_stage; stage--) {
        size_t at = 0, from = 0, there = 0; /* where the grids of plane `reached` begin */
        int32_t reached = 0;
        for (size_t p = 0; p < n_planes; p++) {
            const band_plane *plane = &planes[p];
            int level = stage - plane->chroma, hl = 3 * (levels_of(plane) - level) + 1;
            int decoding = writing && plane->fitted && step_q8 >= MENDED_FROM_Q8 && level > MENDED_TO;
            wavelet_layout layout;
            grid grids[WAVELET_BANDS];
            wavelet_lay_out(&layout, (size_t)plane->width, (size_t)plane->height, levels_of(plane));
            size_t next = place_grids(plane, &layout, start, at, grids);
            if (p < first_plane || p >= end_plane) {
                from += (size_t)plane->width * (size_t)plane->height;
                at = next;
                continue;
            }
            grid beside[ORIENTATIONS];
            const grid *companion = plane->companion >= 0 && level >= 1 ? beside : NULL;
            if (companion)
                find_companion(planes, start, hl, plane->companion, &reached, &there, beside);
            if (stage == STAGES) {
                int32_t step_q6 = step_q8 ? band_step_q6(step_q8, plane->chroma, levels_of(plane), -1) : 0;
                int16_t *low = (out ? out : coefficients) + from;
                code_low(c, writing ? coefficients + from : NULL, low, layout.width[0], layout.height[0],
                         plane->chroma, step_q6, writing);
                if (decoding)
                    decode_low_and_mend(&layout, low, step_q6, coefficients + from);
            }
            for (int o = 0; level >= 1 && o < ORIENTATIONS; o++)
                walk_band(c, plane, &layout, grids, companion, stage, o, step_q8, weights, importance,
                          writing ? coefficients + from : NULL, decoding, out ? out + from : NULL, scratch, writing);
            if (decoding)
                join_and_mend(&layout, hl, grids[layout.n_bands - ORIENTATIONS].at, coefficients + from);
            if (!writing && range_overrun(&c->d))
                return APERCU_ERROR_TRUNCATED;
            from += (size_t)plane->width * (size_t)plane->height;
            at = next;
        }
        if (importance)
            importance += places_of(planes[0].width, stage) * places_of(planes[0].height, stage);
    }
    return 0;
}

int64_t apercu_bands_encode(const band_plane *planes, size_t n_planes, int32_t step_q8, const uint8_t *weights,
                            const uint8_t *importance, int32_t first_stage, int32_t last_stage, size_t first_plane,
                            size_t end_plane, range_context *contexts, uint8_t *workspace, size_t n_workspace,
                            int16_t *coefficients, int16_t *symbols, uint8_t *out, size_t capacity, uint64_t *state,
                            int32_t ends)
{
    coder c = {range_encoder_at(out, capacity), range_decoder_at(NULL, 0), contexts};
    if (state[2])
        c.e.size = (size_t)state[0], c.e.low = (uint32_t)state[1], c.e.range = (uint32_t)state[2];
#ifdef APERCU_SMALL_ENCODER
    importance = NULL; /* which takes away a third of the code */
#endif
    int64_t fault = walk(&c, planes, n_planes, step_q8, weights, importance, first_stage, last_stage, first_plane,
                         end_plane, coefficients, symbols, workspace, n_workspace, 1);
    state[0] = c.e.size, state[1] = c.e.low, state[2] = c.e.range;
    return fault || !ends ? fault : range_finish(&c.e);
}

#ifndef APERCU_SMALL_ENCODER
int64_t apercu_bands_decode(const band_plane *planes, size_t n_planes, int32_t step_q8, const uint8_t *weights,
                            int32_t first_stage, int32_t last_stage, size_t first_plane, size_t end_plane,
                            range_context *contexts, uint8_t *workspace, size_t n_workspace, const uint8_t *data,
                            size_t n_data, int16_t *coefficients, uint64_t *state, int32_t ends)
{
    coder c = {range_encoder_at(NULL, 0), range_decoder_at(data, n_data), contexts};
    if (state[2])
        c.d.pos = (size_t)state[0], c.d.code = (uint32_t)state[1], c.d.range = (uint32_t)state[2];
    int64_t fault = walk(&c, planes, n_planes, step_q8, weights, NULL, first_stage, last_stage, first_plane, end_plane,
                         NULL, coefficients, workspace, n_workspace, 0);
    state[0] = c.d.pos, state[1] = c.d.code, state[2] = c.d.range;
    return fault || !ends ? fault : range_end(&c.d);
}

/* `starts`: for each context the probability of a 0 in 1/65536 and the bits it is trusted for. */
int64_t apercu_bands_start(const uint16_t *starts, range_context *contexts)
{
    for (size_t i = 0; i < N_CONTEXTS; i++) {
        const uint16_t *s = starts + 2 * i;
        if (s[0] < 1 || s[1] < 2 || s[1] > RANGE_OLD_AGE)
            return APERCU_ERROR_ARGUMENT;
        contexts[i] = range_context_at(s[0], s[1], RANGE_FAST_SHIFT, RANGE_SLOW_SHIFT);
    }
    return N_CONTEXTS;
}
#endif
