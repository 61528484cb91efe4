/* The lifting steps of the 9/7 wavelet, and of a row both ways. Sums are taken modulo 2^16: no sound stream reaches that far,
 * and no other can break more than its own pixels. */
#ifndef APERCU_WAVELET_LIFT_H
#define APERCU_WAVELET_LIFT_H

#include "api.h"

/* Lifting factors in 1/65536, as far as they are not whole: alpha = -2 + ALPHA, gamma = 1 - GAMMA. */
enum {
    ALPHA = 27123,   /* -1.586134342 */
    BETA = 3472,     /* -0.052980119, taken off */
    GAMMA = 7671,    /*  0.882911076 */
    DELTA = 29066,   /*  0.443506852 */
    LOW_GAIN = 22230 /* 1 - 1 / K^2, K = 1.230174105: what LL loses, so that it keeps the plane's mean */
};
/* 1 / (1 - LOW_GAIN / 65536) is 1.5 + LOW_REGAIN / 65536. */
enum { LOW_REGAIN = 873 };

/* The steps in their order; the inverse undoes them from the last to the first. */
enum { FORWARD = 0, INVERSE = 4, STEPS_A_WAY = 4 };

static inline int16_t wrap16(int32_t v)
{
    return (int16_t)(uint16_t)v;
}

/* Floor of a * factor / 65536. The shift is arithmetic with every compiler that is used, which make one instruction of
 * it; floor_shift32 takes twice the time. */
static inline int16_t times(int16_t a, int32_t factor)
{
    return (int16_t)(a * factor >> 16);
}

/* What a step makes of the sum of both neighbours: floor(sum * (whole + factor / 65536)). */
static inline int32_t part_of(int32_t sum, int32_t whole, int32_t factor)
{
#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__)
    int32_t part; /* by an instruction of which compilers do not think */
    __asm__("smulwb %0, %1, %2" : "=r"(part) : "r"(65536 * whole + factor), "r"(sum));
    return part;
#else
    return whole * wrap16(sum) + times(wrap16(sum), factor);
#endif
}

static inline int16_t step_alpha(int16_t v, int16_t a, int16_t b)
{
    return wrap16(v + part_of(a + b, -2, ALPHA));
}
static inline int16_t step_beta(int16_t v, int16_t a, int16_t b)
{
    return wrap16(v - part_of(a + b, 0, BETA));
}
static inline int16_t step_gamma(int16_t v, int16_t a, int16_t b)
{
    return wrap16(v - part_of(a + b, -1, GAMMA));
}
static inline int16_t step_delta(int16_t v, int16_t a, int16_t b)
{
    return wrap16(v + part_of(a + b, 0, DELTA));
}
static inline int16_t back_alpha(int16_t v, int16_t a, int16_t b)
{
    return wrap16(v - part_of(a + b, -2, ALPHA));
}
static inline int16_t back_beta(int16_t v, int16_t a, int16_t b)
{
    return wrap16(v + part_of(a + b, 0, BETA));
}
static inline int16_t back_gamma(int16_t v, int16_t a, int16_t b)
{
    return wrap16(v + part_of(a + b, -1, GAMMA));
}
static inline int16_t back_delta(int16_t v, int16_t a, int16_t b)
{
    return wrap16(v - part_of(a + b, 0, DELTA));
}

/* out[i] = STEP(out[i], a[i], b[i]): a row of a lifting step, across (b = a + 1) or down (rows a and b). */
#define LIFT(NAME, STEP)                                                                                               \
    APERCU_VECTORISED static void NAME(int16_t *restrict out, const int16_t *a, const int16_t *b, size_t n)            \
    {                                                                                                                  \
        for (size_t i = 0; i < n; i++)                                                                                 \
            out[i] = STEP(out[i], a[i], b[i]);                                                                         \
    }

/* All four steps down at once, each a row behind the one before it: rows[0], which has just come, to rows[5], which is done. */
#define LIFT_FOUR(NAME, FIRST, SECOND, THIRD, FOURTH)                                                                  \
    APERCU_VECTORISED static void NAME(const int16_t *restrict r0, int16_t *restrict r1, int16_t *restrict r2,         \
                                       int16_t *restrict r3, int16_t *restrict r4, const int16_t *restrict r5, size_t n) \
    {                                                                                                                  \
        for (size_t i = 0; i < n; i++) {                                                                               \
            int16_t v1 = FIRST(r1[i], r2[i], r0[i]), v2 = SECOND(r2[i], r3[i], v1);                                    \
            int16_t v3 = THIRD(r3[i], r4[i], v2), v4 = FOURTH(r4[i], r5[i], v3);                                       \
            r1[i] = v1, r2[i] = v2, r3[i] = v3, r4[i] = v4;                                                            \
        }                                                                                                              \
    }

#ifndef __OPTIMIZE_SIZE__
LIFT_FOUR(lift_four, step_alpha, step_beta, step_gamma, step_delta)
#endif

#if defined(APERCU_SMALL_ENCODER) || defined(__OPTIMIZE_SIZE__)
/* One function for all steps: their arguments of part_of, and the sign of what it returns. */
static const struct {
    int16_t factor;
    int8_t whole, sign;
} STEPS[2 * STEPS_A_WAY] = {{ALPHA, -2, 1}, {BETA, 0, -1},  {GAMMA, -1, -1}, {DELTA, 0, 1},
                            {DELTA, 0, -1}, {GAMMA, -1, 1}, {BETA, 0, 1},    {ALPHA, -2, -1}};

APERCU_APART static void lift(int k, int16_t *out, const int16_t *a, const int16_t *b, size_t n)
{
    int32_t factor = STEPS[k].factor, whole = STEPS[k].whole, sign = STEPS[k].sign;
    for (; n; n--, out++)
        *out = wrap16(*out + sign * part_of(*a++ + *b++, whole, factor));
}

static void lift_across(int first, int16_t *even, int16_t *odd, size_t n)
{
    size_t n_even = (n + 1) / 2, n_odd = n / 2;
    for (int k = first; n_odd && k < first + STEPS_A_WAY; k++)
        if ((k + first / STEPS_A_WAY) % 2) {
            odd[-1] = odd[0];
            odd[n_odd] = odd[n_odd - 1]; /* looked at where n is odd */
            lift(k, even, odd - 1, odd, n_even);
        } else {
            even[n_even] = even[n_even - 1]; /* looked at where n is even */
            lift(k, odd, even, even + 1, n_odd);
        }
}

static void forward_row(int16_t *even, int16_t *odd, size_t n)
{
    lift_across(FORWARD, even, odd, n);
    for (size_t i = 0; i < n / 2; i++)
        odd[i] >>= 1;
}

static void inverse_row(int16_t *even, int16_t *odd, size_t n)
{
    for (size_t i = 0; i < n / 2; i++)
        odd[i] = wrap16(2 * odd[i]);
    lift_across(INVERSE, even, odd, n);
}
#else
LIFT(lift_alpha, step_alpha)
LIFT(lift_beta, step_beta)
LIFT(lift_gamma, step_gamma)
LIFT(lift_delta, step_delta)
LIFT(unlift_alpha, back_alpha)
LIFT(unlift_beta, back_beta)
LIFT(unlift_gamma, back_gamma)
LIFT(unlift_delta, back_delta)
LIFT_FOUR(unlift_four, back_delta, back_gamma, back_beta, back_alpha)

static void lift(int k, int16_t *out, const int16_t *a, const int16_t *b, size_t n)
{
    switch (k) {
    case FORWARD: lift_alpha(out, a, b, n); break;
    case FORWARD + 1: lift_beta(out, a, b, n); break;
    case FORWARD + 2: lift_gamma(out, a, b, n); break;
    case FORWARD + 3: lift_delta(out, a, b, n); break;
    case INVERSE: unlift_delta(out, a, b, n); break;
    case INVERSE + 1: unlift_gamma(out, a, b, n); break;
    case INVERSE + 2: unlift_beta(out, a, b, n); break;
    default: unlift_alpha(out, a, b, n);
    }
}

/* A row `even`, `odd` of n samples in all, each with a free place on either side; high-pass samples come out halved. */
APERCU_VECTORISED static void forward_row(int16_t *even, int16_t *odd, size_t n)
{
    size_t n_even = (n + 1) / 2, n_odd = n / 2;
    if (n_odd == 0)
        return;
    even[n_even] = even[n_even - 1]; /* looked at where n is even */
    lift_alpha(odd, even, even + 1, n_odd);
    odd[-1] = odd[0];
    odd[n_odd] = odd[n_odd - 1]; /* looked at where n is odd */
    lift_beta(even, odd - 1, odd, n_even);
    even[n_even] = even[n_even - 1];
    lift_gamma(odd, even, even + 1, n_odd);
    odd[-1] = odd[0];
    odd[n_odd] = odd[n_odd - 1];
    lift_delta(even, odd - 1, odd, n_even);
    for (size_t i = 0; i < n_odd; i++)
        odd[i] = (int16_t)(floor_shift32(odd[i], 1));
}

APERCU_VECTORISED static void inverse_row(int16_t *even, int16_t *odd, size_t n)
{
    size_t n_even = (n + 1) / 2, n_odd = n / 2;
    if (n_odd == 0)
        return;
    for (size_t i = 0; i < n_odd; i++)
        odd[i] = wrap16(2 * odd[i]);
    odd[-1] = odd[0];
    odd[n_odd] = odd[n_odd - 1];
    unlift_delta(even, odd - 1, odd, n_even);
    even[n_even] = even[n_even - 1];
    unlift_gamma(odd, even, even + 1, n_odd);
    odd[-1] = odd[0];
    odd[n_odd] = odd[n_odd - 1];
    unlift_beta(even, odd - 1, odd, n_even);
    even[n_even] = even[n_even - 1];
    unlift_alpha(odd, even, even + 1, n_odd);
}
#endif

#endif
