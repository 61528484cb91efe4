/* Samples to planes and back: scaling, colour transform, chroma at half size (spec/FORMAT.md, "Planes"). */
#include "samples.h"

#include <string.h>

/* BT.601 with 14 fraction bits. */
enum {
    Y_RED = 4899, Y_GREEN = 9617, Y_BLUE = 1868, /* 0.299, 0.587, 0.114; they add up to 2^14 */
    CB_SCALE = 9246, CR_SCALE = 11686,           /* 1 / 1.772, 1 / 1.402 */
    RED_CR = 22970, GREEN_CB = 5638, GREEN_CR = 11700, BLUE_CB = 29032, /* 1.402, 0.344136, 0.714136, 1.772 */
    COLOUR_BITS = 14, COLOUR_HALF = 1 << 13
};

static uint8_t to_u8(int32_t sample)
{
    return (uint8_t)((clamp32(sample, 0, SAMPLE_FULL) + (1 << (SAMPLE_BITS - 1))) >> SAMPLE_BITS);
}

/* 8160 * 65536 + 4080 fits in 30 bits. */
static uint16_t to_u16(int32_t sample, int32_t offset, int32_t range)
{
    int32_t value = offset + (clamp32(sample, 0, SAMPLE_FULL) * range + SAMPLE_FULL / 2) / SAMPLE_FULL;
    return (uint16_t)(value < 65535 ? value : 65535);
}

static void extend(int16_t *plane, size_t width, size_t height, size_t plane_width, size_t plane_height)
{
    for (size_t y = 0; y < height; y++)
        for (size_t x = width; x < plane_width; x++)
            plane[y * plane_width + x] = plane[y * plane_width + width - 1];
    for (size_t y = height; y < plane_height; y++)
        memcpy(plane + y * plane_width, plane + (height - 1) * plane_width, plane_width * sizeof *plane);
}

int64_t apercu_load_u8(const uint8_t *image, size_t row_pitch, size_t pitch, size_t width, size_t height,
                       int16_t *plane, size_t plane_width, size_t plane_height)
{
    for (size_t y = 0; y < height; y++) {
        const uint8_t *in = image + y * row_pitch;
        int16_t *out = plane + y * plane_width;
        if (pitch == 1)
            for (size_t x = 0; x < width; x++)
                out[x] = (int16_t)(in[x] << SAMPLE_BITS);
        else
            for (size_t x = 0; x < width; x++)
                out[x] = (int16_t)(in[x * pitch] << SAMPLE_BITS);
    }
    extend(plane, width, height, plane_width, plane_height);
    return 0;
}

int64_t apercu_load_u16(const uint16_t *image, size_t row_pitch, size_t pitch, size_t width, size_t height,
                        int32_t offset, int32_t range, int16_t *plane, size_t plane_width, size_t plane_height)
{
    if (range < 1 || range > 65536)
        return APERCU_ERROR_ARGUMENT;
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            int32_t above = clamp32((int32_t)image[y * row_pitch + x * pitch] - offset, 0, range);
            plane[y * plane_width + x] = (int16_t)((above * SAMPLE_FULL + range / 2) / range);
        }
    extend(plane, width, height, plane_width, plane_height);
    return 0;
}

int64_t apercu_store_u8(const int16_t *plane, size_t stride, uint8_t *image, size_t row_pitch, size_t pitch,
                        size_t width, size_t height)
{
    for (size_t y = 0; y < height; y++) {
        const int16_t *in = plane + y * stride;
        uint8_t *out = image + y * row_pitch;
        if (pitch == 1)
            for (size_t x = 0; x < width; x++)
                out[x] = to_u8(in[x]);
        else
            for (size_t x = 0; x < width; x++)
                out[x * pitch] = to_u8(in[x]);
    }
    return 0;
}

int64_t apercu_store_u16(const int16_t *plane, size_t stride, uint16_t *image, size_t row_pitch, size_t pitch,
                         size_t width, size_t height, int32_t offset, int32_t range)
{
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++)
            image[y * row_pitch + x * pitch] = to_u16(plane[y * stride + x], offset, range);
    return 0;
}

int64_t apercu_rgb_to_ycc(int16_t *red, const int16_t *green, const int16_t *blue, size_t width, size_t height,
                          int16_t *cb, int16_t *cr)
{
    for (size_t y = 0; y < height; y += 2) {
        int16_t *r = red + y * width;
        const int16_t *b = blue + y * width;
        int16_t *u = cb + y / 2 * (width / 2), *v = cr + y / 2 * (width / 2);
        for (size_t x = 0; x < width; x += 2) { /* chroma of the mean of four pixels needs only R, B and luma */
            int32_t sum_r = 0, sum_b = 0, sum_y = 0;
            for (size_t i = 0; i < 4; i++) {
                size_t at = (i / 2) * width + x + i % 2;
                int32_t luma = floor_shift32(
                    Y_RED * r[at] + Y_GREEN * green[y * width + at] + Y_BLUE * b[at] + COLOUR_HALF, COLOUR_BITS);
                sum_r += r[at];
                sum_b += b[at];
                sum_y += luma;
                r[at] = (int16_t)luma;
            }
            /* Sums of four have two more fraction bits. |difference| < 2^15, scale < 2^14. */
            u[x / 2] = (int16_t)floor_shift32((sum_b - sum_y) * CB_SCALE + 4 * COLOUR_HALF, COLOUR_BITS + 2);
            v[x / 2] = (int16_t)floor_shift32((sum_r - sum_y) * CR_SCALE + 4 * COLOUR_HALF, COLOUR_BITS + 2);
        }
    }
    return 0;
}

/* Row `y` of a chroma plane at full size: 3/4 of the nearer and 1/4 of the farther sample, down and then across. */
static void chroma_row(const int16_t *chroma, size_t stride, size_t y, size_t width, size_t height, int16_t *column,
                       int16_t *out)
{
    size_t half_width = (width + 1) / 2, half_height = (height + 1) / 2, near = y / 2, far = near;
    if (y % 2 && near + 1 < half_height)
        far = near + 1;
    else if (y % 2 == 0 && near > 0)
        far = near - 1;
    const int16_t *a = chroma + near * stride, *b = chroma + far * stride;
    for (size_t x = 0; x < half_width; x++)
        column[x + 1] = (int16_t)(3 * a[x] + b[x]); /* at most 4 * 8191 */
    column[0] = column[1];
    column[half_width + 1] = column[half_width];
    for (size_t x = 0; x < width / 2; x++) {
        out[2 * x] = (int16_t)floor_shift32(3 * column[x + 1] + column[x] + 8, 4);
        out[2 * x + 1] = (int16_t)floor_shift32(3 * column[x + 1] + column[x + 2] + 8, 4);
    }
    if (width % 2)
        out[width - 1] = (int16_t)floor_shift32(3 * column[half_width] + column[half_width - 1] + 8, 4);
}

typedef struct {
    int32_t red, green, blue;
} rgb;

static rgb to_rgb(int32_t y, int32_t cb, int32_t cr)
{
    rgb c = {y + floor_shift32(RED_CR * cr + COLOUR_HALF, COLOUR_BITS),
             y - floor_shift32(GREEN_CB * cb + GREEN_CR * cr + COLOUR_HALF, COLOUR_BITS),
             y + floor_shift32(BLUE_CB * cb + COLOUR_HALF, COLOUR_BITS)};
    return c;
}

int64_t apercu_ycc_to_rgb_u8(const int16_t *luma, size_t stride, const int16_t *cb, const int16_t *cr,
                             size_t chroma_stride, int16_t *scratch, uint8_t *image, size_t row_pitch, size_t pitch,
                             size_t width, size_t height)
{
    int16_t *u = scratch, *v = u + width, *column = v + width;
    for (size_t y = 0; y < height; y++) {
        chroma_row(cb, chroma_stride, y, width, height, column, u);
        chroma_row(cr, chroma_stride, y, width, height, column, v);
        uint8_t *out = image + y * row_pitch;
        for (size_t x = 0; x < width; x++) {
            rgb c = to_rgb(luma[y * stride + x], u[x], v[x]);
            out[x * pitch] = to_u8(c.red);
            out[x * pitch + 1] = to_u8(c.green);
            out[x * pitch + 2] = to_u8(c.blue);
        }
    }
    return 0;
}

int64_t apercu_ycc_to_rgb_u16(const int16_t *luma, size_t stride, const int16_t *cb, const int16_t *cr,
                              size_t chroma_stride, int16_t *scratch, uint16_t *image, size_t row_pitch, size_t pitch,
                              size_t width, size_t height, int32_t offset, int32_t range)
{
    int16_t *u = scratch, *v = u + width, *column = v + width;
    for (size_t y = 0; y < height; y++) {
        chroma_row(cb, chroma_stride, y, width, height, column, u);
        chroma_row(cr, chroma_stride, y, width, height, column, v);
        uint16_t *out = image + y * row_pitch;
        for (size_t x = 0; x < width; x++) {
            rgb c = to_rgb(luma[y * stride + x], u[x], v[x]);
            out[x * pitch] = to_u16(c.red, offset, range);
            out[x * pitch + 1] = to_u16(c.green, offset, range);
            out[x * pitch + 2] = to_u16(c.blue, offset, range);
        }
    }
    return 0;
}
