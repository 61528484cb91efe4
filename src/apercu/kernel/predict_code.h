/* How a residual is coded: by bits in two contexts at once, and bits that are as likely one way as the other. */
#ifndef APERCU_PREDICT_CODE_H
#define APERCU_PREDICT_CODE_H

#include "predict_model.h"

/* Codes a magnitude, one or more: the number of its bits, then the bits behind the first. */
APERCU_PART uint32_t code_magnitude(coder *c, range_context *a, range_context *b, uint32_t magnitude, const int writing)
{
    uint32_t length = 0, wanted = writing ? log2_of(magnitude) : 0;
    while (length < LENGTHS && code_bit(c, a + LENGTH_AT + length, b + LENGTH_AT + length, wanted > length, writing))
        length++;
    uint32_t value = 1, left = length;
    if (length && length <= TREES) {
        uint32_t tree = TREE_AT + 4 * (length - 1);
        for (; left && value < 4; left--)
            value = value << 1 | code_bit(c, a + tree + value, b + tree + value, magnitude >> (left - 1) & 1, writing);
    }
    return value << left | code_even(c, magnitude, left, writing);
}

/* Codes a quantised residual. `low`: how many of its bits have no context; `one_sided`: 1 where it cannot be below 0, -1
 * where it cannot be above. `mirrored`: the prediction lies below the value that residuals count from. */
APERCU_PART int32_t code_residual(coder *c, range_context *a, range_context *b, int32_t residual, uint32_t offset,
                                    uint32_t mirrored, uint32_t low, int one_sided, const int writing)
{
    int32_t high = low ? floor_shift32(residual + (1 << (low - 1)), low) : residual;
    uint32_t rest = (uint32_t)(residual + (low ? 1 << (low - 1) : 0) - high * (1 << low)), negative = one_sided < 0;
    if (code_bit(c, a + ZERO_AT + offset, b + ZERO_AT + offset, high != 0, writing)) {
        if (!one_sided)
            negative = mirrored ^ code_bit(c, a + SIGN_AT + offset, b + SIGN_AT + offset, mirrored ^ (high < 0), writing);
        uint32_t magnitude = code_magnitude(c, a, b, (uint32_t)(high < 0 ? -high : high), writing);
        high = negative ? -(int32_t)magnitude : (int32_t)magnitude;
    } else {
        high = 0;
    }
    if (low)
        return high * (1 << low) + (int32_t)code_even(c, rest, low, writing) - (1 << (low - 1));
    return high;
}

#endif
