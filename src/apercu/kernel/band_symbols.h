/* Symbols of a wavelet band to bits and back, with the contexts of band_model.h (spec/apercu.md, "Bands").
 *
 * `writing` is a constant wherever these functions are expanded, so that the compiler makes three of them, which cannot become
 * different: a decoder, an encoder, and an encoder that weighs errors. */
#ifndef APERCU_BAND_SYMBOLS_H
#define APERCU_BAND_SYMBOLS_H

#include "band_around.h"
#include "band_choice.h"

enum { READING, WRITING, WEIGHING };
#ifdef APERCU_SMALL_ENCODER
enum { KEEPS_SYMBOLS = 0 };
#else
enum { KEEPS_SYMBOLS = 1 };
#endif

/* One coefficient; returns whether its symbol is not zero. `must`: it cannot be. */
APERCU_LARGE int code_symbol(coder *c, const band *b, size_t y, size_t x, int group_has, int must, const int writing)
{
    uint8_t *own = b->own.at + y * b->own.stride + x, *sign_at = b->signs + (y % GROUP + 1) * b->signs_stride + x;
    ptrdiff_t up = -(ptrdiff_t)b->own.stride, above = -(ptrdiff_t)b->signs_stride;
    const uint8_t *w = b->weights;
    uint32_t before = (uint32_t)(w[0] * own[-1] + w[1] * own[up] + w[2] * own[up - 1] + w[3] * own[up + 1] +
                                 w[4] * own[-2] + w[5] * own[2 * up]);
    uint32_t around = b->around[y % GROUP * b->around_stride + x];
    int at = (b->band * BUCKETS + (int)bucket_of(around)) * BUCKETS + (int)bucket_of(before);
    range_context *zero = CONTEXTS(c) + ZERO_CONTEXTS + 2 * at + group_has;
    uint32_t steps = 0, q = 0, negative = 0;
    if (writing) {
        int16_t coefficient = b->coefficients[y * b->own.width + x];
        steps = in_steps(coefficient, b->reciprocal);
        negative = coefficient < 0;
    }
    int chosen = writing && (must || steps >= HALF_A_STEP);
    if (writing && b->decoded)
        b->decoded[y * b->own.width + x] = 0;
    /* Most coefficients end here, without a look at the contexts of sign and magnitude. */
    if (!must && !chosen) {
        uint32_t one = code_bit(c, zero, 0, writing);
        if (WRITES(writing) || !one)
            return 0;
    }
    range_context *signs = CONTEXTS(c) + SIGN_CONTEXTS + b->band * SIGN_PATTERNS +
                           ((sign_at[-1] * 3 + sign_at[above]) * 3 + sign_at[above - 1]) * 3 + sign_at[above + 1];
    range_context *magnitude = CONTEXTS(c) + MAG_CONTEXTS +
                               (b->row * BUCKETS + (int)bucket_of((before + around) / 2)) * UNARY;
    if (WRITES(writing)) {
        if (writing == WEIGHING)
            q = choose_weighed(b->price, weight_at(b, y, x, 1), steps, negative, zero, signs, magnitude, must);
        else
            q = choose(b->price, steps, negative, zero, signs, magnitude, must);
        if (!must && !code_bit(c, zero, q != 0, writing))
            return 0;
    }
    negative = code_bit(c, signs, negative, writing);
    uint32_t read = code_unary(c, magnitude, q, UNARY, writing);
    if (read > UNARY)
        read += code_rest(c, q - read, writing);
    if (WRITES(writing))
        read = q;
    else if (read > 32767)
        read = 32767;
    int32_t symbol = negative ? -(int32_t)read : (int32_t)read;
    if (!writing)
        b->out[y * b->own.width + x] = coefficient_of(symbol, b->step_q6);
    else if (KEEPS_SYMBOLS && b->out)
        b->out[y * b->own.width + x] = (int16_t)symbol;
    if (writing && b->decoded)
        b->decoded[y * b->own.width + x] = coefficient_of(symbol, b->step_q6);
    *own = (uint8_t)(read < MAG_MAX ? read : MAG_MAX);
    own[b->own.width - x + MARGIN - 1] = 1;
    *sign_at = (uint8_t)(1 + negative);
    return 1;
}

#ifdef APERCU_SMALL_ENCODER
/* Whether a group may hold a symbol: without vectors it takes less to look at its coefficients when it comes. */
static inline uint32_t holds_any(const band *b, size_t top, size_t left, size_t down, size_t across, int16_t least)
{
    for (size_t y = top; y < top + down; y++)
        for (size_t x = left; x < left + across; x++) {
            int16_t c = b->coefficients[y * b->own.width + x];
            if (c >= least || c <= -least)
                return 1;
        }
    return 0;
}
#else
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

static inline uint32_t holds_any(const band *b, size_t top, size_t left, size_t down, size_t across, int16_t least)
{
    const uint8_t *any = b->any + left;
    (void)top, (void)down, (void)across, (void)least;
    return any[0] | any[1] | any[2] | any[3];
}
#endif

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

/* A band, group by group; what is read goes to places that are zero before, as magnitudes are. `given`: the band once more, for
 * functions that are not part of this one, so that `b` may be a copy in registers. */
static inline void code_band(coder *c, const band *b, const band *given, const int writing)
{
    size_t width = b->own.width, height = b->own.height, groups = (width + GROUP - 1) / GROUP;
    uint8_t *flags = b->flags + 1; /* of the row of groups above, until those of this one take their places */
    int flagged = b->flagged >= 0;
    memset(b->flags, 0, groups + 2);
    int32_t half = b->step_q6 >> 7; /* of a step: less than that is 0 */
    int16_t least = (int16_t)(half < 32767 ? half : 32767);
    for (size_t top = 0; top < height; top += GROUP) {
        size_t down = height - top < GROUP ? height - top : GROUP;
        look_around(given, top, down);
        next_signs(given);
#ifndef APERCU_SMALL_ENCODER
        if (writing && flagged)
            look_for_any(given, top, down, least);
#endif
        for (size_t g = 0; g < groups; g++) {
            size_t left = g * GROUP, across = width - left < GROUP ? width - left : GROUP;
            int group_has = 0;
            if (flagged) {
                uint32_t sum = sum_around(b, left);
                uint32_t known = (uint32_t)(flags[(ptrdiff_t)g - 1] + 2 * flags[g] + 4 * flags[g + 1]);
                range_context *flag = CONTEXTS(c) + b->flagged + known * BUCKETS + bucket_of(sum >> 3);
                uint32_t on = 0;
                if (writing)
                    on = holds_any(b, top, left, down, across, least) &&
                         worth_it(c, b, top, left, down, across, flag, writing == WEIGHING);
                flags[g] = (uint8_t)code_bit(c, flag, on, writing);
                if (!flags[g] && writing && b->decoded)
                    clear(b, top, left, down, across);
                if (!flags[g])
                    continue;
            }
            for (size_t y = top; y < top + down; y++)
                for (size_t x = left; x < left + across; x++) {
                    int last = y + 1 == top + down && x + 1 == left + across;
                    group_has |= code_symbol(c, b, y, x, group_has, flagged && last && !group_has, writing) && flagged;
                }
        }
    }
}

#endif
