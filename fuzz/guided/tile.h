/* A tile of planes between the coder of bands and the samples of an image. */
#ifndef GUIDED_TILE_H
#define GUIDED_TILE_H

#include "band_code.h"
#include "input.h"

enum { GREY, RGB, RGBA, SPECTRAL, ANY, LAYOUTS };

typedef struct {
    uint32_t layout;
    size_t width, height, n_planes;
    band_plane *planes;
} tile;

/* Decoded coefficients to samples of 8 or 16 bits. */
void guided_tile_to_image(input *in, const tile *t, const int16_t *coefficients, int wide);
/* Samples of a kind, from the input and then from `state`, to coefficients. */
void guided_analyse_plane(input *in, const band_plane *plane, int32_t step_q8, uint32_t kind, uint32_t *state,
                          int16_t *coefficients);

#endif
