/* An encoder's choice of symbols for rate and distortion together, against live probabilities. */
#ifndef APERCU_BAND_CHOICE_H
#define APERCU_BAND_CHOICE_H

#include "band_bits.h"
#include "choice.h"

/* The price of a bit, by stage from fine to coarse: in 2^-16 squared steps for each 1/256 bit, so that 26 is 0.10 squared steps.
 * It is lower in stages 2 and 3 of luma, which hold edges and textures, on which SSIM depends. */
static const uint8_t PRICES[CLASSES][STAGES] = {{26, 15, 17, 26, 26}, {26, 26, 26, 26, 26}};
enum { ONE_PRICE = 26, LOW_PRICE = 22 }; /* of all stages, where PSNR alone counts; and of LL */

enum {
    LESS_THAN_HALF = 102, /* added where a symbol is rounded before it is chosen: 0.6 of a step become one */
    SIGN_Q8 = 256,        /* what a sign is held to cost */
    NEAR_OTHERS = 3       /* bucket of what is within the band, for symbols with another before them in the group */
};

/* |coefficient| in steps, 8 fraction bits. `reciprocal`: of the step. */
APERCU_SMALL uint32_t in_steps(int16_t coefficient, uint32_t reciprocal)
{
    uint32_t size = (uint32_t)(coefficient < 0 ? -coefficient : coefficient);
    return at_most((uint32_t)((uint64_t)size * reciprocal >> 18), MOST_STEPS);
}

/* What an error at a place of a band counts for, in 1/256. */
static inline expense weight_at(const band *b, size_t y, size_t x, const int weighing)
{
    return weighing ? 1 + b->importance[y * b->importance_stride + x] : WHOLE_WEIGHT;
}

/* Whether a group is worth its flag and its symbols, at the present prices. Of the contexts that its symbols will have, only
 * one fact is used: whether another symbol comes before them in the group. */
static inline int worth_it(const coder *c, const band *b, size_t top, size_t left, size_t down, size_t across,
                           range_context *flag, const int weighing)
{
    range_context *zeros = CONTEXTS(c) + ZERO_CONTEXTS + 2 * b->band * BUCKETS * BUCKETS;
    range_context *magnitudes = CONTEXTS(c) + MAG_CONTEXTS + b->row * BUCKETS * UNARY;
    expense gain = 0;
    int has = 0;
    for (size_t y = top; y < top + down; y++)
        for (size_t x = left; x < left + across; x++) {
            uint32_t a = at_most(in_steps(b->coefficients[y * b->own.width + x], b->reciprocal), SURE);
            uint32_t around = b->around[y % GROUP * b->around_stride + x];
            range_context *zero = zeros + 2 * (bucket_of(around) * BUCKETS + (has ? NEAR_OTHERS : 0)) + has;
            expense none = -b->price * (expense)cost(zero, 0), one = none;
            if (a >= HALF_A_STEP) {
                uint32_t q = (a + LESS_THAN_HALF) >> 8, bits;
                q = q ? q : 1;
                range_context *magnitude = magnitudes + bucket_of(around / 2) * UNARY;
                bits = cost(zero, 1) + SIGN_Q8 + cost_of_magnitude(magnitude, q);
                one = weighed(squared(a) - squared((expense)a - ((expense)q << 8)), weight_at(b, y, x, weighing)) -
                      b->price * (expense)bits;
            }
            has |= one > none;
            gain += one > none ? one : none;
        }
    return has && gain > b->price * ((expense)cost(flag, 1) - (expense)cost(flag, 0));
}

/* The residual of LL of least cost: one of the two multiples of the step around a coefficient, less what is predicted.
 * `price` is that of a bit. */
static inline int32_t choose_low(int16_t coefficient, uint32_t reciprocal, int32_t guess, const range_context *lengths,
                                 expense price)
{
    int32_t a = (int32_t)at_most(in_steps(coefficient, reciprocal), 32767 << 8);
    a = coefficient < 0 ? -a : a;
    int32_t best = 0, below = floor_shift32(a, 8), off = a - guess * 256;
    if (off >= -HALF_A_STEP && off <= HALF_A_STEP)
        return 0; /* else a flat area halfway between two multiples would alternate, where that is cheaper */
    expense least = MOST_EXPENSE;
    for (int32_t q = below; q <= below + 1 && q <= 32767; q++) {
        int32_t residual = q - guess;
        uint32_t length = length_of((uint32_t)(residual < 0 ? -residual : residual));
        uint32_t bits = 256 * length; /* the sign, and all of the number but its highest bit */
        bits += cost_of_unary(lengths, length + 1, LENGTHS - 1);
        expense costs = squared(a - q * 256) + price * (expense)bits;
        if (costs < least)
            least = costs, best = residual;
    }
    return best;
}

#endif
