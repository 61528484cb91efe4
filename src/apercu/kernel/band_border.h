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

/* The level whose HL is band i. Its low-pass samples are decoded: they have replaced the coefficients before it. */
static inline void set_level_of(wavelet_level *l, const wavelet_layout *layout, int i, int16_t *coefficients)
{
    wavelet_set_level(l, layout->width[i] + layout->width[i + 1], layout->height[i] + layout->height[i + 1], coefficients,
                      coefficients);
}

static inline void decode_low_and_mend(const wavelet_layout *layout, const int16_t *symbols, int32_t step_q6,
                                       int16_t *coefficients)
{
    for (size_t i = 0; i < layout->width[0] * layout->height[0]; i++)
        coefficients[i] = coefficient_of(symbols[i], step_q6);
    wavelet_level l;
    set_level_of(&l, layout, 1, coefficients);
    wavelet_mend_border(&l, -1);
}

/* Joins a level in place of its low-pass samples, by way of `joined`, which is zero before and afterwards. */
static inline void join_by_way_of(wavelet_level *l, int16_t *joined)
{
    size_t n = l->width * l->height;
    l->rows = joined + n;
    wavelet_join_level(l, joined);
    memcpy(l->bands[0], joined, n * sizeof *joined);
    memset(joined, 0, (n + wavelet_rows(l->width)) * sizeof *joined);
}

/* Joins a level above MENDED_TO, whose HL is band i, and mends the next finer one. `finest`: the magnitudes of HL of the finest
 * level, which are not used before. */
static inline void join_and_mend(const wavelet_layout *layout, int i, uint8_t *finest, int16_t *coefficients)
{
    size_t margin = MARGIN * (layout->width[layout->n_bands - ORIENTATIONS] + 2 * MARGIN) + MARGIN;
    wavelet_level l;
    set_level_of(&l, layout, i, coefficients);
    join_by_way_of(&l, (int16_t *)(void *)(finest - margin + ((uintptr_t)(finest - margin) & 1)));
    set_level_of(&l, layout, i + ORIENTATIONS, coefficients);
    wavelet_mend_border(&l, -1);
}

#endif
