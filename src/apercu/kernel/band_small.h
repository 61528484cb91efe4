/* Small tables: a byte for each context that a symbol can have (spec/apercu.md, "Small tables"). */
#ifndef APERCU_BAND_SMALL_H
#define APERCU_BAND_SMALL_H

#include "band_model.h"

enum {
    N_SMALL_CONTEXTS = 8119,
    NO_START = 32768, /* of a context that no symbol has, and its age */
    NO_AGE = 3
};

/* Contexts in a row, up to LL: how many have a byte each, have one for two, or have none. Without flags nothing is known of a
 * group, which leaves every second context of zeros; class 1 has no stage 1. */
enum { EACH = 0, HALF = 1, NONE = 15 /* shifts of a number of contexts to one of bytes */, RUN_BITS = 4 };
#define RUN(n, what) ((n) << RUN_BITS | (what))
enum {
    ZEROS = BUCKETS * BUCKETS * 2 * ORIENTATIONS, /* contexts of a stage */
    SIGNS = SIGN_PATTERNS * ORIENTATIONS,
    MAGNITUDES = BUCKETS * UNARY,
    FLAGS = 8 * BUCKETS * ORIENTATIONS,
    UNFLAGGED = STAGES - FLAGGED_STAGES
};
static const uint16_t RUNS[] = {
    RUN(FLAGGED_STAGES * ZEROS, EACH),
    RUN(UNFLAGGED * ZEROS, HALF),
    RUN(ZEROS, NONE),
    RUN((FLAGGED_STAGES - 1) * ZEROS, EACH),
    RUN(UNFLAGGED * ZEROS, HALF),
    RUN(STAGES * SIGNS, EACH),
    RUN(SIGNS, NONE),
    RUN((STAGES - 1) * SIGNS + STAGES * MAGNITUDES, EACH),
    RUN(MAGNITUDES, NONE),
    RUN((STAGES - 1) * MAGNITUDES + FLAGGED_STAGES * FLAGS, EACH),
    RUN(FLAGS, NONE),
    RUN((FLAGGED_STAGES - 1) * FLAGS, EACH),
};

/* Where the byte of a context is, or -1; `reached`: a symbol has it, so that it has one. */
APERCU_PART int32_t small_place(int32_t i, const int reached)
{
    int32_t at = 0;
    for (size_t run = 0; run < sizeof RUNS / sizeof *RUNS; run++) {
        int32_t n = RUNS[run] >> RUN_BITS, what = RUNS[run] & ((1 << RUN_BITS) - 1);
        if (i < n)
            return !reached && (what == NONE || (what == HALF && i % 2)) ? -1 : at + (i >> what);
        i -= n;
        at += n >> what;
    }
    /* Of LL, a length of 16 bits at the most; a second bit, of two or more; signs. */
    int32_t row = i / LENGTHS, column = i % LENGTHS, above = row - CLASSES * BUCKETS;
    if (above < 0)
        return !reached && column == LENGTHS - 1 ? -1 : at + i - row;
    if (above < CLASSES)
        return !reached && column < 2 ? -1 : at + i - row - above - 2;
    return at + i - row - above;
}

/* The start of a context. */
APERCU_PART range_context small_start(const uint8_t *codes, int32_t i, const int reached)
{
    static const uint16_t UNLIKELY[32] = {25,   32,   41,   53,   68,   87,   111,  143,   184,   236,   302,
                                          387,  497,  636,  815,  1042, 1333, 1701, 2168,  2758,  3500,  4427,
                                          5577, 6992, 8714, 10782, 13226, 16062, 19282, 22849, 26695, 30723};
    static const uint8_t AGES[4] = {4, 11, 32, 91};
    int32_t place = small_place(i, reached);
    if (!reached && place < 0)
        return range_context_at(NO_START, NO_AGE, RANGE_FAST_SHIFT, RANGE_SLOW_SHIFT);
    uint32_t code = codes[place], logit = code % 64;
    uint32_t p0 = logit < 32 ? UNLIKELY[logit] : 65536 - UNLIKELY[63 - logit];
    return range_context_at(p0, AGES[code / 64], RANGE_FAST_SHIFT, RANGE_SLOW_SHIFT);
}

#endif
