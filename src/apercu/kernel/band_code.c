/* Symbols of the wavelet bands of planes to bits and back (spec/apercu.md, "Bands"). One walk serves both directions. */
#include "band_code.h"
#include "band_grids.h"
#include "band_importance.h"
#include "band_low.h"
#include "band_step.h"
#include "band_symbols.h"

/* Local copies: otherwise the compiler must assume that a store of bytes changes them. */
static inline void code_locally(coder *whole, const band *given, const int writing)
{
    coder own = *whole;
    const band local = *given;
    code_band(&own, &local, given, writing);
    *whole = own;
}

/* Functions of their own: as parts of a larger one they have fewer registers, and take up to a tenth longer. */
APERCU_APART static void write_band(coder *c, const band *b)
{
    code_locally(c, b, WRITING);
}

APERCU_APART static void weigh_band(coder *c, const band *b)
{
    code_locally(c, b, WEIGHING);
}

APERCU_APART static void read_band(coder *c, const band *b)
{
    code_locally(c, b, READING);
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

/* The grids of a companion's bands from `hl` on. The search goes on from the last companion, whose plane is `reached` and whose
 * grids are `there`: thousands of bands take time in proportion. */
APERCU_APART static void find_companion(const band_plane *planes, uint8_t *start, int hl, int32_t wanted, int32_t *reached,
                                        size_t *there, grid *beside)
{
    grid grids[WAVELET_BANDS];
    if (wanted < *reached)
        *reached = 0, *there = 0;
    for (;; ++*reached) {
        const band_plane *other = &planes[*reached];
        wavelet_layout layout;
        wavelet_lay_out(&layout, (size_t)other->width, (size_t)other->height, levels_of(other));
        size_t end = place_grids(other, &layout, start, *there, grids);
        if (*reached == wanted)
            break;
        *there = end;
    }
    memcpy(beside, grids + hl, ORIENTATIONS * sizeof *beside);
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
    b.row = plane->chroma * STAGES + stage - 1;
    b.band = b.row * ORIENTATIONS + orientation;
    b.weights = weights + b.band * PAST;
    b.flagged = -1;
    if (stage <= FLAGGED_STAGES)
        b.flagged = FLAG_CONTEXTS +
                    ((plane->chroma * FLAGGED_STAGES + stage - 1) * ORIENTATIONS + orientation) * 8 * BUCKETS;
    b.step_q6 = step_q8 ? band_step_q6(step_q8, plane->chroma, level, orientation) : SYMBOLS_Q6;
    b.price = plane->one_price ? ONE_PRICE : PRICES[plane->chroma][stage - 1];
    b.importance = importance;
    b.importance_stride = layout->width[i - orientation + 1]; /* that of LH */
    b.reciprocal = reciprocal_of(b.step_q6);
    b.sources[PARENT] = level < levels_of(plane) ? &grids[i - ORIENTATIONS] : NULL;
    b.sources[SISTER] = orientation > 0 ? &grids[i - 1] : NULL;
    b.sources[SISTER + 1] = orientation > 1 ? &grids[i - 2] : NULL;
    b.sources[COMPANION] = companion ? &companion[orientation] : NULL;
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
    int64_t fault = walk(&c, planes, n_planes, step_q8, weights, importance, first_stage, last_stage, first_plane,
                         end_plane, coefficients, symbols, workspace, n_workspace, 1);
    state[0] = c.e.size, state[1] = c.e.low, state[2] = c.e.range;
    return fault || !ends ? fault : range_finish(&c.e);
}

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
