/* How a residual is coded: bits in two contexts at once, and bits that are as likely one way as the other. */
#ifndef APERCU_PREDICT_CODE_H
#define APERCU_PREDICT_CODE_H

#include "predict_model.h"

typedef struct {
    range_encoder e;
    range_decoder d;
    range_context *contexts;
} coder;

static inline void range_put_full(range_encoder *e)
{
    while (e->range < 1u << 24) {
        if (e->size < e->capacity)
            e->out[e->size] = (uint8_t)(e->low >> 24);
        e->size++;
        e->low <<= 8;
        e->range <<= 8;
    }
}

static inline void range_get_full(range_decoder *d)
{
    while (d->range < 1u << 24) {
        d->code = d->code << 8 | range_next_byte(d);
        d->range <<= 8;
    }
}

/* Writes `n` bits, 1 to EVEN_MOST, that are as likely one way as any other; returns them. */
static inline uint32_t range_put_even(range_encoder *e, uint32_t value, uint32_t n)
{
    e->range >>= n;
    const uint32_t part = e->range * value;
    e->low += part;
    if (e->low < part && e->size <= e->capacity)
        range_carry(e->out, e->size);
    range_put_full(e);
    return value;
}

/* The inverse. */
static inline uint32_t range_get_even(range_decoder *d, uint32_t n)
{
    d->range >>= n;
    const uint32_t value = least32(d->code / d->range, (1u << n) - 1);
    d->code = least32(d->code - value * d->range, d->range - 1); /* less than the range, whatever the bytes are */
    range_get_full(d);
    return value;
}

/* Codes a bit by the mean of two contexts. */
APERCU_PART uint32_t code_bit(coder *c, range_context *a, range_context *b, uint32_t bit, const int writing)
{
    uint32_t p0 = (range_context_p0(a) + range_context_p0(b)) >> 1;
    if (writing)
        range_put(&c->e, bit, p0);
    else
        bit = range_get(&c->d, p0);
    range_context_learn(a, bit);
    range_context_learn(b, bit);
    return bit;
}

/* Codes the low `n` bits of a value, all values being equally likely; EVEN_MOST bits at once. */
static inline uint32_t code_even(coder *c, uint32_t value, uint32_t n, const int writing)
{
    uint32_t read = 0;
    while (n) {
        const uint32_t part = least32(n, EVEN_MOST), most = (1u << part) - 1;
        n -= part;
        read = read << part | (writing ? range_put_even(&c->e, value >> n & most, part) : range_get_even(&c->d, part));
    }
    return read;
}

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
