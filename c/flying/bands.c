/* Coefficients of a tile to the bytes of its layers (spec/apercu.md, "Bands"): the walk of the kernel's band_code.c, for
 * planes whose sizes and companions are known. What is static here would else be on the stack, which is small. */
#include "inside.h"

#include "band_grids.h"
#include "band_low.h"
#include "band_symbols.h"

/* Magnitudes of the bands of a stage and of the one before it. Each band's lie behind those of all that are coded before it;
 * what comes behind them is zero. */
static grid grids[2 * APERCU_BANDS * ORIENTATIONS];
static uint8_t *end_of_grids;

/* Codes a band of a level, which is one of a stage. `decoding`: symbols are replaced by what they stand for. */
APERCU_APART static void write_band(coder *c, const wavelet_level *l, uint32_t plane, int stage, int orientation,
                                    int32_t step_q8, int decoding)
{
    static band b;
    enum { OF_STAGE = APERCU_BANDS * ORIENTATIONS };
    int chroma = APERCU_COLOUR && plane;
    grid *own = grids + (stage % 2 ? OF_STAGE : 0) + plane * ORIENTATIONS + (uint32_t)orientation;
    own->width = (l->width + (orientation == 1)) / 2;
    own->height = (l->height + (orientation == 0)) / 2;
    own->stride = own->width + 2 * MARGIN;
    own->at = end_of_grids + MARGIN * own->stride + MARGIN;
    end_of_grids += own->stride * (own->height + 2 * MARGIN);
    b.own = *own;
    b.sources[PARENT] = stage == STAGES ? NULL : stage % 2 ? own - OF_STAGE : own + OF_STAGE;
    b.sources[SISTER] = orientation > 0 ? own - 1 : NULL;
    b.sources[SISTER + 1] = orientation > 1 ? own - 2 : NULL;
    b.sources[COMPANION] = plane ? own - ORIENTATIONS : NULL;
    b.coefficients = l->bands[orientation + 1];
    b.decoded = decoding ? l->bands[orientation + 1] : NULL;
    b.row = chroma * STAGES + stage - 1;
    b.band = b.row * ORIENTATIONS + orientation;
    b.weights = apercu_weights + b.band * PAST;
    b.flagged = -1;
    if (stage <= FLAGGED_STAGES)
        b.flagged = FLAG_CONTEXTS + (b.band - chroma * (STAGES - FLAGGED_STAGES) * ORIENTATIONS) * 8 * BUCKETS;
    b.step_q6 = band_step_q6(step_q8, chroma, stage - chroma, orientation);
    b.price = PRICES[chroma][stage - 1];
    b.reciprocal = reciprocal_of(b.step_q6);
    size_t wide = wide_of(own->width);
    b.flags = apercu_work.bytes;
    b.around = b.flags + wide;
    b.around_stride = wide;
    b.signs_stride = wide;
    b.signs = b.around + GROUP * wide + MARGIN;
    b.scratch = b.around + (GROUP + GROUP + 1) * wide;
    memset(b.signs - MARGIN, 0, (GROUP + 1) * wide);
    if (b.own.width && b.own.height)
        code_band(c, &b, &b, WRITING);
}

int32_t apercu_write(uint32_t width, uint32_t height, int32_t step_q8, int first, int last, uint8_t *out, size_t capacity)
{
    static coder c;
    int mends = step_q8 >= MENDED_FROM_Q8; /* see wavelet_border.c: low-pass samples are decoded, level by level */
    c.e = range_encoder_at(out, capacity);
    if (first == STAGES)
        end_of_grids = apercu_work.bytes + scratch_size(APERCU_TILE);
    for (int stage = first; stage >= last; stage--) {
        int16_t *coefficients = apercu_samples;
        for (uint32_t p = 0; p < APERCU_BANDS; p++) {
            int chroma = APERCU_COLOUR && p, level = stage - chroma;
            if (level < 1)
                break; /* only chroma follows */
            size_t w = (width + (uint32_t)chroma) >> chroma, h = (height + (uint32_t)chroma) >> chroma, n = w * h;
            for (int i = 1; i < level; i++)
                w = (w + 1) / 2, h = (h + 1) / 2;
            wavelet_level l;
            wavelet_set_level(&l, w, h, coefficients, coefficients);
            if (stage == STAGES) {
                int32_t step_q6 = band_step_q6(step_q8, chroma, level, -1);
                w = (w + 1) / 2, h = (h + 1) / 2;
                code_low(&c, coefficients, coefficients, w, h, chroma, step_q6, WRITING);
                for (size_t i = 0; mends && i < w * h; i++)
                    coefficients[i] = coefficient_of(coefficients[i], step_q6);
            }
            if (mends)
                wavelet_mend_border(&l, -1);
            for (int o = 0; o < ORIENTATIONS; o++)
                write_band(&c, &l, p, stage, o, step_q8, mends && level > MENDED_TO);
            if (mends && level > MENDED_TO) /* behind the magnitudes there is memory that is not used yet */
                join_by_way_of(&l, (int16_t *)(void *)(end_of_grids + ((uintptr_t)end_of_grids & 1)));
            coefficients += n;
        }
    }
    return (int32_t)range_finish(&c.e);
}
