/* The model of the sample predictor: its contexts and their order, and all state that it carries (spec/predictive.md). */
#ifndef APERCU_PREDICT_MODEL_H
#define APERCU_PREDICT_MODEL_H

#include "predict.h"

enum {
    CLASSES = PREDICT_CLASSES, /* bands with no band before them, with one, with two */
    EXPERTS = 8,               /* linear predictors: seven with trained weights, and one that learns */
    LEARNER = EXPERTS - 1,
    INPUTS = PREDICT_INPUTS, /* differences that they weigh */
    TAP_BITS = 10,           /* fraction bits of a trained weight */
    FRACTION = 3,            /* fraction bits of a prediction and of all errors */
    LEARNT_BITS = 14,        /* fraction bits of a learnt weight */
    LEARNT_MOST = 1 << 16,
    INPUT_MOST = 1023, /* what the learner sees of a difference */
    ERROR_MOST = 65535,
    MARGIN = 3,    /* places left and right of a row */
    RATIOS = 512,  /* energies from 1/16 to 32 times the least */
    WEIGHT_MOST = 256
};

/* Levels of energy, which contexts begin with: quarters of an octave, then half and three quarter octaves. */
enum {
    OCTAVES_FINE = 6, /* of the last octave that has levels of its own: above it low bits have no context */
    OWN_LEVELS = 4 * OCTAVES_FINE,
    SPREAD_LEVELS = 12,
    OTHER_LEVELS = 10,
    MIXED_LEVELS = SPREAD_LEVELS * OTHER_LEVELS
};

/* Contexts of a level. */
enum {
    OFFSETS = 5,  /* of the prediction from the nearest sample value, in 1/8 */
    LENGTHS = 16, /* bits of a magnitude behind its first */
    TREES = 7,    /* lengths whose three highest bits have contexts */
    ZERO_AT = 0,
    SIGN_AT = ZERO_AT + OFFSETS,
    LENGTH_AT = SIGN_AT + OFFSETS,
    TREE_AT = LENGTH_AT + LENGTHS,
    PER_LEVEL = TREE_AT + 8 * TREES
};

/* Offsets into the array of contexts. */
enum {
    OWN_CONTEXTS = 0, /* [class][OWN_LEVELS][PER_LEVEL] */
    MIXED_CONTEXTS = OWN_CONTEXTS + CLASSES * OWN_LEVELS * PER_LEVEL,
    REPEAT_CONTEXTS = MIXED_CONTEXTS + CLASSES * MIXED_LEVELS * PER_LEVEL, /* [kind 3][8] */
    N_CONTEXTS = REPEAT_CONTEXTS + 24
};

/* Mean errors of predictions, by two patterns around a sample. */
enum { PATTERNS = 2048, BIAS_BITS = 6, BIAS_OLD = 30 };

typedef struct {
    int32_t mean; /* BIAS_BITS more fraction bits than a prediction */
    int32_t age;
} bias;

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

/* 0 to 3, then in quarters of an octave. */
static inline uint32_t level_of(uint32_t v)
{
    if (v < 4)
        return v;
    uint32_t octave = log2_of(v);
    return 4 * (octave - 1) + (v >> (octave - 2) & 3);
}

static inline uint32_t least32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

#endif
