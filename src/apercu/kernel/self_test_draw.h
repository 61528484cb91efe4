/* Numbers that the known answers are made from, and their checksum. */
#ifndef APERCU_SELF_TEST_DRAW_H
#define APERCU_SELF_TEST_DRAW_H

#include "api.h"

typedef struct {
    uint32_t random, sum;
} test;

/* 0 to below `end`, which is at most 2^16. */
static inline int32_t below(test *t, uint32_t end)
{
    t->random = t->random * 1664525u + 1013904223u;
    return (int32_t)((t->random >> 16) * end >> 16);
}

static inline void add(test *t, int64_t value)
{
    t->sum = (t->sum ^ (uint32_t)((uint64_t)value & 0xFFFFFFFFu)) * 16777619u;
}

static inline void add_u8(test *t, const uint8_t *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        add(t, values[i]);
}

static inline void add_u16(test *t, const uint16_t *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        add(t, values[i]);
}

static inline void add_i16(test *t, const int16_t *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        add(t, values[i]);
}

#endif
