/* Where the magnitudes of all bands lie in the workspace of the coder, and what else it holds. */
#ifndef APERCU_BAND_GRIDS_H
#define APERCU_BAND_GRIDS_H

#include "band_around.h"
#include "band_border.h"

static inline int levels_of(const band_plane *plane)
{
    return WAVELET_LEVELS - plane->chroma;
}

/* The magnitudes of every band of a plane, one after the other; returns where they end. Nothing is placed where `grids`
 * is NULL. Those of the finest level, which come last, leave room for joining a level before they are used. */
static inline size_t place_grids(const band_plane *plane, const wavelet_layout *layout, uint8_t *start, size_t at, grid *grids)
{
    size_t finest = at;
    for (int i = 1; i < layout->n_bands; i++) {
        grid g = {layout->width[i], layout->height[i], layout->width[i] + 2 * MARGIN, NULL};
        if (grids) {
            g.at = start + at + MARGIN * g.stride + MARGIN;
            grids[i] = g;
        }
        if (i == layout->n_bands - ORIENTATIONS)
            finest = at;
        at += g.stride * (g.height + 2 * MARGIN);
    }
    size_t least = finest + joining_size(plane) * sizeof(int16_t) + 1;
    return at > least ? at : least;
}

/* A row of a band of this width, with room for whole words and groups behind it. */
static inline size_t wide_of(size_t width)
{
    return (width + 2 * MARGIN + 15) & ~(size_t)7;
}

/* Bytes for the widest band: see walk_band(). */
static inline size_t scratch_size(size_t width)
{
    return (2 + GROUP + GROUP + 1 + SOURCES + 2) * wide_of((width + 1) / 2) + (SOURCES + 1) * MOST_BYTES;
}

/* 0 or APERCU_ERROR_ARGUMENT: a companion is an earlier plane with bands of the same sizes. */
static inline int check_planes(const band_plane *planes, size_t n_planes)
{
    for (size_t p = 0; p < n_planes; p++) {
        const band_plane *a = &planes[p];
        if (a->width < 1 || a->height < 1 || a->chroma < 0 || a->chroma > 1 || a->companion >= (int32_t)p)
            return APERCU_ERROR_ARGUMENT;
        if (a->companion < 0)
            continue;
        const band_plane *b = &planes[a->companion];
        int halved = a->chroma && !b->chroma;
        if ((a->chroma < b->chroma) || a->width != (halved ? (b->width + 1) / 2 : b->width) ||
            a->height != (halved ? (b->height + 1) / 2 : b->height))
            return APERCU_ERROR_ARGUMENT;
    }
    return 0;
}

#endif
