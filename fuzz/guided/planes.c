/* The wavelet on any numbers, samples from and to images of any pitch, filling, and rotation. */
#include "fill.h"
#include "input.h"
#include "rotation.h"
#include "samples.h"
#include "wavelet.h"

enum { MOST_SIDE = 70 };

static size_t side(input *in)
{
    return 1 + take(in) % MOST_SIDE;
}

/* From the input while it lasts, then at random. */
static int32_t number_between(input *in, uint32_t *state, int32_t low, int32_t high)
{
    uint32_t number = in->left > 1 ? take_number(in, 2) : next_random(state) >> 8;
    return low + (int32_t)(number % (uint32_t)(high - low + 1));
}

void guided_wavelet(input *in)
{
    size_t width = side(in), height = side(in), stride = width + take(in) % 3;
    int32_t levels = (int32_t)(take(in) % 7), chroma = (int32_t)(take(in) % 2);
    int32_t step_q8 = (int32_t)(take_number(in, 3) % 262145), centre = take(in) & 1 ? SAMPLE_FULL / 2 : 0;
    uint32_t state = take(in) + 1, wild = take(in) & 1;
    size_t n = wavelet_workspace(width, height);
    int16_t *plane = exact(((height - 1) * stride + width) * sizeof *plane), *bands = exact(width * height * sizeof *bands);
    int16_t *workspace = exact(n * sizeof *workspace), *back = exact(((height - 1) * stride + width) * sizeof *back);
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++)
            plane[y * stride + x] = (int16_t)number_between(in, &state, wild ? -SAMPLE_LIMIT : 0, wild ? SAMPLE_LIMIT : SAMPLE_FULL);
    int64_t code = apercu_wavelet_analyse(plane, stride, width, height, levels, centre, step_q8, chroma, workspace, n,
                                          bands);
    if (levels < 1 || levels > WAVELET_LEVELS - chroma) {
        claim(code == APERCU_ERROR_ARGUMENT, "levels that there are not are refused");
    } else {
        claim(code == 0, "a plane is analysed");
        use(bands, width * height * sizeof *bands);
        claim(apercu_wavelet_analyse(plane, stride, width, height, levels, centre, step_q8, chroma, workspace, n - 1,
                                     bands) == APERCU_ERROR_CAPACITY, "too little memory is refused");
        claim(apercu_wavelet_synthesise(bands, width, height, levels, centre, workspace, n, back, stride) == 0,
              "bands are joined");
        for (size_t y = 0; y < height; y++)
            for (size_t x = 0; x < width && step_q8 < 512; x++) { /* from there on, borders are fitted to the step */
                int32_t apart = back[y * stride + x] - plane[y * stride + x];
                claim(wild || (apart >= -64 && apart <= 64), "the wavelet gives back its plane");
            }
        for (size_t i = 0; i < width * height; i++)
            bands[i] = (int16_t)number_between(in, &state, -32768, 32767);
        apercu_wavelet_synthesise(bands, width, height, levels, centre, workspace, n, back, stride);
        for (size_t y = 0; y < height; y++)
            for (size_t x = 0; x < width; x++)
                claim(back[y * stride + x] >= -SAMPLE_LIMIT && back[y * stride + x] <= SAMPLE_LIMIT,
                      "samples stay within their limits");
    }
    free(plane);
    free(bands);
    free(workspace);
    free(back);
}

void guided_samples(input *in)
{
    size_t width = side(in), height = side(in), pitch = 1 + take(in) % 5, wide = take(in) & 1, bytes = wide ? 2 : 1;
    size_t row_pitch = width * pitch + take(in) % 3, n = (height - 1) * row_pitch + width * pitch;
    size_t unit = pitch >= 3 ? 16 : 8, plane_width = (width + unit - 1) / unit * unit;
    size_t plane_height = (height + unit - 1) / unit * unit;
    int32_t offset = (int32_t)take_number(in, 2), range = (int32_t)(take_number(in, 3) % 65540);
    uint32_t state = take(in) + 1;
    uint8_t *image = exact(n * bytes), *back = exact(n * bytes);
    for (size_t i = 0; i < n * bytes; i++)
        image[i] = (uint8_t)(in->left ? take(in) : next_random(&state) >> 8);
    size_t n_plane = plane_width * plane_height;
    int16_t *planes[3], *scratch = exact(5 * plane_width * sizeof *scratch);
    for (int p = 0; p < 3; p++)
        planes[p] = exact((p ? n_plane / 4 : n_plane) * sizeof(int16_t));
    int64_t code;
    const uint16_t *deep = (const uint16_t *)(const void *)image;
    if (pitch >= 3) {
        code = wide ? apercu_rgb_to_ycc_u16(deep, row_pitch, pitch, width, height, offset, range, scratch, planes[0],
                                            plane_width, plane_height, planes[1], planes[2])
                    : apercu_rgb_to_ycc_u8(image, row_pitch, pitch, width, height, scratch, planes[0], plane_width,
                                           plane_height, planes[1], planes[2]);
    } else {
        code = wide ? apercu_load_u16(deep, row_pitch, pitch, width, height, offset, range, planes[0], plane_width,
                                      plane_height)
                    : apercu_load_u8(image, row_pitch, pitch, width, height, planes[0], plane_width, plane_height);
    }
    claim(code == (wide && (range < 1 || range > 65536) ? APERCU_ERROR_ARGUMENT : 0), "samples are taken");
    if (code == 0) {
        use(planes[0], n_plane * sizeof(int16_t));
        for (size_t i = 0; i < n_plane; i++)
            claim(planes[0][i] >= 0 && planes[0][i] <= SAMPLE_FULL, "a plane stays in range");
        for (int p = 1; p < 3 && pitch >= 3; p++)
            use(planes[p], n_plane / 4 * sizeof(int16_t));
        uint16_t *deep_back = (uint16_t *)(void *)back;
        int16_t *row = exact(3 * (width + 2) * sizeof *row);
        if (pitch >= 3 && wide)
            apercu_ycc_to_rgb_u16(planes[0], plane_width, planes[1], planes[2], plane_width / 2, row, deep_back,
                                  row_pitch, pitch, width, height, offset, range);
        else if (pitch >= 3)
            apercu_ycc_to_rgb_u8(planes[0], plane_width, planes[1], planes[2], plane_width / 2, row, back, row_pitch,
                                 pitch, width, height);
        else if (wide)
            apercu_store_u16(planes[0], plane_width, deep_back, row_pitch, pitch, width, height, offset, range);
        else
            apercu_store_u8(planes[0], plane_width, back, row_pitch, pitch, width, height);
        /* Of several components, not all have been written. */
        int64_t error = 0;
        if (pitch == 1)
            error = wide ? apercu_squared_error_u16(deep, row_pitch, deep_back, row_pitch, width, height)
                         : apercu_squared_error_u8(image, row_pitch, back, row_pitch, width, height);
        claim(error >= 0 && error <= (int64_t)(width * height) * 65535 * 65535, "a squared error has its bounds");
        free(row);
        for (size_t y = 0; y < height; y++)
            for (size_t x = 0; x < width; x++) {
                size_t at = y * row_pitch + x * pitch;
                use(back + at * bytes, (pitch >= 3 ? 3 : 1) * bytes);
                claim(pitch >= 3 || wide || back[at] == image[at], "8-bit samples come back");
            }
    }
    for (int p = 0; p < 3; p++)
        free(planes[p]);
    free(scratch);
    free(image);
    free(back);
}

void guided_fill(input *in)
{
    size_t width = side(in), height = side(in), n_bands = 1 + take(in) % 4, pitch = n_bands + take(in) % 2;
    size_t wide = take(in) & 1, bytes = wide ? 2 : 1, row_pitch = width * pitch, n = row_pitch * height;
    uint32_t kind = take(in), state = take(in) + 1;
    uint8_t *image = exact(n * bytes), *weights = exact(width * height);
    int32_t *middles = exact(n_bands * sizeof *middles);
    for (size_t i = 0; i < n * bytes; i++)
        image[i] = (uint8_t)(next_random(&state) >> 8);
    for (size_t i = 0; i < width * height; i++) {
        uint32_t random = next_random(&state) >> 8;
        weights[i] = in->left ? (uint8_t)take(in) : random % 16 < kind % 17 ? 255 : kind & 128 ? (uint8_t)(random >> 4) : 0;
    }
    for (size_t band = 0; band < n_bands; band++)
        middles[band] = number_between(in, &state, 0, wide ? 65535 : 255);
    int64_t size = apercu_fill_workspace(width, height);
    claim(size > 0, "a workspace has a size");
    uint8_t *workspace = exact((size_t)size), *before = exact(n * bytes);
    memcpy(before, image, n * bytes);
    for (size_t less = 2; less-- > 0;) {
        int64_t code = wide ? apercu_fill_u16((uint16_t *)(void *)image, row_pitch, pitch, width, height, n_bands, weights,
                                              middles, workspace, (size_t)size - less)
                            : apercu_fill_u8(image, row_pitch, pitch, width, height, n_bands, weights, middles,
                                             workspace, (size_t)size - less);
        claim(code == (less ? APERCU_ERROR_CAPACITY : 0), "the workspace is as large as it is said to be");
    }
    use(image, n * bytes);
    for (size_t i = 0; i < width * height; i++)
        claim(weights[i] < 255 || !memcmp(image + i * pitch * bytes, before + i * pitch * bytes, n_bands * bytes),
              "what counts stays");
    free(image);
    free(before);
    free(weights);
    free(middles);
    free(workspace);
}

void guided_rotation(input *in)
{
    size_t n_bands = take(in) % 67, n_pixels = 1 + take(in) % 150, n = n_bands * n_pixels;
    uint32_t state = take(in) + 1, wild = take(in) % 8 == 0;
    uint16_t *components = exact(n * sizeof *components), *words = exact(n * sizeof *words);
    uint8_t *bytes = exact(n);
    int8_t *matrix = exact(n_bands * n_bands);
    int32_t *levels = exact(2 * n_bands * sizeof *levels);
    int taken = n_bands >= 2 && n_bands <= 64;
    for (size_t i = 0; i < n; i++)
        components[i] = (uint16_t)number_between(in, &state, 0, 65535);
    for (size_t i = 0; i < n_bands * n_bands; i++)
        matrix[i] = (int8_t)number_between(in, &state, -128, 127);
    for (size_t b = 0; b < n_bands; b++) {
        levels[2 * b] = number_between(in, &state, wild ? -1 : 0, 65536);
        levels[2 * b + 1] = number_between(in, &state, !wild, 65536 + (int32_t)wild);
        taken &= levels[2 * b] >= 0 && levels[2 * b + 1] >= 1 && levels[2 * b + 1] <= 65536;
    }
    int64_t wanted = taken ? 0 : APERCU_ERROR_ARGUMENT;
    claim(apercu_to_bands_u16(components, n_pixels, n_bands, matrix, levels, words) == wanted &&
              apercu_to_bands_u8(components, n_pixels, n_bands, matrix, levels, bytes) == wanted, "bands are made, or refused");
    for (size_t i = 0; taken && i < n; i++) {
        int64_t v = 0, b = (int64_t)(i % n_bands), unit = 15 - (n_bands > 3) - (n_bands > 15) - (n_bands > 63);
        for (size_t k = 0; k < n_bands; k++)
            v += matrix[k * n_bands + (size_t)b] * ((int64_t)components[i / n_bands * n_bands + k] - 32768);
        v += (int64_t)1 << (unit + 5);
        v = v < 0 ? 0 : v > (int64_t)1 << (unit + 6) ? (int64_t)1 << (unit + 6) : v;
        int64_t band = levels[2 * b] + ((v * levels[2 * b + 1] + ((int64_t)1 << (unit + 5))) >> (unit + 6));
        claim(words[i] == (band < 65535 ? band : 65535) && bytes[i] == (band < 255 ? band : 255), "as the specification says");
    }
    free(components);
    free(words);
    free(bytes);
    free(matrix);
    free(levels);
}
