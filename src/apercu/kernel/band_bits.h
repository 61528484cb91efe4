/* A bit to the range encoder or from the decoder, with a context or without, and numbers of them. */
#ifndef APERCU_BAND_BITS_H
#define APERCU_BAND_BITS_H

#include "band_model.h"
#include "choice.h"

typedef struct {
    range_encoder e;
    range_decoder d;
    range_context *contexts;
} coder;

/* A small encoder reads nothing, and has its contexts in one place. */
#ifdef APERCU_SMALL_ENCODER
#define WRITES(writing) ((void)(writing), 1)
#define CONTEXTS(coder) ((void)(coder), apercu_contexts)
extern range_context apercu_contexts[];
#else
#define WRITES(writing) (writing)
#define CONTEXTS(coder) ((coder)->contexts)
#endif

APERCU_LARGE uint32_t code_bit(coder *c, range_context *context, uint32_t bit, const int writing)
{
    if (WRITES(writing)) {
        range_put_adaptive(&c->e, context, bit);
        return bit;
    }
    return range_get_adaptive(&c->d, context);
}

static inline uint32_t code_bypass(coder *c, uint32_t bit, const int writing)
{
    if (WRITES(writing)) {
        range_put_bypass(&c->e, bit);
        return bit;
    }
    return range_get_bypass(&c->d);
}

/* `bits` bits of a number, the highest first. */
APERCU_LARGE uint32_t code_plain(coder *c, uint32_t number, uint32_t bits, const int writing)
{
    uint32_t read = 0;
    while (bits--)
        read = read << 1 | code_bypass(c, number >> bits & 1, writing);
    return read;
}

/* A number of 1 or more in unary, each bit in a context: one of more than `most` in `most` bits. Returns it, or `most` + 1. */
APERCU_LARGE uint32_t code_unary(coder *c, range_context *contexts, uint32_t number, uint32_t most, const int writing)
{
    uint32_t read = 1;
    while (read <= most && code_bit(c, &contexts[read - 1], read < number, writing))
        read++;
    return read;
}

/* Exp-Golomb code of order 0 in bypass bits; what needs more than 16 zeros is cut to that: the symbol is clamped. */
static inline uint32_t code_rest(coder *c, uint32_t number, const int writing)
{
    if (WRITES(writing)) /* of no more than 16 bits */
        return code_plain(c, number + 1, 2 * length_of(number + 1) - 1, writing) - 1;
    uint32_t zeros = 0;
    while (zeros < 15 && code_bypass(c, 0, writing) == 0)
        zeros++;
    return (1u << zeros | code_plain(c, 0, zeros, writing)) - 1;
}

#endif
