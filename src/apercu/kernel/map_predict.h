/* What a symbol of a predicted map is predicted to be. */
#ifndef APERCU_MAP_PREDICT_H
#define APERCU_MAP_PREDICT_H

#include "map_model.h"

typedef struct {
    int32_t guess;
    uint32_t spread; /* how far the neighbours differ */
    int pattern;     /* in which directions: 0 .. 26 */
} prediction;

/* 0, 1 for positive, 2 for negative. */
static inline int sign_of(int32_t v)
{
    return v > 0 ? 1 : v < 0 ? 2 : 0;
}

static inline uint32_t apart(int32_t a, int32_t b)
{
    return (uint32_t)(a < b ? b - a : a - b);
}

/* The median of left, above, and the plane through left, above and above left. `at`: where the symbol will be. */
static inline prediction predict(const int16_t *at, size_t x, size_t y, size_t width)
{
    int32_t w = x ? at[-1] : y ? *(at - width) : 0, n = y ? *(at - width) : w;
    int32_t nw = x && y ? *(at - width - 1) : x ? w : n, ne = y && x + 1 < width ? *(at - width + 1) : n;
    int32_t low = w < n ? w : n, high = w < n ? n : w, plane = w + n - nw;
    prediction p = {plane < low ? low : plane > high ? high : plane, apart(n, nw) + apart(w, nw) + apart(ne, n),
                    (sign_of(n - nw) * 3 + sign_of(w - nw)) * 3 + sign_of(ne - n)};
    return p;
}

/* |value| in steps, 8 fraction bits, at most MAP_LARGEST_VALUE; `reciprocal` is 2^40 / step_q6. */
static inline uint32_t map_steps(int32_t value, uint64_t reciprocal)
{
    uint64_t steps = (uint64_t)(value < 0 ? -value : value) * reciprocal >> 26;
    return steps < (uint64_t)MAP_LARGEST_VALUE << 8 ? (uint32_t)steps : (uint32_t)MAP_LARGEST_VALUE << 8;
}

#endif
