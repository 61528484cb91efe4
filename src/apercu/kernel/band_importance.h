/* The grids of what errors count for, as band_code.h describes them. */
#ifndef APERCU_BAND_IMPORTANCE_H
#define APERCU_BAND_IMPORTANCE_H

#include "band_model.h"

/* Columns, or rows, of the grid of places that a stage has. */
static inline size_t places_of(int32_t side, int stage)
{
    return ((size_t)side + ((size_t)1 << stage) - 1) >> stage;
}

/* 0 or APERCU_ERROR_ARGUMENT: one importance serves planes of one size, and chroma at half of it. */
static int check_sizes(const band_plane *planes, size_t n_planes)
{
    for (size_t p = 0; p < n_planes; p++) {
        const band_plane *a = &planes[p];
        int32_t width = a->chroma ? (planes[0].width + 1) / 2 : planes[0].width;
        int32_t height = a->chroma ? (planes[0].height + 1) / 2 : planes[0].height;
        if (planes[0].chroma || a->width != width || a->height != height)
            return APERCU_ERROR_ARGUMENT;
    }
    return 0;
}

#endif
