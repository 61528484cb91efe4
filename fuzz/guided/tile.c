/* From coefficients to an image and back, as whole codecs do it. */
#include "tile.h"
#include "samples.h"
#include "wavelet.h"

static size_t wavelet_numbers(size_t width, size_t height)
{
    return 8 * (width + 12) + 2 * ((width + 1) / 2) * ((height + 1) / 2);
}

static int32_t centre_of(const band_plane *plane)
{
    return plane->chroma ? 0 : SAMPLE_FULL / 2;
}

void guided_analyse_plane(input *in, const band_plane *plane, int32_t step_q8, uint32_t kind, uint32_t *state,
                          int16_t *coefficients)
{
    size_t width = (size_t)plane->width, height = (size_t)plane->height, n = wavelet_numbers(width, height);
    int16_t *samples = exact(width * height * sizeof *samples), *workspace = exact(n * sizeof *workspace);
    int32_t level = (int32_t)(take(in) * 32), slope = (int32_t)(take(in) % 64) - 32;
    for (size_t i = 0; i < width * height; i++) {
        int32_t value = level + slope * (int32_t)(i % width) + (int32_t)(next_random(state) >> 8 & 0x1fff) % (1 + (int32_t)(kind >> 4) * 64);
        if (kind & 2)
            value = in->left ? (int32_t)take(in) * 32 : (int32_t)(i / 7 % 2) * SAMPLE_FULL;
        samples[i] = (int16_t)clamp32(plane->chroma ? value - SAMPLE_FULL / 2 : value, plane->chroma ? -SAMPLE_FULL : 0,
                                      SAMPLE_FULL);
    }
    claim(apercu_wavelet_analyse(samples, width, width, height, WAVELET_LEVELS - plane->chroma, centre_of(plane),
                                 plane->fitted ? step_q8 : 0, plane->chroma, workspace, n, coefficients) == 0,
          "a plane is analysed");
    use(coefficients, width * height * sizeof *coefficients);
    free(samples);
    free(workspace);
}

static int16_t *synthesised(const band_plane *plane, const int16_t *coefficients)
{
    size_t width = (size_t)plane->width, height = (size_t)plane->height, n = wavelet_numbers(width, height);
    int16_t *samples = exact(width * height * sizeof *samples), *workspace = exact(n * sizeof *workspace);
    int16_t *own = exact(width * height * sizeof *own);
    memcpy(own, coefficients, width * height * sizeof *own);
    claim(apercu_wavelet_synthesise(own, width, height, WAVELET_LEVELS - plane->chroma, centre_of(plane), workspace, n,
                                    samples, width) == 0, "any coefficients are joined");
    for (size_t i = 0; i < width * height; i++)
        claim(samples[i] >= -SAMPLE_LIMIT && samples[i] <= SAMPLE_LIMIT, "samples stay within their limits");
    free(workspace);
    free(own);
    return samples;
}

static void put_colours(const tile *t, int16_t **planes, void *image, size_t row_pitch, int32_t offset, int32_t range,
                        int wide)
{
    size_t half = (t->width + 1) / 2;
    int16_t *scratch = exact(3 * (t->width + 2) * sizeof *scratch);
    if (wide)
        apercu_ycc_to_rgb_u16(planes[0], t->width, planes[1], planes[2], half, scratch, image, row_pitch, t->n_planes,
                              t->width, t->height, offset, range);
    else
        apercu_ycc_to_rgb_u8(planes[0], t->width, planes[1], planes[2], half, scratch, image, row_pitch, t->n_planes,
                             t->width, t->height);
    free(scratch);
}

void guided_tile_to_image(input *in, const tile *t, const int16_t *coefficients, int wide)
{
    size_t bytes = wide ? 2 : 1, row_pitch = t->width * t->n_planes + take(in) % 3, from = 0, band = 0;
    int32_t offset = (int32_t)take_number(in, 2), range = 1 + (int32_t)take_number(in, 2);
    uint8_t *image = exact(((t->height - 1) * row_pitch + t->width * t->n_planes) * bytes);
    int16_t **planes = exact(t->n_planes * sizeof *planes);
    for (size_t p = 0; p < t->n_planes; p++) {
        planes[p] = synthesised(&t->planes[p], coefficients + from);
        from += (size_t)t->planes[p].width * (size_t)t->planes[p].height;
    }
    if (t->layout == RGB || t->layout == RGBA) {
        put_colours(t, planes, image, row_pitch, offset, range, wide);
        band = 3;
    }
    for (; band < t->n_planes; band++) {
        uint8_t *at = image + band * bytes;
        if (wide)
            apercu_store_u16(planes[band], t->width, (uint16_t *)(void *)at, row_pitch, t->n_planes, t->width,
                             t->height, offset, range);
        else
            apercu_store_u8(planes[band], t->width, at, row_pitch, t->n_planes, t->width, t->height);
    }
    for (size_t y = 0; y < t->height; y++)
        use(image + y * row_pitch * bytes, t->width * t->n_planes * bytes);
    for (size_t p = 0; p < t->n_planes; p++)
        free(planes[p]);
    free(planes);
    free(image);
}
