/* An encoder's choice of symbols for rate and distortion together, against live probabilities. */
#ifndef APERCU_BAND_CHOICE_H
#define APERCU_BAND_CHOICE_H

#include "band_model.h"

enum {
    PRICE = 26, /* of a bit: 0.10 squared steps, in 2^-16 squared steps for each 1/256 bit */
    FLAG_BITS_Q8 = 1280, MORE_BITS_Q8 = 384 /* what a symbol is held to cost while its group is weighed */
};

/* What 1 / 256 bits a bit of probability p / 65536 costs. */
static inline uint32_t bits_q8(uint32_t p)
{
    /* -256 log2((i + 1/2) / 64), i from 32: mantissas of p. */
    static const uint8_t mantissa[32] = {250, 239, 228, 217, 207, 197, 187, 178, 169, 160, 151, 143, 134, 126, 118, 111,
                                         103, 96,  89,  81,  74,  68,  61,  55,  48,  42,  36,  30,  24,  18,  12,  6};
    uint32_t shift = 0;
    while (p >> (shift + 6))
        shift++;
    uint32_t top = shift ? p >> shift : p;
    while (top < 32)
        top <<= 1, shift--;
    return (10 - shift) * 256 + mantissa[top - 32];
}

static inline uint32_t cost(const range_context *c, uint32_t bit)
{
    uint32_t p0 = range_context_p0(c);
    return bits_q8(bit ? 65536 - p0 : p0);
}

/* |coefficient| in steps, 8 fraction bits. */
static inline uint32_t in_steps(const band *b, int16_t coefficient)
{
    uint32_t size = (uint32_t)(coefficient < 0 ? -coefficient : coefficient);
    return (uint32_t)((uint64_t)size * b->reciprocal >> 18);
}

static inline int64_t squared(int64_t v)
{
    return v * v;
}

/* Whether a group is worth its flag and its symbols. */
static inline int worth_it(const band *b, size_t top, size_t left, size_t down, size_t across, const range_context *flag)
{
    int64_t gain = 0;
    for (size_t y = top; y < top + down; y++)
        for (size_t x = left; x < left + across; x++) {
            uint32_t a = in_steps(b, b->coefficients[y * b->own.width + x]), q = (a + 102) >> 8;
            if (q) {
                int64_t won = squared(a) - squared((int64_t)a - ((int64_t)q << 8)) -
                              PRICE * (FLAG_BITS_Q8 + MORE_BITS_Q8 * ((int64_t)q - 1));
                gain += won > 0 ? won : 0;
            }
        }
    return gain > PRICE * ((int64_t)cost(flag, 1) - cost(flag, 0));
}

/* The symbol's magnitude of least cost; `must` forbids 0. */
static inline uint32_t choose(const band *b, int16_t coefficient, const range_context *zero, uint32_t sign_bits,
                              const range_context *magnitude, int must)
{
    uint32_t a = in_steps(b, coefficient), most = (a + 128) >> 8;
    if (most > 32767)
        most = 32767;
    if (most <= 1 && must)
        return 1;
    if (most == 0)
        return 0;
    int64_t least = must ? INT64_MAX : squared(a) + PRICE * (int64_t)cost(zero, 0);
    uint32_t best = 0, ones = must ? 0 : cost(zero, 1);
    for (uint32_t q = most > 1 ? most - 1 : 1; q <= most; q++) {
        uint32_t bits = ones + sign_bits;
        for (uint32_t k = 1; k <= UNARY && k <= q; k++)
            bits += cost(&magnitude[k - 1], k < q);
        if (q > UNARY)
            for (uint32_t rest = q - UNARY; rest; rest >>= 1)
                bits += 512;
        int64_t price = squared((int64_t)a - ((int64_t)q << 8)) + PRICE * (int64_t)bits;
        if (price < least)
            least = price, best = q;
    }
    return best;
}

#endif
