/* What other bands tell of a band: its parents, its sisters, the same band of a companion plane. */
#ifndef APERCU_BAND_AROUND_H
#define APERCU_BAND_AROUND_H

#include "band_model.h"

#include <string.h>

static inline const uint8_t *row(const grid *g, size_t y)
{
    return g->at + y * g->stride;
}

/* Each magnitude with its neighbours, weighted 1 2 1 both ways: 240 at most. */
static inline void smooth(const grid *g, size_t y, uint8_t *restrict column, uint8_t *restrict out)
{
    const uint8_t *above = row(g, y) - g->stride - 1, *here = row(g, y) - 1, *below = row(g, y) + g->stride - 1;
    for (size_t x = 0; x < g->width + 2; x++)
        column[x] = (uint8_t)(above[x] + 2 * here[x] + below[x]);
    for (size_t x = 0; x < g->width; x++)
        out[x] = (uint8_t)(column[x] + 2 * column[x + 1] + column[x + 2]);
}

static inline void add_weighted(uint16_t *restrict sums, const uint8_t *restrict values, size_t n, uint32_t weight)
{
    for (size_t x = 0; x < n; x++)
        sums[x] = (uint16_t)(sums[x] + weight * values[x]);
}

static inline void add_parents(uint16_t *restrict sums, const uint8_t *restrict values, size_t n, uint32_t weight)
{
    for (size_t x = 0; x < n / 2; x++) {
        uint16_t more = (uint16_t)(weight * values[x]);
        sums[2 * x] = (uint16_t)(sums[2 * x] + more);
        sums[2 * x + 1] = (uint16_t)(sums[2 * x + 1] + more);
    }
    if (n % 2)
        sums[n - 1] = (uint16_t)(sums[n - 1] + weight * values[n / 2]);
}

/* Fills b->around. A parent band may be a row or a column short of covering its children: then its margin serves. */
APERCU_VECTORISED static void look_around(band *b, const grid *parent, const grid *sisters, int n_sisters, const grid *companion,
                        uint8_t *scratch)
{
    size_t width = b->own.width;
    uint8_t *column = scratch, *smoothed = column + width + 2 * MARGIN;
    uint16_t *sums = (uint16_t *)(void *)(scratch + 2 * ((width + 2 * MARGIN + 7) & ~(size_t)7));
    for (size_t y = 0; y < b->own.height; y++) {
        memset(sums, 0, width * sizeof *sums);
        if (parent && parent->height && parent->width) {
            memset(smoothed, 0, width);
            if (y / 2 < parent->height)
                smooth(parent, y / 2, column, smoothed);
            add_parents(sums, smoothed, width, b->weights[6]);
        }
        for (int s = 0; s < n_sisters; s++) { /* HL and LH differ from HH by a row or a column at the most */
            size_t n = sisters[s].width < width ? sisters[s].width : width;
            if (y < sisters[s].height) {
                smooth(&sisters[s], y, column, smoothed);
                add_weighted(sums, smoothed, n, b->weights[7]);
            }
        }
        if (companion) {
            smooth(companion, y, column, smoothed);
            add_weighted(sums, smoothed, width, b->weights[8]);
        }
        uint8_t *restrict out = b->around + y * b->around_stride;
        for (size_t x = 0; x < width; x++)
            out[x] = (uint8_t)(sums[x] >> 4 > 255 ? 255 : sums[x] >> 4);
    }
}

#endif
