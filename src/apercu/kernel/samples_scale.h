/* Factors of the colour transform, and the scaling of samples of 16 bits. */
#ifndef APERCU_SAMPLES_SCALE_H
#define APERCU_SAMPLES_SCALE_H

#include "api.h"

/* BT.601 with 14 fraction bits. */
enum {
    Y_RED = 4899, Y_GREEN = 9617, Y_BLUE = 1868, /* 0.299, 0.587, 0.114; they add up to 2^14 */
    CB_SCALE = 9246, CR_SCALE = 11686,           /* 1 / 1.772, 1 / 1.402 */
    RED_CR = 22970, GREEN_CB = 5638, GREEN_CR = 11700, BLUE_CB = 29032, /* 1.402, 0.344136, 0.714136, 1.772 */
    COLOUR_BITS = 14, COLOUR_HALF = 1 << 13
};

/* A number times numerator / denominator, rounded, is (number * factor + half) >> RATIO_BITS. Exact where
 * the denominator is at most 2^16, number * numerator below 2^30 - 2^15, and the result at most 2^17 (Granlund and
 * Montgomery, "Division by invariant integers using multiplication", 1994). */
enum { RATIO_BITS = 46 };

typedef struct {
    uint64_t factor, half;
} ratio;

static inline ratio ratio_of(int32_t numerator, int32_t denominator)
{
    uint64_t n = (uint32_t)numerator, d = (uint32_t)denominator;
    uint64_t reciprocal = (((uint64_t)1 << RATIO_BITS) + d - 1) / d;
    ratio by = {n * reciprocal, d / 2 * reciprocal};
    return by;
}

static inline int32_t scale(int32_t number, ratio by)
{
    return (int32_t)(((uint64_t)number * by.factor + by.half) >> RATIO_BITS);
}

#endif
