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

enum { MOST_SISTERS = 2, PARENTS = 0, COMPANION = 3, SOURCES };

/* Rows `top` to before `top` + `down` of b->around, and zeros in place of more of a row of groups. A parent band may be a row
 * or a column short of covering its children, and a sister differ by one: what is missing counts 0. */
APERCU_VECTORISED static void look_around(const band *b, size_t top, size_t down)
{
    size_t width = b->own.width, n = b->around_stride;
    uint8_t *column = b->scratch, *smoothed[SOURCES]; /* of each source, the row that is beside this one */
    int has[SOURCES] = {0};
    for (int i = 0; i < SOURCES; i++)
        smoothed[i] = column + (size_t)(i + 1) * (n + BYTES);
    for (size_t y = top; y < top + down; y++) {
        const grid *parent = b->parent, *sisters = b->sisters;
        if (parent && (y % 2 == 0 || y == top))
            has[PARENTS] = y / 2 < parent->height && parent->width &&
                           smooth(parent, y / 2, n / 2, column, smoothed[PARENTS]);
        for (int s = 0; s < b->n_sisters; s++)
            has[1 + s] = y < sisters[s].height && sisters[s].width && smooth(&sisters[s], y, n, column, smoothed[1 + s]);
        if (b->companion)
            has[COMPANION] = smooth(b->companion, y, n, column, smoothed[COMPANION]);
        uint8_t *restrict out = b->around + y % GROUP * n;
        if (!has[0] && !has[1] && !has[2] && !has[3]) {
            memset(out, 0, n);
            continue;
        }
        for (size_t x = 0; x < width; x += BYTES) {
            word lower = 0, upper = 0;
            if (has[PARENTS])
                lower = upper = spread(smoothed[PARENTS] + x / 2) * b->weights[6];
            for (int i = 1; i < SOURCES; i++)
                if (has[i]) {
                    word values = load(smoothed[i] + x), weight = b->weights[i == COMPANION ? 8 : 7];
                    lower += (values & LOWER) * weight;
                    upper += (values >> 8 & LOWER) * weight;
                }
            save(out + x, sixteenth(lower) | sixteenth(upper) << 8);
        }
        memset(out + width, 0, n - width);
    }
    memset(b->around + down * n, 0, (GROUP - down) * n);
}

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
