/* An encoder's choice of a magnitude for rate and distortion together, against live probabilities. */
#ifndef APERCU_CHOICE_H
#define APERCU_CHOICE_H

#include "magnitudes.h"

enum { HALF_A_STEP = 128 }; /* of 256: less than that is 0 */

/* The cost of a bit of probability p / 65536, in 1/256 bits: -256 log2((i + 1/2) / 256) for i = p / 256. */
#ifdef APERCU_SMALL_ENCODER
extern uint16_t apercu_costs[256]; /* in RAM, made before the first is asked for */

static inline uint32_t bits_q8(uint32_t p)
{
    return apercu_costs[p >> 8];
}
#else
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
#endif

APERCU_SMALL uint32_t cost(const range_context *c, uint32_t bit)
{
    uint32_t p0 = range_context_p0(c);
    return bits_q8(bit ? 65536 - p0 : p0);
}

/* Squared errors and prices, in 2^-16 squared steps. Where every error counts in full, coefficients of SURE / 256 steps and more
 * are kept at any price. So 32 bits hold the costs of all that is to be decided, and those of a group. */
#ifdef APERCU_SMALL_ENCODER
typedef int32_t expense;
#define MOST_EXPENSE INT32_MAX
enum { SURE = 8192, MOST_STEPS = 32767 << 8 | (HALF_A_STEP - 1) /* the largest symbol stands for them */ };
#else
typedef int64_t expense;
#define MOST_EXPENSE INT64_MAX
#define SURE UINT32_MAX
#define MOST_STEPS UINT32_MAX
#endif

static inline uint32_t at_most(uint32_t a, uint32_t most)
{
    return a < most ? a : most;
}

static inline expense squared(expense v)
{
    return v * v;
}

enum { WHOLE_WEIGHT = 256 };

/* A squared error that counts for `weight` / 256. */
static inline expense weighed(expense error, expense weight)
{
    return weight == WHOLE_WEIGHT ? error : error * weight >> 8;
}

/* Of a number of 1 or more in unary, or of `most` of its bits. */
APERCU_LARGE uint32_t cost_of_unary(const range_context *contexts, uint32_t number, uint32_t most)
{
    uint32_t bits = 0;
    for (uint32_t k = 1; k <= most && k <= number; k++)
        bits += cost(&contexts[k - 1], k < number);
    return bits;
}

/* Bits of a number without leading zeros. */
APERCU_PART uint32_t length_of(uint32_t number)
{
#ifdef __GNUC__
    return number ? 32 - (uint32_t)__builtin_clz(number) : 0;
#else
    uint32_t length = 0;
    while (number >> length)
        length++;
    return length;
#endif
}

APERCU_LARGE uint32_t cost_of_magnitude(const range_context *magnitude, uint32_t q)
{
    return cost_of_unary(magnitude, q, UNARY) + (q > UNARY ? 512 * length_of(q - UNARY) : 0);
}

/* The magnitude of least cost for a coefficient of `a` / 256 steps; `must` forbids 0. `bit_price`: 2^-16 squared steps for
 * each 1/256 bit. `weight`: what errors count for, in 1/256. Always a part of its callers, so that those of `choose` are as
 * quick as without weights. */
APERCU_PART uint32_t choose_weighed(expense bit_price, expense weight, uint32_t a, uint32_t negative,
                                    const range_context *zero, const range_context *sign,
                                    const range_context *magnitude, int must)
{
    uint32_t most = (a + HALF_A_STEP) >> 8;
    if (most == 0)
        return must ? 1 : 0;
    if (MOST_STEPS == UINT32_MAX && most > 32767)
        most = 32767;
    expense least = MOST_EXPENSE;
    if (!must)
        least = weighed(squared(at_most(a, SURE)), weight) + bit_price * (expense)cost(zero, 0);
    uint32_t best = 0, ones = (must ? 0 : cost(zero, 1)) + cost(sign, negative);
    for (uint32_t q = most > 1 ? most - 1 : 1; q <= most; q++) {
        uint32_t bits = ones + cost_of_magnitude(magnitude, q);
        expense price = weighed(squared((expense)a - ((expense)q << 8)), weight) + bit_price * (expense)bits;
        if (price < least)
            least = price, best = q;
    }
    return best;
}

/* The same where every error counts in full. */
static inline uint32_t choose(expense bit_price, uint32_t a, uint32_t negative, const range_context *zero,
                              const range_context *sign, const range_context *magnitude, int must)
{
    return choose_weighed(bit_price, WHOLE_WEIGHT, a, negative, zero, sign, magnitude, must);
}

#endif
