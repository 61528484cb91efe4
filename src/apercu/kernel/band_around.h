/* What other bands tell of a band: its parents, its sisters, the same band of a companion plane.
 *
 * A word holds a magnitude, or a sum of them, in each of its bytes: no sum reaches the next one, so one addition adds
 * them all, whatever the order of bytes in a word. */
#ifndef APERCU_BAND_AROUND_H
#define APERCU_BAND_AROUND_H

#include "band_model.h"

#include <string.h>

typedef size_t word;
enum { BYTES = sizeof(word), MOST_BYTES = 8 /* of a word, so that sizes are the same on every machine */ };
#define LOWER (~(word)0 / 0xFFFF * 0xFF) /* every second byte: places for sums of 16 bits */

static inline word load(const uint8_t *at)
{
    word w;
    memcpy(&w, at, BYTES);
    return w;
}

static inline void save(uint8_t *at, word w)
{
    memcpy(at, &w, BYTES);
}

/* Each of BYTES / 2 numbers in a place for 16 bits. */
static inline word spread(const uint8_t *at)
{
    word w = 0;
    if (BYTES == 8) {
        uint32_t four;
        memcpy(&four, at, 4);
        w = four;
        w = (w | w << (BYTES == 8 ? 16 : 0)) & (~(word)0 / (word)0xFFFFFFFFu * 0xFFFF);
    } else {
        uint16_t two;
        memcpy(&two, at, 2);
        w = two;
    }
    return (w | w << 8) & LOWER;
}

static inline const uint8_t *row(const grid *g, size_t y)
{
    return g->at + y * g->stride;
}

/* Each magnitude of a row with its neighbours, weighted 1 2 1 both ways: 240 at most; zeros behind them, up to `n`. Returns 0
 * where all are zero, and writes nothing: most rows of most pictures. */
static inline int smooth(const grid *g, size_t y, size_t n, uint8_t *restrict column, uint8_t *restrict out)
{
    const uint8_t *above = row(g, y) - g->stride - 1, *here = row(g, y) - 1, *below = row(g, y) + g->stride - 1;
    if (!(above[g->width + MARGIN] | here[g->width + MARGIN] | below[g->width + MARGIN]))
        return 0;
    for (size_t x = 0; x < g->width + 2; x += BYTES)
        save(column + x, load(above + x) + 2 * load(here + x) + load(below + x));
    for (size_t x = 0; x < g->width; x += BYTES)
        save(out + x, load(column + x) + 2 * load(column + x + 1) + load(column + x + 2));
    if (n > g->width)
        memset(out + g->width, 0, n - g->width);
    return 1;
}

/* Of sums of 16 bits, a sixteenth of each, held to 255. */
static inline word sixteenth(word sums)
{
    word s = sums >> 4 & (LOWER | LOWER << 4 | LOWER << 8), more = s >> 8 | s >> 9 | s >> 10 | s >> 11;
    return (s & LOWER) | (more & LOWER / 0xFF) * 0xFF;
}

/* Rows `top` to before `top` + `down` of b->around, and zeros in place of more of a row of groups. A parent band may be a row
 * or a column short of covering its children, and a sister differ by one: what is missing counts 0. */
#ifdef APERCU_SMALL_ENCODER
APERCU_LARGE void look_around(const band *b, size_t top, size_t down)
{
    size_t n = b->around_stride;
    uint8_t *column = b->scratch, *smoothed = column + n + BYTES, *sums = smoothed + n + BYTES;
    memset(b->around, 0, GROUP * n);
    for (size_t y = top; y < top + down; y++) {
        uint8_t *out = b->around + y % GROUP * n;
        memset(sums, 0, 2 * n); /* a word of even places, a word of odd ones */
        for (int i = 0; i < SOURCES; i++) {
            const grid *from = b->sources[i];
            size_t row_of = i == PARENT ? y / 2 : y;
            if (!from || row_of >= from->height || !smooth(from, row_of, n, column, smoothed))
                continue; /* a band without columns has no symbols */
            for (size_t x = 0; x < b->own.width; x += BYTES) {
                word values = i == PARENT ? spread(smoothed + x / 2) * 0x101 : load(smoothed + x);
                word weight = b->weights[SOURCE_WEIGHTS + (i + 1) / 2];
                word lower = load(sums + 2 * x) + (values & LOWER) * weight;
                word upper = load(sums + 2 * x + BYTES) + (values >> 8 & LOWER) * weight;
                save(sums + 2 * x, lower);
                save(sums + 2 * x + BYTES, upper);
                save(out + x, sixteenth(lower) | sixteenth(upper) << 8);
            }
        }
        memset(out + b->own.width, 0, n - b->own.width);
    }
}
#else
APERCU_VECTORISED static void look_around(const band *b, size_t top, size_t down)
{
    size_t width = b->own.width, n = b->around_stride;
    uint8_t *column = b->scratch, *smoothed = column + n + BYTES; /* of each source, the row that is beside this one */
    size_t apart = n + BYTES;
    int has[SOURCES] = {0};
    for (size_t y = top; y < top + down; y++) {
        int any = 0;
        for (size_t i = 0; i < SOURCES; i++) {
            const grid *from = b->sources[i];
            size_t row_of = i == PARENT ? y / 2 : y;
            if (i != PARENT || y % 2 == 0 || y == top)
                has[i] = from && row_of < from->height && from->width &&
                         smooth(from, row_of, i == PARENT ? n / 2 : n, column, smoothed + i * apart);
            any |= has[i];
        }
        uint8_t *restrict out = b->around + y % GROUP * n;
        if (!any) {
            memset(out, 0, n);
            continue;
        }
        for (size_t x = 0; x < width; x += BYTES) {
            word lower = 0, upper = 0;
            if (has[PARENT])
                lower = upper = spread(smoothed + x / 2) * b->weights[SOURCE_WEIGHTS];
            for (size_t i = PARENT + 1; i < SOURCES; i++)
                if (has[i]) {
                    word values = load(smoothed + i * apart + x), weight = b->weights[SOURCE_WEIGHTS + (i + 1) / 2];
                    lower += (values & LOWER) * weight;
                    upper += (values >> 8 & LOWER) * weight;
                }
            save(out + x, sixteenth(lower) | sixteenth(upper) << 8);
        }
        memset(out + width, 0, n - width);
    }
    memset(b->around + down * n, 0, (GROUP - down) * n);
}
#endif

/* The sum of `around` over a group. */
static inline uint32_t sum_around(const band *b, size_t left)
{
    uint32_t sums = 0;
    for (size_t y = 0; y < GROUP; y++) {
        uint32_t four;
        memcpy(&four, b->around + y * b->around_stride + left, 4);
        sums += (four & 0x00FF00FF) + (four >> 8 & 0x00FF00FF);
    }
    return (sums & 0xFFFF) + (sums >> 16);
}

#endif
