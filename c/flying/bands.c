/* Coefficients of a tile to the bytes of its layers (spec/apercu.md, "Bands"): the walk of the kernel's band_code.c for planes whose
 * sizes and companions are known. */
#include "inside.h"

#include "band_grids.h"
#include "band_low.h"
#include "band_symbols.h"

/* A band of a plane, whose grids and coefficients these are. */
static void write_band(coder *c, const band_plane *plane, const wavelet_layout *layout, const grid *grids, const grid *beside,
                       int stage, int orientation, int32_t step_q8, int16_t *coefficients, int decoding)
{
    int level = stage - plane->chroma, i = 3 * (STAGES - stage) + 1 + orientation;
    size_t wide = wide_of(grids[i].width);
    band b;
    b.own = grids[i];
    b.coefficients = coefficients + layout->start[i];
    b.decoded = decoding ? coefficients + layout->start[i] : NULL;
    b.band = (plane->chroma * STAGES + stage - 1) * ORIENTATIONS + orientation;
    b.weights = apercu_weights + b.band * PAST;
    b.flagged = -1;
    if (stage <= FLAGGED_STAGES)
        b.flagged = FLAG_CONTEXTS +
                    ((plane->chroma * FLAGGED_STAGES + stage - 1) * ORIENTATIONS + orientation) * 8 * BUCKETS;
    b.step_q6 = band_step_q6(step_q8, plane->chroma, level, orientation);
    b.price = PRICES[plane->chroma][stage - 1];
    b.reciprocal = reciprocal_of(b.step_q6);
    b.parent = stage < STAGES ? &grids[i - ORIENTATIONS] : NULL;
    b.sisters = &grids[i - orientation];
    b.n_sisters = orientation;
    b.companion = plane->companion >= 0 ? &beside[orientation] : NULL;
    b.flags = tile_work.bytes + wide;
    b.around = b.flags + wide;
    b.around_stride = wide;
    b.signs_stride = wide;
    b.signs = b.around + GROUP * wide + MARGIN;
    b.scratch = b.around + (GROUP + GROUP + 1) * wide;
    memset(tile_work.bytes, 0, (2 + GROUP + GROUP + 1) * wide);
    if (b.own.width && b.own.height)
        code_band(c, &b, &b, WRITING);
}

int32_t tile_write(uint32_t width, uint32_t height, int32_t step_q8, int first, int last, uint8_t *out, size_t capacity)
{
    coder c;
    c.e = range_encoder_at(out, capacity);
    c.contexts = tile_contexts;
    for (int stage = first; stage >= last; stage--) {
        size_t at = (scratch_size(width) + 7) & ~(size_t)7;
        int hl = 3 * (STAGES - stage) + 1;
        int16_t *coefficients = tile_samples;
        grid beside[ORIENTATIONS]; /* bands of the plane before */
        for (uint32_t p = 0; p < APERCU_BANDS; p++) {
            band_plane plane = plane_of(width, height, p);
            int level = stage - plane.chroma, decoding = step_q8 >= MENDED_FROM_Q8 && level > MENDED_TO;
            wavelet_layout layout;
            grid grids[WAVELET_BANDS];
            if (level < 1)
                break; /* only chroma follows */
            wavelet_lay_out(&layout, (size_t)plane.width, (size_t)plane.height, levels_of(&plane));
            at = place_grids(&plane, &layout, tile_work.bytes, at, grids);
            if (stage == STAGES) {
                int32_t step_q6 = band_step_q6(step_q8, plane.chroma, level, -1);
                code_low(&c, coefficients, coefficients, layout.width[0], layout.height[0], plane.chroma, step_q6, WRITING);
                if (decoding)
                    decode_low_and_mend(&layout, coefficients, step_q6, coefficients);
            }
            for (int o = 0; o < ORIENTATIONS; o++)
                write_band(&c, &plane, &layout, grids, beside, stage, o, step_q8, coefficients, decoding);
            if (decoding)
                join_and_mend(&layout, hl, grids[layout.n_bands - ORIENTATIONS].at, coefficients);
            memcpy(beside, grids + hl, sizeof beside);
            coefficients += (size_t)plane.width * (size_t)plane.height;
        }
    }
    return (int32_t)range_finish(&c.e);
}
