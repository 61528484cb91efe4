/* A bit to the range encoder or from the decoder, with a context or without, and numbers of them. */
#ifndef APERCU_BAND_BITS_H
#define APERCU_BAND_BITS_H

#include "band_small.h"
#include "range_coder.h"

typedef struct {
    range_encoder e;
    range_decoder d;
    range_context *contexts;
} coder;

#ifdef APERCU_SMALL_ENCODER
#ifdef APERCU_SMALL_TABLES /* are compiled in */
extern const uint8_t apercu_codes[];
#else
extern const uint16_t apercu_starts[]; /* as apercu_bands_start takes them */
#endif

/* Contexts begin when they are used first: most of those of a small tile never are. */
APERCU_SMALL range_context *used(const coder *c, range_context *context)
{
    if (context->age)
        return context;
#ifdef APERCU_SMALL_TABLES
    *context = small_start(apercu_codes, (int32_t)(context - c->contexts));
#else
    const uint16_t *start = apercu_starts + 2 * (context - c->contexts);
    *context = range_context_at(start[0], start[1], RANGE_FAST_SHIFT, RANGE_SLOW_SHIFT);
#endif
    return context;
}

static inline void use_some(const coder *c, range_context *first, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        used(c, first + i);
}
#else
static inline range_context *used(const coder *c, range_context *context)
{
    (void)c;
    return context;
}

static inline void use_some(const coder *c, range_context *first, uint32_t n)
{
    (void)c, (void)first, (void)n;
}
#endif

APERCU_SMALL uint32_t code_bit(coder *c, range_context *context, uint32_t bit, const int writing)
{
    if (writing) {
        range_put_adaptive(&c->e, used(c, context), bit);
        return bit;
    }
    return range_get_adaptive(&c->d, used(c, context));
}

APERCU_SMALL uint32_t code_bypass(coder *c, uint32_t bit, const int writing)
{
    if (writing) {
        range_put_bypass(&c->e, bit);
        return bit;
    }
    return range_get_bypass(&c->d);
}

/* `bits` bits of a number, the highest first. */
APERCU_SMALL uint32_t code_plain(coder *c, uint32_t number, uint32_t bits, const int writing)
{
    uint32_t read = 0;
    while (bits--)
        read = read << 1 | code_bypass(c, number >> bits & 1, writing);
    return read;
}

/* Exp-Golomb code of order 0 in bypass bits; what needs more than 16 zeros is cut to that: the symbol is clamped. */
static inline uint32_t code_rest(coder *c, uint32_t number, const int writing)
{
    uint32_t length = 0;
    if (writing)
        while ((number + 1) >> (length + 1))
            length++;
    uint32_t zeros = 0;
    while (zeros < 15 && code_bypass(c, zeros < length ? 0 : 1, writing) == 0)
        zeros++;
    return (1u << zeros | code_plain(c, (number + 1) & ((1u << zeros) - 1), zeros, writing)) - 1;
}

#endif
