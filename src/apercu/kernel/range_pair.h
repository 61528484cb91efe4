/* One function that writes or reads: bits in two contexts at once, and bits that are as likely one way as the other. */
#ifndef APERCU_RANGE_PAIR_H
#define APERCU_RANGE_PAIR_H

#include "range_coder.h"

enum { EVEN_MOST = 8 };

/* floor(log2(v)), v at least 1. */
static inline uint32_t log2_of(uint32_t v)
{
#ifdef __GNUC__
    return 31u - (uint32_t)__builtin_clz(v);
#else
    uint32_t n = 0;
    while (v >>= 1)
        n++;
    return n;
#endif
}

static inline uint32_t least32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

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

#endif
