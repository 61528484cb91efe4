/* What the parts of the self test share: numbers that depend on nothing, and a checksum of results. */
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

/* Samples from -limit to limit. */
static inline void draw(test *t, int16_t *samples, size_t n, int32_t limit)
{
    for (size_t i = 0; i < n; i++)
        samples[i] = (int16_t)(below(t, (uint32_t)(2 * limit + 1)) - limit);
}

/* Slopes and edges with a little noise and few outliers, `amplitude` to both sides of `centre`. */
static inline void draw_picture(test *t, int16_t *samples, size_t width, size_t height, int32_t centre, int32_t amplitude)
{
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            int32_t v = (int32_t)((5 * x + 3 * y) % 64) * 30 + (x > width / 2 ? 900 : -1900) + below(t, 200);
            v = below(t, 60) ? v : below(t, 8000) - 4000;
            samples[y * width + x] = (int16_t)(centre + clamp32(v, -amplitude, amplitude));
        }
}

/* Parts in files of their own; `room` is aligned as numbers of 64 bits are, and holds self_test_maps_size() or self_test_mask_size() bytes. */
void self_test_maps(test *t, void *room);
void self_test_dct(test *t, void *room);
size_t self_test_maps_size(void);
void self_test_mask(test *t, void *room);
size_t self_test_mask_size(void);

#endif
