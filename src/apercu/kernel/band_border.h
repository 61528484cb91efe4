/* The encoder's copy of the decoder: the low-pass samples of each level as they will be decoded, for wavelet_border.c. What is
 * coded is replaced by what will be decoded. */
#ifndef APERCU_BAND_BORDER_H
#define APERCU_BAND_BORDER_H

#include "band_step.h"
#include "wavelet_border.h"

#include <string.h>

/* After the MENDED_TO levels that are not decoded. */
static inline size_t halved(int32_t side)
{
    return ((size_t)side + (1 << MENDED_TO) - 1) >> MENDED_TO;
}

/* Numbers that joining a level of a plane takes. */
static inline size_t joining_size(const band_plane *plane)
{
    return plane->fitted ? halved(plane->width) * halved(plane->height) + wavelet_rows(halved(plane->width)) : 0;
}

/* Of the level whose HL is band i, and whose low-pass samples are decoded: they have replaced the coefficients before it. */
static inline void mend(const wavelet_layout *layout, int i, int16_t *coefficients)
{
    wavelet_mend_border(coefficients, coefficients + layout->start[i], coefficients + layout->start[i + 1],
                        layout->width[i] + layout->width[i + 1], layout->height[i] + layout->height[i + 1], -1);
}

static inline void decode_low_and_mend(const wavelet_layout *layout, const int16_t *symbols, int32_t step_q6,
                                       int16_t *coefficients)
{
    for (size_t i = 0; i < layout->width[0] * layout->height[0]; i++)
        coefficients[i] = coefficient_of(symbols[i], step_q6);
    mend(layout, 1, coefficients);
}

/* Joins a level above MENDED_TO, whose HL is band i, and mends the next finer one. `finest`: the magnitudes of HL of the finest
 * level, which are not used before, and are zeros again afterwards. */
static inline void join_and_mend(const wavelet_layout *layout, int i, uint8_t *finest, int16_t *coefficients)
{
    size_t width = layout->width[i] + layout->width[i + 1], height = layout->height[i] + layout->height[i + 1];
    size_t n = width * height, margin = MARGIN * (layout->width[layout->n_bands - ORIENTATIONS] + 2 * MARGIN) + MARGIN;
    int16_t *joining = (int16_t *)(void *)(finest - margin + ((uintptr_t)(finest - margin) & 1));
    wavelet_join_level(coefficients, coefficients + layout->start[i], coefficients + layout->start[i + 1],
                       coefficients + layout->start[i + 2], width, height, joining + n, joining);
    memcpy(coefficients, joining, n * sizeof *joining);
    memset(joining, 0, (n + wavelet_rows(width)) * sizeof *joining);
    mend(layout, i + ORIENTATIONS, coefficients);
}

#endif
