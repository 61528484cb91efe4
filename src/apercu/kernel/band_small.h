/* Small tables: a byte for each context that a symbol can have (spec/apercu.md, "Small tables"). */
#ifndef APERCU_BAND_SMALL_H
#define APERCU_BAND_SMALL_H

#include "band_model.h"

enum {
    N_SMALL_CONTEXTS = 8119,
    BANDS_OF_CLASS = STAGES * ORIENTATIONS,
    OF_ZERO = 2 * BUCKETS * BUCKETS, /* contexts of a band */
    FLAGGED_BANDS = FLAGGED_STAGES * ORIENTATIONS,
    NO_START = 32768, /* of a context that no symbol has, and its age */
    NO_AGE = 3
};

/* Of contexts that lie by class, then by stage, `n` a stage: class 1 has none in stage 1. -1 where there is none. */
static inline int32_t small_by_stage(int32_t i, int32_t stages, int32_t n)
{
    int32_t before = stages * n; /* of class 0 */
    return i < before ? i : i < before + n ? -1 : i - n;
}

/* Where the byte of a context is, or -1. */
static inline int32_t small_place(int32_t i)
{
    int32_t at = 0;
    if (i < SIGN_CONTEXTS) { /* without flags, nothing is known of a group */
        int32_t chroma = i / (BANDS_OF_CLASS * OF_ZERO), in_class = i / OF_ZERO % BANDS_OF_CLASS, rest = i % OF_ZERO;
        if (chroma && in_class < ORIENTATIONS)
            return -1;
        int32_t halves = in_class > FLAGGED_BANDS ? in_class - FLAGGED_BANDS : 0;
        at = OF_ZERO * in_class - OF_ZERO / 2 * halves;
        if (chroma)
            at += OF_ZERO * (BANDS_OF_CLASS - ORIENTATIONS) - OF_ZERO / 2 * (BANDS_OF_CLASS - FLAGGED_BANDS);
        return in_class < FLAGGED_BANDS ? at + rest : rest % 2 ? -1 : at + rest / 2;
    }
    at = OF_ZERO * (2 * BANDS_OF_CLASS - ORIENTATIONS) - OF_ZERO * (BANDS_OF_CLASS - FLAGGED_BANDS);
    if (i < MAG_CONTEXTS) {
        int32_t place = small_by_stage(i - SIGN_CONTEXTS, STAGES, ORIENTATIONS * SIGN_PATTERNS);
        return place < 0 ? -1 : at + place;
    }
    at += (BANDS_IN_ALL - ORIENTATIONS) * SIGN_PATTERNS;
    if (i < FLAG_CONTEXTS) {
        int32_t place = small_by_stage(i - MAG_CONTEXTS, STAGES, BUCKETS * UNARY);
        return place < 0 ? -1 : at + place;
    }
    at += (CLASSES * STAGES - 1) * BUCKETS * UNARY;
    if (i < LOW_CONTEXTS) {
        int32_t place = small_by_stage(i - FLAG_CONTEXTS, FLAGGED_STAGES, ORIENTATIONS * 8 * BUCKETS);
        return place < 0 ? -1 : at + place;
    }
    at += (CLASSES * FLAGGED_STAGES - 1) * ORIENTATIONS * 8 * BUCKETS;
    if (i < LOW_TOP_CONTEXTS) { /* 16 bits at the most */
        int32_t row = (i - LOW_CONTEXTS) / LENGTHS, k = (i - LOW_CONTEXTS) % LENGTHS;
        return k == LENGTHS - 1 ? -1 : at + row * (LENGTHS - 1) + k;
    }
    at += CLASSES * BUCKETS * (LENGTHS - 1);
    if (i < LOW_SIGN_CONTEXTS) { /* a second bit, of two or more */
        int32_t row = (i - LOW_TOP_CONTEXTS) / LENGTHS, k = (i - LOW_TOP_CONTEXTS) % LENGTHS;
        return k < 2 ? -1 : at + row * (LENGTHS - 2) + k - 2;
    }
    return at + CLASSES * (LENGTHS - 2) + i - LOW_SIGN_CONTEXTS;
}

/* The start of a context. */
static inline range_context small_start(const uint8_t *codes, int32_t i)
{
    static const uint16_t UNLIKELY[32] = {25,   32,   41,   53,   68,   87,   111,  143,   184,   236,   302,
                                          387,  497,  636,  815,  1042, 1333, 1701, 2168,  2758,  3500,  4427,
                                          5577, 6992, 8714, 10782, 13226, 16062, 19282, 22849, 26695, 30723};
    static const uint8_t AGES[4] = {4, 11, 32, 91};
    int32_t place = small_place(i);
    if (place < 0)
        return range_context_at(NO_START, NO_AGE, RANGE_FAST_SHIFT, RANGE_SLOW_SHIFT);
    uint32_t code = codes[place], logit = code % 64;
    uint32_t p0 = logit < 32 ? UNLIKELY[logit] : 65536 - UNLIKELY[63 - logit];
    return range_context_at(p0, AGES[code / 64], RANGE_FAST_SHIFT, RANGE_SLOW_SHIFT);
}

#endif
