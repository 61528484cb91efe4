/* The model of the sample predictor: its contexts and their order, and all state that it carries (spec/predictive.md). */
#ifndef APERCU_PREDICT_MODEL_H
#define APERCU_PREDICT_MODEL_H

#include "predict.h"
#include "range_pair.h"

enum {
    CLASSES = PREDICT_CLASSES, /* bands with no band before them, with one, with two */
    EXPERTS = PREDICT_EXPERTS, /* linear predictors with trained weights; one more learns */
    INPUTS = PREDICT_INPUTS,   /* differences that they weigh: those of W and WW, then */
    AHEAD = 2,                 /* those that are known a row ahead */
    TAP_BITS = 10,           /* fraction bits of a trained weight */
    FRACTION = 3,            /* fraction bits of a prediction and of all errors */
    LEARNT_BITS = 13,        /* fraction bits of a learnt weight */
    LEARNT_MOST = 32000,
    LEARNING = 1 << 23, /* a step of it, times the sum of its inputs */
    LEAST_SEEN = 512,
    CHANGE_MOST = 128,
    SHARE_SHIFT = 9, /* an error of 1/64 of the sum of inputs changes as much as a larger one */
    INPUT_MOST = 4095, /* what the learner sees of a difference */
    ERROR_MOST = 65535,
    LEAST_ENERGY = 2, /* added to every energy */
    MARGIN = 3,    /* places left and right of a row */
    RUN = 64,      /* samples that are prepared together */
    RATIOS = 512,  /* energies from 1/16 to 32 times the least */
    WEIGHT_MOST = 256,
    REPEAT_MOST = 65536 / 16 /* a repeat is asked for where it is likelier than 15/16 */
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
    TREES = 8,    /* lengths whose two highest bits behind the first have contexts */
    ZERO_AT = 0,
    SIGN_AT = ZERO_AT + OFFSETS,
    LENGTH_AT = SIGN_AT + OFFSETS,
    TREE_AT = LENGTH_AT + LENGTHS,
    PER_LEVEL = TREE_AT + 4 * TREES
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

/* Before a loop that is to become vectors: GCC would write it out first, and then not see them. */
#if defined(__GNUC__) && !defined(__clang__)
#define AS_VECTOR _Pragma("GCC unroll 1")
#else
#define AS_VECTOR
#endif

/* 0 to 3, then in quarters of an octave. */
static inline uint32_t level_of(uint32_t v)
{
    if (v < 4)
        return v;
    uint32_t octave = log2_of(v);
    return 4 * (octave - 1) + (v >> (octave - 2) & 3);
}

static inline int32_t magnitude32(int32_t v)
{
    return v < 0 ? -v : v;
}

#endif
