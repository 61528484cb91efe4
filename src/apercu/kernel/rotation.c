/* Some pixels at a time, band by band in rows of their own, which compilers vectorise; no product has more than 32 bits. */
#include "rotation.h"

#include <string.h>

enum { AT_ONCE = 64, FRACTION_BITS = 6, CENTRE = 32768 };

/* Of pixels that lie one after the other; a number of bands that is a constant lets compilers take vectors of them apart. */
static inline void take_apart(const uint16_t *restrict in, size_t n, size_t n_bands, int16_t (*restrict rows)[AT_ONCE])
{
    for (size_t x = 0; x < n; x++)
        for (size_t k = 0; k < n_bands; k++)
            rows[k][x] = (int16_t)(in[x * n_bands + k] - CENTRE);
}

static inline void join_u16(uint16_t (*restrict rows)[AT_ONCE], size_t n, size_t n_bands, uint16_t *restrict out)
{
    for (size_t x = 0; x < n; x++)
        for (size_t b = 0; b < n_bands; b++)
            out[x * n_bands + b] = rows[b][x];
}

static inline void join_u8(uint16_t (*restrict rows)[AT_ONCE], size_t n, size_t n_bands, uint8_t *restrict out)
{
    for (size_t x = 0; x < n; x++)
        for (size_t b = 0; b < n_bands; b++)
            out[x * n_bands + b] = (uint8_t)(rows[b][x] < 255 ? rows[b][x] : 255);
}

/* Range of a band in units of a component: 2 to the power of this. */
static unsigned unit_log2(size_t n_bands)
{
    unsigned log2 = 15;
    for (size_t n = n_bands; n >= 4; n /= 4)
        log2--;
    return log2;
}

/* One band: v of the specification, then offset + (v * range + half >> bits). As v has 22 bits at most and `range` 17, the
 * upper and the lower 8 bits of the range are multiplied apart. */
static inline void rotate(int16_t (*restrict rows)[AT_ONCE], size_t n_bands, const int8_t *matrix, unsigned bits,
                          uint32_t offset, uint32_t range, uint16_t *restrict out)
{
    int32_t sums[AT_ONCE], whole = (int32_t)1 << bits;
    uint32_t upper = range >> 8, lower = range & 255, half = (uint32_t)1 << (bits - 1);
    for (size_t x = 0; x < AT_ONCE; x++)
        sums[x] = whole / 2;
    for (size_t k = 0; k < n_bands; k++) {
        int16_t weight = matrix[k * n_bands];
        const int16_t *row = rows[k];
        for (size_t x = 0; x < AT_ONCE; x++)
            sums[x] += weight * row[x];
    }
    for (size_t x = 0; x < AT_ONCE; x++) {
        uint32_t v = (uint32_t)clamp32(sums[x], 0, whole);
        uint32_t value = offset + ((v * upper + ((v * lower + half) >> 8)) >> (bits - 8));
        out[x] = (uint16_t)(value < 65535 ? value : 65535);
    }
}

/* A few pixels. Rows are always worked on as a whole: what lies beyond the pixels is of no account. */
APERCU_VECTORISED static void some_bands(const uint16_t *components, size_t n, size_t n_bands, const int8_t *matrix,
                                         unsigned bits, const int32_t *levels, uint8_t *bytes, uint16_t *words)
{
    int16_t rows[ROTATION_MOST_BANDS][AT_ONCE];
    uint16_t values[ROTATION_MOST_BANDS][AT_ONCE];
    if (n < AT_ONCE)
        memset(rows, 0, n_bands * sizeof rows[0]);
    if (n_bands == 2)
        take_apart(components, n, 2, rows);
    else if (n_bands == 3)
        take_apart(components, n, 3, rows);
    else if (n_bands == 4)
        take_apart(components, n, 4, rows);
    else
        take_apart(components, n, n_bands, rows);
    for (size_t b = 0; b < n_bands; b++)
        rotate(rows, n_bands, matrix + b, bits, (uint32_t)levels[2 * b], (uint32_t)levels[2 * b + 1], values[b]);
    if (bytes)
        join_u8(values, n, n_bands, bytes);
    else if (n_bands == 2)
        join_u16(values, n, 2, words);
    else if (n_bands == 3)
        join_u16(values, n, 3, words);
    else if (n_bands == 4)
        join_u16(values, n, 4, words);
    else
        join_u16(values, n, n_bands, words);
}

static int64_t to_bands(const uint16_t *components, size_t n_pixels, size_t n_bands, const int8_t *matrix,
                        const int32_t *levels, uint8_t *bytes, uint16_t *words)
{
    if (n_bands < 2 || n_bands > ROTATION_MOST_BANDS)
        return APERCU_ERROR_ARGUMENT;
    for (size_t b = 0; b < n_bands; b++)
        if (levels[2 * b] < 0 || levels[2 * b] > 65536 || levels[2 * b + 1] < 1 || levels[2 * b + 1] > 65536)
            return APERCU_ERROR_ARGUMENT;
    unsigned bits = unit_log2(n_bands) + FRACTION_BITS;
    for (size_t at = 0; at < n_pixels; at += AT_ONCE) {
        size_t n = n_pixels - at < AT_ONCE ? n_pixels - at : AT_ONCE;
        some_bands(components + at * n_bands, n, n_bands, matrix, bits, levels, bytes ? bytes + at * n_bands : NULL,
                   words ? words + at * n_bands : NULL);
    }
    return 0;
}

int64_t apercu_to_bands_u8(const uint16_t *components, size_t n_pixels, size_t n_bands, const int8_t *matrix,
                           const int32_t *levels, uint8_t *out)
{
    return to_bands(components, n_pixels, n_bands, matrix, levels, out, NULL);
}

int64_t apercu_to_bands_u16(const uint16_t *components, size_t n_pixels, size_t n_bands, const int8_t *matrix,
                            const int32_t *levels, uint16_t *out)
{
    return to_bands(components, n_pixels, n_bands, matrix, levels, NULL, out);
}
