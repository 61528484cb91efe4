/* From symbols to coefficients, and what is done to samples after the DCT (spec/dct.md, "Synthesis"). */
#include "dct.h"

static int16_t held(int32_t v)
{
    return (int16_t)clamp32(v, -32767, 32767);
}

APERCU_VECTORISED static void dequantise(const int16_t *restrict symbols, size_t blocks, int32_t step_q6,
                                         int16_t *restrict map)
{
    /* Whatever is above stands for the largest coefficient: products stay below 2^31. */
    int32_t most = (int32_t)((((int64_t)32767 << 6) + step_q6) / step_q6);
    most = most < 32767 ? most : 32767;
    for (size_t i = 0; i < blocks; i++) {
        int32_t size = clamp32(symbols[i], -most, most), sign = size < 0 ? -1 : 1;
        int32_t value = (int32_t)(((uint32_t)(size * sign) * (uint32_t)step_q6 + 32) >> 6);
        map[i] = (int16_t)(sign * (value < 32767 ? value : 32767));
    }
}

int64_t apercu_dct_dequantise(const int16_t *symbols, size_t blocks, const int32_t *steps_q6, int16_t *maps)
{
    for (size_t m = 0; m < DCT_MAPS; m++) {
        if (steps_q6[m] < 1 || steps_q6[m] > 1 << 24)
            return APERCU_ERROR_ARGUMENT;
        dequantise(symbols + m * blocks, blocks, steps_q6[m], maps + m * blocks);
    }
    return 0;
}

/* Of three rows of map 0 around x, the sums that the parity of a coefficient asks for. */
static inline void sums_of(const int16_t *above, const int16_t *here, const int16_t *below, size_t w, size_t x, size_t e,
                           int odd_down, int odd_across, int32_t sums[DCT_SUMS])
{
    int32_t centre = here[x];
    sums[1] = sums[2] = 0;
    if (!odd_down && !odd_across) {
        sums[0] = above[x] + below[x] - 2 * centre;
        sums[1] = here[w] + here[e] - 2 * centre;
        sums[2] = above[w] + above[e] + below[w] + below[e] - 4 * centre;
    } else if (!odd_across) {
        sums[0] = above[x] - below[x];
        sums[1] = above[w] + above[e] - below[w] - below[e];
    } else if (!odd_down) {
        sums[0] = here[w] - here[e];
        sums[1] = above[w] + below[w] - above[e] - below[e];
    } else {
        sums[0] = above[w] - above[e] - below[w] + below[e];
    }
}

int64_t apercu_dct_expect(int16_t *maps, size_t height, size_t width, const uint8_t *order, const int16_t *weights,
                          int32_t sign)
{
    if (sign != 1 && sign != -1)
        return APERCU_ERROR_ARGUMENT;
    for (size_t i = 0; i < DCT_EXPECTED * DCT_SUMS; i++)
        if (weights[i] < -DCT_LARGEST_WEIGHT || weights[i] > DCT_LARGEST_WEIGHT)
            return APERCU_ERROR_ARGUMENT;
    for (size_t m = 1; m <= DCT_EXPECTED; m++) {
        const int16_t *own = weights + (m - 1) * DCT_SUMS;
        int odd_down = order[m] / DCT_SIDE % 2, odd_across = order[m] % 2;
        for (size_t y = 0; y < height; y++) {
            const int16_t *here = maps + y * width, *above = y ? here - width : here;
            const int16_t *below = y + 1 < height ? here + width : here;
            int16_t *out = maps + (m * height + y) * width;
            for (size_t x = 0; x < width; x++) {
                int32_t sums[DCT_SUMS];
                sums_of(above, here, below, x ? x - 1 : 0, x, x + 1 < width ? x + 1 : x, odd_down, odd_across, sums);
                int32_t sum = own[0] * sums[0] + own[1] * sums[1] + own[2] * sums[2];
                out[x] = held(out[x] + sign * floor_shift32(sum + 2048, 12));
            }
        }
    }
    return 0;
}

/* Three samples on either side of an edge: the step between the blocks as H.265 estimates it, taken down on both sides. */
static inline void smooth_at(int16_t *at, ptrdiff_t apart, int32_t limit)
{
    int32_t p2 = at[-3 * apart], p1 = at[-2 * apart], p0 = at[-apart], q0 = at[0], q1 = at[apart], q2 = at[2 * apart];
    int32_t step = floor_shift32(9 * (q0 - p0) - 3 * (q1 - p1) + 8, 4), half = limit / 2;
    if (step >= 10 * limit || step <= -10 * limit)
        return; /* an edge of the picture */
    step = clamp32(step, -limit, limit);
    int32_t before = clamp32(floor_shift32(floor_shift32(p2 + p0 + 1, 1) - p1 + step, 1), -half, half);
    int32_t after = clamp32(floor_shift32(floor_shift32(q2 + q0 + 1, 1) - q1 - step, 1), -half, half);
    at[-2 * apart] = (int16_t)clamp32(p1 + before, -DCT_LIMIT, DCT_LIMIT);
    at[-apart] = (int16_t)clamp32(p0 + step, -DCT_LIMIT, DCT_LIMIT);
    at[0] = (int16_t)clamp32(q0 - step, -DCT_LIMIT, DCT_LIMIT);
    at[apart] = (int16_t)clamp32(q1 + after, -DCT_LIMIT, DCT_LIMIT);
}

APERCU_VECTORISED static void smooth(int16_t *plane, size_t pitch, size_t height, size_t width, int32_t limit)
{
    for (size_t y = 0; y < height * DCT_SIDE; y++)
        for (size_t x = 1; x < width; x++)
            smooth_at(plane + y * pitch + x * DCT_SIDE, 1, limit);
    for (size_t y = 1; y < height; y++)
        for (size_t x = 0; x < width * DCT_SIDE; x++)
            smooth_at(plane + y * DCT_SIDE * pitch + x, (ptrdiff_t)pitch, limit);
}

int64_t apercu_dct_smooth(int16_t *plane, size_t pitch, size_t height, size_t width, int32_t limit)
{
    if (limit < 0 || limit > DCT_LARGEST_LIMIT)
        return APERCU_ERROR_ARGUMENT;
    if (limit)
        smooth(plane, pitch, height, width, limit);
    return 0;
}
