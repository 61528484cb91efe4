/* Samples to planes and back: scaling, colour transform, chroma at half size (spec/FORMAT.md, "Planes").
 *
 * Rows are taken through buffers that hold one component each: most loops then have a step of 1, no branch and products
 * of 16-bit numbers only, which is what compilers vectorise for any machine. */
#include "samples.h"
#include "samples_scale.h"

#include <string.h>

static int16_t clamp_sample(int16_t sample)
{
    int16_t above = sample < 0 ? 0 : sample;
    return above > SAMPLE_FULL ? SAMPLE_FULL : above;
}

static int16_t round_sample(int16_t sample)
{
    return (int16_t)((clamp_sample(sample) + (1 << (SAMPLE_BITS - 1))) >> SAMPLE_BITS);
}

/* offset + sample * range / SAMPLE_FULL, rounded: products of 30 bits, divided by a constant, which compilers vectorise. */
static inline uint16_t to_u16(int16_t sample, uint32_t offset, uint32_t range)
{
    uint32_t value = offset + ((uint32_t)clamp_sample(sample) * range + SAMPLE_FULL / 2) / SAMPLE_FULL;
    return (uint16_t)(value < 65535 ? value : 65535);
}

static void load_row_u16(const uint16_t *restrict in, size_t pitch, size_t width, int32_t offset, int32_t range,
                         ratio by, int16_t *restrict out)
{
    for (size_t x = 0; x < width; x++)
        out[x] = (int16_t)scale(clamp32(in[x * pitch] - offset, 0, range), by);
}

static void extend_row(int16_t *row, size_t width, size_t plane_width)
{
    for (size_t x = width; x < plane_width; x++)
        row[x] = row[width - 1];
}

static void extend(int16_t *plane, size_t width, size_t height, size_t plane_width, size_t plane_height)
{
    for (size_t y = 0; y < height; y++)
        extend_row(plane + y * plane_width, width, plane_width);
    for (size_t y = height; y < plane_height; y++)
        memcpy(plane + y * plane_width, plane + (height - 1) * plane_width, plane_width * sizeof *plane);
}

APERCU_VECTORISED static void load_rows_u8(const uint8_t *image, size_t row_pitch, size_t pitch, size_t width,
                                           size_t height, int16_t *plane, size_t plane_width)
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
}

int64_t apercu_load_u8(const uint8_t *image, size_t row_pitch, size_t pitch, size_t width, size_t height,
                       int16_t *plane, size_t plane_width, size_t plane_height)
{
    load_rows_u8(image, row_pitch, pitch, width, height, plane, plane_width);
    extend(plane, width, height, plane_width, plane_height);
    return 0;
}

int64_t apercu_load_u16(const uint16_t *image, size_t row_pitch, size_t pitch, size_t width, size_t height,
                        int32_t offset, int32_t range, int16_t *plane, size_t plane_width, size_t plane_height)
{
    if (range < 1 || range > 65536)
        return APERCU_ERROR_ARGUMENT;
    ratio by = ratio_of(SAMPLE_FULL, range);
    for (size_t y = 0; y < height; y++)
        load_row_u16(image + y * row_pitch, pitch, width, offset, range, by, plane + y * plane_width);
    extend(plane, width, height, plane_width, plane_height);
    return 0;
}

APERCU_VECTORISED static void store_rows_u8(const int16_t *plane, size_t stride, uint8_t *image, size_t row_pitch,
                                            size_t pitch, size_t width, size_t height)
{
    for (size_t y = 0; y < height; y++) {
        const int16_t *in = plane + y * stride;
        uint8_t *out = image + y * row_pitch;
        if (pitch == 1)
            for (size_t x = 0; x < width; x++)
                out[x] = (uint8_t)round_sample(in[x]);
        else
            for (size_t x = 0; x < width; x++)
                out[x * pitch] = (uint8_t)round_sample(in[x]);
    }
}

int64_t apercu_store_u8(const int16_t *plane, size_t stride, uint8_t *image, size_t row_pitch, size_t pitch,
                        size_t width, size_t height)
{
    store_rows_u8(plane, stride, image, row_pitch, pitch, width, height);
    return 0;
}

APERCU_VECTORISED static void store_rows_u16(const int16_t *plane, size_t stride, uint16_t *image, size_t row_pitch,
                                             size_t pitch, size_t width, size_t height, uint32_t offset, uint32_t range)
{
    for (size_t y = 0; y < height; y++) {
        const int16_t *in = plane + y * stride;
        uint16_t *out = image + y * row_pitch;
        if (pitch == 1)
            for (size_t x = 0; x < width; x++)
                out[x] = to_u16(in[x], offset, range);
        else
            for (size_t x = 0; x < width; x++)
                out[x * pitch] = to_u16(in[x], offset, range);
    }
}

int64_t apercu_store_u16(const int16_t *plane, size_t stride, uint16_t *image, size_t row_pitch, size_t pitch,
                         size_t width, size_t height, int32_t offset, int32_t range)
{
    store_rows_u16(plane, stride, image, row_pitch, pitch, width, height, (uint32_t)offset, (uint32_t)range);
    return 0;
}

/* Each component into a buffer of its own. Where the pitch is a constant, compilers take vectors of pixels apart. */
static inline void split_pixels(const uint8_t *restrict in, size_t pitch, size_t width, int16_t *restrict red,
                                int16_t *restrict green, int16_t *restrict blue)
{
    for (size_t x = 0; x < width; x++) {
        red[x] = (int16_t)(in[x * pitch] << SAMPLE_BITS);
        green[x] = (int16_t)(in[x * pitch + 1] << SAMPLE_BITS);
        blue[x] = (int16_t)(in[x * pitch + 2] << SAMPLE_BITS);
    }
}

APERCU_VECTORISED static void split_row_u8(const uint8_t *restrict in, size_t pitch, size_t width, int16_t *restrict red,
                         int16_t *restrict green, int16_t *restrict blue)
{
    if (pitch == 3)
        split_pixels(in, 3, width, red, green, blue);
    else
        split_pixels(in, pitch, width, red, green, blue);
}

/* Luma of a row into `luma`; red and blue are replaced by their differences from it, at most 8160 either way. */
APERCU_VECTORISED static void luma_row(int16_t *restrict red, const int16_t *restrict green, int16_t *restrict blue, size_t width,
                     int16_t *restrict luma)
{
    for (size_t x = 0; x < width; x++) {
        int16_t y = (int16_t)((Y_RED * red[x] + Y_GREEN * green[x] + Y_BLUE * blue[x] + COLOUR_HALF) >> COLOUR_BITS);
        luma[x] = y;
        red[x] = (int16_t)(red[x] - y);
        blue[x] = (int16_t)(blue[x] - y);
    }
}

/* A row of chroma from the differences of two rows: the mean of four, which are summed in 16 bits, times `scale`. */
APERCU_VECTORISED static void halve_rows(int16_t *restrict upper, const int16_t *restrict lower, size_t half_width, int32_t scale,
                       int16_t *restrict out)
{
    for (size_t x = 0; x < 2 * half_width; x++)
        upper[x] = (int16_t)(upper[x] + lower[x]);
    for (size_t x = 0; x < half_width; x++) {
        int16_t sum = (int16_t)(upper[2 * x] + upper[2 * x + 1]);
        out[x] = (int16_t)floor_shift32(sum * scale + 4 * COLOUR_HALF, COLOUR_BITS + 2);
    }
}

/* Row `y` of the planes, once its colours stand in the scratch: red and blue of an even row, of an odd row, green. */
static void put_row(int16_t *scratch, size_t y, size_t width, int16_t *luma, size_t plane_width, int16_t *cb,
                    int16_t *cr)
{
    int16_t *even = scratch, *odd = scratch + 2 * plane_width, *green = scratch + 4 * plane_width;
    int16_t *red = y % 2 ? odd : even, *blue = red + plane_width;
    extend_row(red, width, plane_width);
    extend_row(green, width, plane_width);
    extend_row(blue, width, plane_width);
    luma_row(red, green, blue, plane_width, luma + y * plane_width);
    if (y % 2) {
        size_t half_width = plane_width / 2;
        halve_rows(even, odd, half_width, CR_SCALE, cr + y / 2 * half_width);
        halve_rows(even + plane_width, odd + plane_width, half_width, CB_SCALE, cb + y / 2 * half_width);
    }
}

int64_t apercu_rgb_to_ycc_u8(const uint8_t *image, size_t row_pitch, size_t pitch, size_t width, size_t height,
                             int16_t *scratch, int16_t *luma, size_t plane_width, size_t plane_height, int16_t *cb,
                             int16_t *cr)
{
    for (size_t y = 0; y < plane_height; y++) {
        const uint8_t *in = image + (y < height ? y : height - 1) * row_pitch;
        int16_t *red = scratch + (y % 2) * 2 * plane_width;
        split_row_u8(in, pitch, width, red, scratch + 4 * plane_width, red + plane_width);
        put_row(scratch, y, width, luma, plane_width, cb, cr);
    }
    return 0;
}

int64_t apercu_rgb_to_ycc_u16(const uint16_t *image, size_t row_pitch, size_t pitch, size_t width, size_t height,
                              int32_t offset, int32_t range, int16_t *scratch, int16_t *luma, size_t plane_width,
                              size_t plane_height, int16_t *cb, int16_t *cr)
{
    if (range < 1 || range > 65536)
        return APERCU_ERROR_ARGUMENT;
    ratio by = ratio_of(SAMPLE_FULL, range);
    for (size_t y = 0; y < plane_height; y++) {
        const uint16_t *in = image + (y < height ? y : height - 1) * row_pitch;
        int16_t *red = scratch + (y % 2) * 2 * plane_width;
        load_row_u16(in, pitch, width, offset, range, by, red);
        load_row_u16(in + 1, pitch, width, offset, range, by, scratch + 4 * plane_width);
        load_row_u16(in + 2, pitch, width, offset, range, by, red + plane_width);
        put_row(scratch, y, width, luma, plane_width, cb, cr);
    }
    return 0;
}

/* Row `y` of a chroma plane at full size: 3/4 of the nearer and 1/4 of the farther sample, down and then across. */
APERCU_VECTORISED static void chroma_row(const int16_t *chroma, size_t stride, size_t y, size_t width, size_t height,
                       int16_t *restrict column, int16_t *restrict out)
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

/* Luma and chroma of a row to green, and to blue and red in place of chroma. All sums are below 2^15. */
APERCU_VECTORISED static void colour_row(const int16_t *restrict luma, int16_t *restrict blue, int16_t *restrict red,
                       int16_t *restrict green, size_t width)
{
    for (size_t x = 0; x < width; x++) {
        int16_t y = luma[x], cb = blue[x], cr = red[x];
        red[x] = (int16_t)(y + floor_shift32(RED_CR * cr + COLOUR_HALF, COLOUR_BITS));
        green[x] = (int16_t)(y - floor_shift32(GREEN_CB * cb + GREEN_CR * cr + COLOUR_HALF, COLOUR_BITS));
        blue[x] = (int16_t)(y + floor_shift32(BLUE_CB * cb + COLOUR_HALF, COLOUR_BITS));
    }
}

APERCU_VECTORISED static void round_row(int16_t *row, size_t width)
{
    for (size_t x = 0; x < width; x++)
        row[x] = round_sample(row[x]);
}

/* The inverse, of samples that are rounded. */
static inline void join_pixels(const int16_t *restrict red, const int16_t *restrict green, const int16_t *restrict blue,
                               size_t width, uint8_t *restrict out, size_t pitch)
{
    for (size_t x = 0; x < width; x++) {
        out[x * pitch] = (uint8_t)red[x];
        out[x * pitch + 1] = (uint8_t)green[x];
        out[x * pitch + 2] = (uint8_t)blue[x];
    }
}

APERCU_VECTORISED static void join_row_u8(const int16_t *restrict red, const int16_t *restrict green,
                        const int16_t *restrict blue, size_t width, uint8_t *restrict out, size_t pitch)
{
    if (pitch == 3)
        join_pixels(red, green, blue, width, out, 3);
    else
        join_pixels(red, green, blue, width, out, pitch);
}

int64_t apercu_ycc_to_rgb_u8(const int16_t *luma, size_t stride, const int16_t *cb, const int16_t *cr,
                             size_t chroma_stride, int16_t *scratch, uint8_t *image, size_t row_pitch, size_t pitch,
                             size_t width, size_t height)
{
    int16_t *blue = scratch, *red = blue + width, *green = red + width;
    for (size_t y = 0; y < height; y++) {
        chroma_row(cb, chroma_stride, y, width, height, green, blue); /* green's place is free until the colours come */
        chroma_row(cr, chroma_stride, y, width, height, green, red);
        colour_row(luma + y * stride, blue, red, green, width);
        round_row(red, width);
        round_row(green, width);
        round_row(blue, width);
        join_row_u8(red, green, blue, width, image + y * row_pitch, pitch);
    }
    return 0;
}

int64_t apercu_ycc_to_rgb_u16(const int16_t *luma, size_t stride, const int16_t *cb, const int16_t *cr,
                              size_t chroma_stride, int16_t *scratch, uint16_t *image, size_t row_pitch, size_t pitch,
                              size_t width, size_t height, int32_t offset, int32_t range)
{
    int16_t *blue = scratch, *red = blue + width, *green = red + width;
    for (size_t y = 0; y < height; y++) {
        chroma_row(cb, chroma_stride, y, width, height, green, blue);
        chroma_row(cr, chroma_stride, y, width, height, green, red);
        colour_row(luma + y * stride, blue, red, green, width);
        uint16_t *out = image + y * row_pitch;
        for (size_t x = 0; x < width; x++) {
            out[x * pitch] = to_u16(red[x], (uint32_t)offset, (uint32_t)range);
            out[x * pitch + 1] = to_u16(green[x], (uint32_t)offset, (uint32_t)range);
            out[x * pitch + 2] = to_u16(blue[x], (uint32_t)offset, (uint32_t)range);
        }
    }
    return 0;
}

/* Squares of a row, in sums that vectors hold: 2^15 squares of 8 bits stay below 2^31. */
APERCU_VECTORISED static uint64_t row_error_u8(const uint8_t *a, const uint8_t *b, size_t n)
{
    uint64_t total = 0;
    while (n) {
        size_t now = n < 1 << 15 ? n : 1 << 15;
        uint32_t sum = 0;
        for (size_t i = 0; i < now; i++) {
            int32_t off = a[i] - b[i];
            sum += (uint32_t)(off * off);
        }
        total += sum;
        a += now, b += now, n -= now;
    }
    return total;
}

APERCU_VECTORISED static uint64_t row_error_u16(const uint16_t *a, const uint16_t *b, size_t n)
{
    uint64_t total = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t off = a[i] > b[i] ? (uint32_t)a[i] - b[i] : (uint32_t)b[i] - a[i];
        total += (uint64_t)(off * off);
    }
    return total;
}

int64_t apercu_squared_error_u8(const uint8_t *a, size_t a_pitch, const uint8_t *b, size_t b_pitch, size_t n_columns,
                                size_t n_rows)
{
    uint64_t total = 0;
    for (size_t y = 0; y < n_rows; y++)
        total += row_error_u8(a + y * a_pitch, b + y * b_pitch, n_columns);
    return (int64_t)total;
}

int64_t apercu_squared_error_u16(const uint16_t *a, size_t a_pitch, const uint16_t *b, size_t b_pitch, size_t n_columns,
                                 size_t n_rows)
{
    uint64_t total = 0;
    for (size_t y = 0; y < n_rows; y++)
        total += row_error_u16(a + y * a_pitch, b + y * b_pitch, n_columns);
    return (int64_t)total;
}
