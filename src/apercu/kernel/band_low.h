/* LL of a plane to bits and back (spec/apercu.md, "Bands"). */
#ifndef APERCU_BAND_LOW_H
#define APERCU_BAND_LOW_H

#include "band_bits.h"
#include "band_choice.h"
#include "band_step.h"

static inline int32_t median(int32_t a, int32_t b, int32_t c)
{
    return clamp32(c, a < b ? a : b, a < b ? b : a);
}

/* LL: each symbol less what its neighbours predict (median-edge prediction, as in LOCO-I). A symbol may take the place of its
 * coefficient; when all are read, coefficients take the place of the symbols, unless `step_q6` is 0. */
static inline void code_low(coder *c, const int16_t *coefficients, int16_t *symbols, size_t width, size_t height,
                            int chroma, int32_t step_q6, const int writing)
{
    uint32_t reciprocal = writing ? reciprocal_of(step_q6) : 0;
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            int16_t *at = symbols + y * width + x;
            int32_t w = x ? at[-1] : 0, n = y ? *(at - width) : w, nw = x && y ? *(at - width - 1) : n;
            w = x ? w : n;
            uint32_t spread = (uint32_t)((n > nw ? n - nw : nw - n) + (w > nw ? w - nw : nw - w));
            int32_t guess = median(n, w, n + w - nw), residual = 0;
            range_context *lengths = CONTEXTS(c) + LOW_CONTEXTS +
                                     (chroma * BUCKETS + (int)bucket_of(2 * spread)) * LENGTHS;
            if (writing)
                /* The first is the nearest at any price: in a flat picture the others follow it. */
                residual = choose_low(coefficients[y * width + x], reciprocal, guess, lengths, x || y ? LOW_PRICE : 0);
            uint32_t size = (uint32_t)(residual < 0 ? -residual : residual);
            uint32_t k = code_unary(c, lengths, length_of(size) + 1, LENGTHS - 1, writing) - 1;
            uint32_t read = k ? 1 : 0;
            if (k > 1) {
                range_context *top = CONTEXTS(c) + LOW_TOP_CONTEXTS + chroma * LENGTHS + (int)k;
                read = 2 | code_bit(c, top, size >> (k - 2) & 1, writing);
                read = read << (k - 2) | code_plain(c, size & ((1u << (k - 2)) - 1), k - 2, writing);
            }
            if (k && code_bit(c, CONTEXTS(c) + LOW_SIGN_CONTEXTS + chroma, residual < 0, writing))
                read = 0u - read;
            if (!WRITES(writing))
                residual = (int32_t)read;
            *at = (int16_t)clamp32(guess + residual, -32768, 32767);
        }
    if (!writing && step_q6)
        for (size_t i = 0; i < width * height; i++)
            symbols[i] = coefficient_of(symbols[i], step_q6);
}

#endif
