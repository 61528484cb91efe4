/* What other maps tell of a map: earlier ones in the same block and beside it, and those of a companion plane. */
#ifndef APERCU_MAP_AROUND_H
#define APERCU_MAP_AROUND_H

#include "map_model.h"

#include <string.h>

/* Where the magnitudes of a plane are: of each map, and their totals over all plain maps so far. */
typedef struct {
    grid of_map[MAP_MOST], total;
} map_grids;

static inline const uint8_t *grid_row(const grid *g, size_t y)
{
    return g->at + y * g->stride;
}

static inline void add_here(uint16_t *restrict sums, const uint8_t *restrict values, size_t n, uint32_t weight)
{
    for (size_t x = 0; x < n; x++)
        sums[x] = (uint16_t)(sums[x] + weight * values[x]);
}

/* The four magnitudes beside each. */
static inline void add_ring(uint16_t *restrict sums, const grid *g, size_t y, size_t n, uint32_t weight)
{
    const uint8_t *restrict here = grid_row(g, y), *restrict above = here - g->stride, *restrict below = here + g->stride;
    for (size_t x = 0; x < n; x++)
        sums[x] = (uint16_t)(sums[x] + weight * (uint32_t)(above[x] + below[x] + here[(ptrdiff_t)x - 1] + here[x + 1]));
}

/* Of a plane of twice the size, four magnitudes for each: their sum, or the largest of them. */
static inline void add_four(uint16_t *restrict sums, const grid *g, size_t y, size_t n, uint32_t weight, int largest)
{
    if (2 * y >= g->height)
        return;
    const uint8_t *restrict above = grid_row(g, 2 * y), *restrict below = above + g->stride; /* both margins are zero */
    for (size_t x = 0; x < n && 2 * x < g->width; x++) {
        uint32_t a = above[2 * x], b = above[2 * x + 1], c = below[2 * x], d = below[2 * x + 1], most = a > b ? a : b;
        most = c > most ? c : most;
        most = d > most ? d : most;
        sums[x] = (uint16_t)(sums[x] + weight * (largest ? most : a + b + c + d));
    }
}

/* A map that has been coded counts in the totals of its plane. */
APERCU_VECTORISED static void add_to_total(const grid *total, const grid *map)
{
    for (size_t y = 0; y < total->height; y++) {
        uint8_t *restrict sums = total->at + y * total->stride;
        const uint8_t *restrict values = grid_row(map, y);
        for (size_t x = 0; x < total->width; x++) {
            uint32_t sum = (uint32_t)sums[x] + values[x];
            sums[x] = (uint8_t)(sum < MAP_TOTAL_MAX ? sum : MAP_TOTAL_MAX);
        }
    }
}

/* The weighted sums of what is above row y in the map itself: N, NW, NE and NN. */
APERCU_VECTORISED static void map_above(uint16_t *restrict sums, const grid *own, size_t y, const uint8_t *weights)
{
    const uint8_t *restrict above = grid_row(own, y) - own->stride, *restrict far = above - own->stride;
    uint32_t n = weights[1], nw = weights[2], ne = weights[3], nn = weights[5];
    for (size_t x = 0; x < own->width; x++)
        sums[x] = (uint16_t)(n * above[x] + nw * above[(ptrdiff_t)x - 1] + ne * above[x + 1] + nn * far[x]);
}

/* The weighted sums of row y of a map, in 1/64. Weights: four earlier maps; beside the first two of them; the total; beside
 * it; the first map of the plane; beside it; the companion's map; its total. */
APERCU_VECTORISED static void map_around(uint16_t *restrict sums, const map_kind *kind, int map, const map_grids *own,
                                         const map_grids *companion, int halved, size_t y, const uint8_t *weights)
{
    size_t n = own->total.width;
    memset(sums, 0, n * sizeof *sums);
    for (int e = 0; e < MAP_EARLIER; e++) {
        if (kind->earlier[e] < 0)
            continue;
        const grid *g = &own->of_map[kind->earlier[e]];
        if (weights[e])
            add_here(sums, grid_row(g, y), n, weights[e]);
        if (e < 2 && weights[MAP_EARLIER + e])
            add_ring(sums, g, y, n, weights[MAP_EARLIER + e]);
    }
    if (weights[6])
        add_here(sums, grid_row(&own->total, y), n, weights[6]);
    if (weights[7])
        add_ring(sums, &own->total, y, n, weights[7]);
    if (map) {
        add_here(sums, grid_row(&own->of_map[0], y), n, weights[8]);
        add_ring(sums, &own->of_map[0], y, n, weights[9]);
    }
    if (!companion)
        return;
    if (halved) {
        add_four(sums, &companion->of_map[map], y, n, weights[10], 0);
        add_four(sums, &companion->total, y, n, weights[11], 1);
    } else {
        add_here(sums, grid_row(&companion->of_map[map], y), n, weights[10]);
        add_here(sums, grid_row(&companion->total, y), n, weights[11]);
    }
}

#endif
