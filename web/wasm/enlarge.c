/* The cubic filter of Keys (1981) in integers, as spec/PLACEHOLDER.md has it; all that it multiplies fits in 32 bits. */
#include "decoder.h"
#include "samples.c" /* for its rows of colours */

enum { TAPS = 4, WHOLE = 1024 };

typedef struct {
    int32_t weight[TAPS];
    size_t from[TAPS];
} filter;

/* Of output `r` of `large`, made of `small` samples. */
static filter filter_of(size_t r, size_t small, size_t large)
{
    filter f;
    int64_t n = (int64_t)small, d = 2 * (int64_t)large, p = (2 * (int64_t)r + 1) * n - (int64_t)large;
    int64_t i = p < 0 ? -1 : p / d, t = p - d * i, whole = 2 * d * d * d;
    int32_t rest = WHOLE;
    for (int k = 0; k < TAPS; k++) { /* the filter is symmetric: `u` from the sample of the inner tap, `v` from the other one */
        int64_t u = k & 2 ? t : d - t, v = d - u, at = i + k - 1;
        int64_t scaled = WHOLE * (k == 1 || k == 2 ? u * (4 * u * d - 3 * u * u + d * d) : -v * u * u), q = scaled / whole;
        f.weight[k] = (int32_t)(q - (q * whole > scaled));
        f.from[k] = (size_t)(at < 0 ? 0 : at < n ? at : n - 1);
        rest -= f.weight[k];
    }
    f.weight[2 * t >= d ? 2 : 1] += rest;
    return f;
}

void enlarge_across(const int16_t *plane, size_t w, size_t h, int32_t mean, size_t width, int32_t *out)
{
    for (size_t x = 0; x < width; x++) {
        filter f = filter_of(x, w, width);
        for (size_t y = 0; y < h; y++) {
            int32_t sum = 0;
            for (int k = 0; k < TAPS; k++)
                sum += f.weight[k] * clamp32(plane[y * w + f.from[k]] + mean, -SAMPLE_FULL, SAMPLE_FULL);
            out[y * width + x] = sum;
        }
    }
}

/* Products have 35 bits. In vectors they are added up in two parts, 12 low bits and the rest. */
static void enlarge_down(const int32_t *plane, size_t n_rows, size_t width, size_t y, size_t height, int16_t *restrict out)
{
    filter f = filter_of(y, n_rows, height);
    const int32_t *a = plane + f.from[0] * width, *b = plane + f.from[1] * width, *c = plane + f.from[2] * width,
                  *d = plane + f.from[3] * width;
    int32_t wa = f.weight[0], wb = f.weight[1], wc = f.weight[2], wd = f.weight[3];
    for (size_t x = 0; x < width; x++) {
#ifdef __wasm_simd128__
        int32_t high = wa * (a[x] >> 12) + wb * (b[x] >> 12) + wc * (c[x] >> 12) + wd * (d[x] >> 12);
        int32_t low = wa * (a[x] & 4095) + wb * (b[x] & 4095) + wc * (c[x] & 4095) + wd * (d[x] & 4095);
        out[x] = (int16_t)((high + ((low + (1 << 19)) >> 12)) >> 8);
#else
        int64_t sum = (int64_t)wa * a[x] + (int64_t)wb * b[x] + (int64_t)wc * c[x] + (int64_t)wd * d[x];
        out[x] = (int16_t)((sum + (1 << 19)) >> 20);
#endif
    }
}

/* A row of a component to its places in pixels. */
static void put_component(const int16_t *restrict in, size_t width, uint8_t *restrict out)
{
    for (size_t x = 0; x < width; x++)
        out[4 * x] = (uint8_t)round_sample(in[x]);
}

void enlarge_row(const int32_t *const *planes, const size_t *n_rows, size_t n_planes, size_t width, size_t y, size_t height,
                 int16_t *scratch, uint8_t *out)
{
    int16_t *luma = scratch, *blue = luma + width, *red = blue + width, *alpha = red + width, *green = alpha + width;
    for (size_t i = 0; i < n_planes; i++)
        enlarge_down(planes[i], n_rows[i], width, y, height, scratch + i * width);
    for (size_t x = 0; n_planes < 4 && x < width; x++)
        alpha[x] = SAMPLE_FULL;
    if (n_planes == 1)
        red = green = blue = luma;
    else
        colour_row(luma, blue, red, green, width); /* which were Cb and Cr */
    const int16_t *components[4] = {red, green, blue, alpha};
    for (size_t i = 0; i < 4; i++)
        put_component(components[i], width, out + i);
}
