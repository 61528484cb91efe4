/* An encoder's choice of symbols for rate and distortion together, against live probabilities. */
#ifndef APERCU_BAND_CHOICE_H
#define APERCU_BAND_CHOICE_H

#include "band_model.h"

/* The price of a bit, by stage from fine to coarse: in 2^-16 squared steps for each 1/256 bit, so that 26 is 0.10 squared steps.
 * It is lower in stages 2 and 3 of luma, which hold edges and textures, on which SSIM depends. */
static const uint8_t PRICES[CLASSES][STAGES] = {{26, 15, 17, 26, 26}, {26, 26, 26, 26, 26}};
enum { LOW_PRICE = 22 }; /* in LL */

enum {
    HALF_A_STEP = 128,    /* as in_steps counts: less than that is 0 */
    LESS_THAN_HALF = 102, /* added where a symbol is rounded before it is chosen: 0.6 of a step become one */
    SIGN_Q8 = 256,        /* what a sign is held to cost */
    NEAR_OTHERS = 3       /* bucket of what is within the band, for symbols with another before them in the group */
};

/* The cost of a bit of probability p / 65536, in 1/256 bits: -256 log2((i + 1/2) / 256) for i = p / 256. */
static inline uint32_t bits_q8(uint32_t p)
{
    static const uint16_t costs[256] = {
        2304, 1898, 1710, 1585, 1492, 1418, 1357, 1304, 1258, 1217, 1180, 1146, 1115, 1087, 1060, 1036,
        1013, 991, 970, 951, 932, 915, 898, 882, 867, 852, 838, 824, 811, 798, 786, 774,
        762, 751, 740, 730, 719, 709, 700, 690, 681, 672, 663, 655, 646, 638, 630, 622,
        614, 607, 599, 592, 585, 578, 571, 565, 558, 552, 545, 539, 533, 527, 521, 515,
        509, 503, 498, 492, 487, 482, 476, 471, 466, 461, 456, 451, 446, 441, 437, 432,
        427, 423, 418, 414, 409, 405, 401, 396, 392, 388, 384, 380, 376, 372, 368, 364,
        360, 357, 353, 349, 345, 342, 338, 334, 331, 327, 324, 320, 317, 314, 310, 307,
        304, 300, 297, 294, 291, 288, 284, 281, 278, 275, 272, 269, 266, 263, 260, 257,
        255, 252, 249, 246, 243, 240, 238, 235, 232, 230, 227, 224, 222, 219, 216, 214,
        211, 209, 206, 204, 201, 199, 196, 194, 191, 189, 187, 184, 182, 179, 177, 175,
        172, 170, 168, 166, 163, 161, 159, 157, 154, 152, 150, 148, 146, 144, 142, 139,
        137, 135, 133, 131, 129, 127, 125, 123, 121, 119, 117, 115, 113, 111, 109, 107,
        105, 103, 101, 100, 98, 96, 94, 92, 90, 88, 87, 85, 83, 81, 79, 78,
        76, 74, 72, 71, 69, 67, 65, 64, 62, 60, 58, 57, 55, 53, 52, 50,
        48, 47, 45, 44, 42, 40, 39, 37, 36, 34, 32, 31, 29, 28, 26, 25,
        23, 22, 20, 18, 17, 15, 14, 12, 11, 9, 8, 7, 5, 4, 2, 1};
    return costs[p >> 8];
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

static inline uint32_t cost_of_magnitude(const range_context *magnitude, uint32_t q)
{
    uint32_t bits = 0;
    for (uint32_t k = 1; k <= UNARY && k <= q; k++)
        bits += cost(&magnitude[k - 1], k < q);
    if (q > UNARY)
        for (uint32_t rest = q - UNARY; rest; rest >>= 1)
            bits += 512;
    return bits;
}

/* Whether a group is worth its flag and its symbols, at the present prices. Of the contexts that its symbols will have, only
 * one fact is used: whether another symbol comes before them in the group. */
static inline int worth_it(const range_context *contexts, const band *b, size_t top, size_t left, size_t down,
                           size_t across, const range_context *flag)
{
    const range_context *zeros = contexts + ZERO_CONTEXTS + 2 * b->band * BUCKETS * BUCKETS;
    const range_context *magnitudes = contexts + MAG_CONTEXTS + b->band / ORIENTATIONS * BUCKETS * UNARY;
    int64_t gain = 0;
    int has = 0;
    for (size_t y = top; y < top + down; y++)
        for (size_t x = left; x < left + across; x++) {
            uint32_t a = in_steps(b, b->coefficients[y * b->own.width + x]);
            uint32_t around = b->around[y * b->around_stride + x];
            const range_context *zero = zeros + 2 * (bucket_of(around) * BUCKETS + (has ? NEAR_OTHERS : 0)) + has;
            int64_t none = -b->price * (int64_t)cost(zero, 0), one = none;
            if (a >= HALF_A_STEP) {
                uint32_t q = (a + LESS_THAN_HALF) >> 8, bits;
                q = q ? q : 1;
                bits = cost(zero, 1) + SIGN_Q8 + cost_of_magnitude(magnitudes + bucket_of(around / 2) * UNARY, q);
                one = squared(a) - squared((int64_t)a - ((int64_t)q << 8)) - b->price * (int64_t)bits;
            }
            has |= one > none;
            gain += one > none ? one : none;
        }
    return has && gain > (int64_t)b->price * ((int64_t)cost(flag, 1) - cost(flag, 0));
}

/* The magnitude of least cost for a coefficient of `a` / 256 steps; `must` forbids 0. */
static inline uint32_t choose(const band *b, uint32_t a, uint32_t negative, const range_context *zero,
                              const range_context *sign, const range_context *magnitude, int must)
{
    uint32_t most = (a + HALF_A_STEP) >> 8;
    if (most == 0)
        return must ? 1 : 0;
    if (most > 32767)
        most = 32767;
    int64_t least = must ? INT64_MAX : squared(a) + b->price * (int64_t)cost(zero, 0);
    uint32_t best = 0, ones = (must ? 0 : cost(zero, 1)) + cost(sign, negative);
    for (uint32_t q = most > 1 ? most - 1 : 1; q <= most; q++) {
        uint32_t bits = ones + cost_of_magnitude(magnitude, q);
        int64_t price = squared((int64_t)a - ((int64_t)q << 8)) + b->price * (int64_t)bits;
        if (price < least)
            least = price, best = q;
    }
    return best;
}

/* Bits of a number without leading zeros. */
static inline uint32_t length_of(uint32_t number)
{
    uint32_t length = 0;
    while (number >> length)
        length++;
    return length;
}

/* The residual of LL of least cost: one of the two multiples of the step around a coefficient, less what is predicted.
 * `price` is that of a bit. */
static inline int32_t choose_low(int16_t coefficient, uint64_t reciprocal, int32_t guess, const range_context *lengths,
                                 int64_t price)
{
    int32_t a = (int32_t)((uint64_t)(coefficient < 0 ? -coefficient : coefficient) * reciprocal >> 18);
    a = a < 32767 << 8 ? a : 32767 << 8; /* in steps, 8 fraction bits */
    a = coefficient < 0 ? -a : a;
    int32_t best = 0, below = floor_shift32(a, 8), off = a - guess * 256;
    if (off >= -HALF_A_STEP && off <= HALF_A_STEP)
        return 0; /* else a flat area halfway between two multiples would alternate, where that is cheaper */
    int64_t least = INT64_MAX;
    for (int32_t q = below; q <= below + 1 && q <= 32767; q++) {
        int32_t residual = q - guess;
        uint32_t length = length_of((uint32_t)(residual < 0 ? -residual : residual));
        uint32_t bits = 256 * length; /* the sign, and all of the number but its highest bit */
        for (uint32_t k = 0; k < LENGTHS - 1 && k <= length; k++)
            bits += cost(&lengths[k], k < length);
        int64_t costs = squared((int64_t)a - (int64_t)q * 256) + price * (int64_t)bits;
        if (costs < least)
            least = costs, best = residual;
    }
    return best;
}

#endif
