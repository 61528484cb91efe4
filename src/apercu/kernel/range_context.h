/* The contexts of the range coder: what they have learnt of the probability of a bit (spec/FORMAT.md, "Contexts"). */
#ifndef APERCU_RANGE_CONTEXT_H
#define APERCU_RANGE_CONTEXT_H

#include "api.h"

enum {
    RANGE_HALF = 32768,   /* p0 of a bit that no context predicts */
    RANGE_TAIL = 8,       /* bytes past the end that a decoder may read, at most */
    RANGE_TAIL_LEAST = 3, /* and at least: an encoder writes no more than one byte after its last bit */
    RANGE_NEW_AGE = 3,    /* a context that knows nothing: see range_context_at */
    RANGE_OLD_AGE = 128,
    RANGE_FAST_SHIFT = 4,
    RANGE_SLOW_SHIFT = 7
};

#ifndef APERCU_SMALL_ENCODER
/* The state of a context: two estimates of the probability of a 0, which every bit changes. */
typedef struct {
    uint16_t fast, slow;            /* in 1/65536: 1 .. 65535, which range_context_learn cannot leave */
    uint8_t age;                    /* 2 .. RANGE_OLD_AGE: what the start counts for, plus the bits seen since */
    uint8_t shift;                  /* floor(log2(age)), 1 .. 7 */
    uint8_t fast_shift, slow_shift; /* 1 .. 7: an estimate moves by 1/2^n of its error, n = min(shift, this) */
} range_context;

/* A context that begins at p0 (1 .. 65535), which counts like `age` (2 .. 128) coded bits. */
static inline range_context range_context_at(uint32_t p0, uint32_t age, uint32_t fast_shift, uint32_t slow_shift)
{
    range_context c = {(uint16_t)p0, (uint16_t)p0, (uint8_t)age, 1, (uint8_t)fast_shift, (uint8_t)slow_shift};
    while (age >> (c.shift + 1))
        c.shift++;
    return c;
}

static inline void range_context_shifts(const range_context *c, uint32_t *fast_shift, uint32_t *slow_shift)
{
    *fast_shift = c->shift < c->fast_shift ? c->shift : c->fast_shift;
    *slow_shift = c->shift < c->slow_shift ? c->shift : c->slow_shift;
}

static inline void range_context_grow(range_context *c)
{
    c->age = (uint8_t)(c->age + (c->age < RANGE_OLD_AGE));
    c->shift = (uint8_t)(c->shift + (c->age >> (c->shift + 1)));
}
#else
#ifdef __GNUC__
#define APERCU_PACKED __attribute__((packed))
#else
#define APERCU_PACKED
#endif
/* The same in 5 bytes, for encoders with little memory: all contexts have the usual shifts. */
typedef struct {
    uint16_t fast, slow;
    uint8_t age; /* 0: not begun */
} APERCU_PACKED range_context;

static inline range_context range_context_at(uint32_t p0, uint32_t age, uint32_t fast_shift, uint32_t slow_shift)
{
    range_context c = {(uint16_t)p0, (uint16_t)p0, (uint8_t)age};
    (void)fast_shift, (void)slow_shift;
    return c;
}

static inline void range_context_shifts(const range_context *c, uint32_t *fast_shift, uint32_t *slow_shift)
{
#ifdef __GNUC__
    *slow_shift = 31 - (uint32_t)__builtin_clz(c->age); /* 7 at the most */
#else
    for (*slow_shift = 1; c->age >> (*slow_shift + 1);)
        ++*slow_shift;
#endif
    *fast_shift = *slow_shift < RANGE_FAST_SHIFT ? *slow_shift : RANGE_FAST_SHIFT;
}

static inline void range_context_grow(range_context *c)
{
    c->age = (uint8_t)(c->age + (c->age < RANGE_OLD_AGE));
}
#endif

/* A context without prior knowledge. */
static inline range_context range_context_new(void)
{
    return range_context_at(RANGE_HALF, RANGE_NEW_AGE, RANGE_FAST_SHIFT, RANGE_SLOW_SHIFT);
}

/* Probability of a 0, 1 .. 65535, in 1/65536. */
#ifndef APERCU_SMALL_ENCODER
static inline uint32_t range_context_p0(const range_context *c)
{
    return ((uint32_t)c->fast + c->slow) >> 1;
}
#else
void apercu_begin_context(range_context *c); /* from the tables: c/flying/contexts.c */

/* Contexts begin when they are first asked: most of those of a small tile never are. */
APERCU_SMALL uint32_t range_context_p0(const range_context *c)
{
    if (c->age == 0)
        apercu_begin_context((range_context *)c);
    return ((uint32_t)c->fast + c->slow) >> 1;
}
#endif

static inline void range_context_learn(range_context *c, uint32_t bit)
{
    uint32_t fast_shift, slow_shift, fast = c->fast, slow = c->slow;
    range_context_shifts(c, &fast_shift, &slow_shift);
    c->fast = (uint16_t)(bit ? fast - (fast >> fast_shift) : fast + ((65536 - fast) >> fast_shift));
    c->slow = (uint16_t)(bit ? slow - (slow >> slow_shift) : slow + ((65536 - slow) >> slow_shift));
    range_context_grow(c);
}

#endif
