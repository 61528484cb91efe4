/* What the two ways to code a mask share: its bits, and the contexts in their order (spec/mask.md). */
#ifndef APERCU_MASK_MODEL_H
#define APERCU_MASK_MODEL_H

#include "range_pair.h"

enum {
    LENGTHS = 64,      /* of a number, as a tree of 6 bits */
    OCTAVES = 8,
    MOVES = 5,     /* that a context looks back */
    HISTORIES = 1 << 2 * MOVES,
    TEMPLATE = 11, /* pixels around one that its context is made of */
    EXPECTED = 57344, /* p0 of a step as expected, at the start */
    NEW_AGE = 2
};

/* Offsets into the array of contexts. */
enum {
    CHANGED_AT = 0, /* [0 in the first mask, 1] */
    APART_AT = 2,
    PIXELS_AT = 3,
    MORE_AT = 4, /* [0 for the first outline, 1] */
    SIDE_AT = 6,
    LIKELY_AT = 7,
    LENGTH_AT = 8,                      /* [2] of gaps between all places, and between likely ones */
    TOP_AT = LENGTH_AT + 2 * LENGTHS,   /* [2] */
    MISS_AT = TOP_AT + 2 * LENGTHS, /* [kind 4][expected to turn 2][along 8][period 8] */
    MISS_PAST_AT = MISS_AT + 8 * OCTAVES * OCTAVES, /* [turn 3][expected to turn 2][past] */
    OTHER_AT = MISS_PAST_AT + 6 * HISTORIES,        /* as both */
    OTHER_PAST_AT = OTHER_AT + 8 * OCTAVES * OCTAVES,
    GROUP_AT = OTHER_PAST_AT + 6 * HISTORIES, /* [colour 2][whether the second row above agrees 2] */
    PIXEL_AT = GROUP_AT + 4,
    N_CONTEXTS = PIXEL_AT + (1 << TEMPLATE)
};

typedef struct {
    coder c;
    range_context *spare; /* as many contexts again, for a trial */
    int32_t width, height;
    size_t stride;   /* bytes of a row of the planes below */
    uint8_t *plane;  /* a mask; before and after each row, and in two rows above, there are zeros */
    uint8_t *edges;  /* bit x of a row: whether pixels x - 1 and x differ, x from 0 to width */
    uint8_t *likely; /* of a difference of two masks: where outlines are likely to begin */
    int differs;     /* whether `plane` is one */
} room;

static inline uint32_t code_adaptive(room *r, uint32_t context, uint32_t bit, const int writing)
{
    range_context *c = r->c.contexts + context;
    if (!writing)
        return range_get_adaptive(&r->c.d, c);
    range_put_adaptive(&r->c.e, c, bit);
    return bit;
}

static inline uint32_t code_double(room *r, uint32_t a, uint32_t b, uint32_t bit, const int writing)
{
    return code_bit(&r->c, r->c.contexts + a, r->c.contexts + b, bit, writing);
}

#endif
