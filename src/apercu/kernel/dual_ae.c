/* Analysis, quantisation and synthesis of the dual autoencoder (spec/taha2025.md, "Synthesis"). */
#include "dual_ae.h"

#include <string.h>

/* Weighted sum of a block. Eight products of a sample below 2^13 and a weight below 2^15 fit in 32 bits, and the whole sum
 * does when the row's absolute weights add up to less than 2^18, which the loader of the weights checks. */
static int32_t dot(const int16_t *block, const int16_t *row)
{
    int32_t sum = 0;
    for (int i = 0; i < DUAL_PIXELS; i++)
        sum += (int32_t)block[i] * row[i];
    return sum;
}

static int64_t energy(const int16_t *block)
{
    int64_t sum = 0;
    for (int y = 0; y < DUAL_BLOCK; y++) {
        int32_t row = 0; /* 8 * 2^26 fits */
        for (int x = 0; x < DUAL_BLOCK; x++)
            row += (int32_t)block[y * DUAL_BLOCK + x] * block[y * DUAL_BLOCK + x];
        sum += row;
    }
    return sum;
}

/* Sum with 5 + 14 fraction bits to a latent with 3, to the nearest; below the limit, so that one code table of
 * HUFFMAN_MAX_COUNT symbols holds all that a step of 1 can make of it. */
static int16_t to_latent(int32_t sum)
{
    return (int16_t)clamp32(floor_shift32(sum + (1 << 15), 16), 1 - DUAL_LATENT_LIMIT, DUAL_LATENT_LIMIT - 1);
}

int64_t apercu_dual_analyse(const int16_t *plane, size_t stride, size_t blocks_x, size_t blocks_y,
                            const int16_t *weights, int64_t threshold_q4, int16_t *latents, uint32_t *mse_q4)
{
    const int16_t *synthesis = weights + DUAL_ROWS * DUAL_PIXELS;
    int64_t norm = 0; /* of G1's synthesis row, 28 fraction bits */
    for (int i = 0; i < DUAL_PIXELS; i++)
        norm += (int32_t)synthesis[i] * synthesis[i];
    for (size_t by = 0; by < blocks_y; by++) {
        for (size_t bx = 0; bx < blocks_x; bx++, latents += DUAL_ROWS, mse_q4++) {
            const int16_t *at = plane + by * DUAL_BLOCK * stride + bx * DUAL_BLOCK;
            int16_t block[DUAL_PIXELS];
            for (int y = 0; y < DUAL_BLOCK; y++)
                memcpy(block + y * DUAL_BLOCK, at + (size_t)y * stride, DUAL_BLOCK * sizeof *block);
            /* |x - s z|^2 = |x|^2 - 2 z (s.x) + z^2 |s|^2, in units of 2^-34: no reconstruction needs to be made. */
            int64_t z = to_latent(dot(block, weights));
            int64_t error = energy(block) * (1 << 24) - z * dot(block, synthesis) * (1 << 13) + z * z * norm;
            *mse_q4 = (uint32_t)(error > 0 ? error >> 36 : 0);
            latents[0] = (int16_t)z;
            if (*mse_q4 > threshold_q4)
                for (int k = 1; k < DUAL_ROWS; k++)
                    latents[k] = to_latent(dot(block, weights + k * DUAL_PIXELS));
            else
                memset(latents + 1, 0, (DUAL_ROWS - 1) * sizeof *latents);
        }
    }
    return 0;
}

static int16_t quantise(int32_t latent, int32_t step_q3)
{
    int32_t size = latent < 0 ? -latent : latent;
    size = (2 * size + step_q3) / (2 * step_q3);
    return (int16_t)(latent < 0 ? -size : size);
}

static int16_t dequantise(int32_t symbol, int32_t step_q3)
{
    /* |symbol| < 2^15 and step < 2^16: the product fits. */
    return (int16_t)clamp32(symbol * step_q3, -DUAL_LATENT_LIMIT, DUAL_LATENT_LIMIT);
}

int64_t apercu_dual_quantise(const int16_t *latents, const uint32_t *mse_q4, size_t blocks, int64_t threshold_q4,
                             int32_t step_q3, uint8_t *groups, int16_t *symbols)
{
    if (step_q3 < 1 || step_q3 > 65535)
        return APERCU_ERROR_ARGUMENT;
    memset(symbols, 0, blocks * DUAL_LATENTS * sizeof *symbols);
    for (size_t b = 0; b < blocks; b++, latents += DUAL_ROWS, symbols += DUAL_LATENTS) {
        groups[b] = mse_q4[b] > threshold_q4;
        if (groups[b])
            for (int k = 0; k < DUAL_LATENTS; k++)
                symbols[k] = quantise(latents[1 + k], step_q3);
        else
            symbols[0] = quantise(latents[0], step_q3);
    }
    return 0;
}

int64_t apercu_dual_synthesise(const uint8_t *groups, const int16_t *symbols, size_t blocks_x, size_t blocks_y,
                               const int16_t *weights, int32_t step_q3, int16_t *plane, size_t stride)
{
    if (step_q3 < 1 || step_q3 > 65535)
        return APERCU_ERROR_ARGUMENT;
    const int16_t *synthesis = weights + DUAL_ROWS * DUAL_PIXELS;
    for (size_t by = 0; by < blocks_y; by++) {
        for (size_t bx = 0; bx < blocks_x; bx++, groups++, symbols += DUAL_LATENTS) {
            int first = *groups ? 1 : 0, n = *groups ? DUAL_LATENTS : 1;
            int32_t sum[DUAL_PIXELS]; /* 3 + 14 fraction bits; the loader keeps a pixel's weights within 2^16 */
            for (int i = 0; i < DUAL_PIXELS; i++)
                sum[i] = 1 << 11;
            for (int k = 0; k < n; k++) {
                const int16_t *row = synthesis + (first + k) * DUAL_PIXELS;
                int16_t z = dequantise(symbols[k], step_q3);
                if (z == 0)
                    continue;
                for (int i = 0; i < DUAL_PIXELS; i++)
                    sum[i] += (int32_t)z * row[i];
            }
            int16_t *at = plane + by * DUAL_BLOCK * stride + bx * DUAL_BLOCK;
            for (int y = 0; y < DUAL_BLOCK; y++)
                for (int x = 0; x < DUAL_BLOCK; x++)
                    at[(size_t)y * stride + (size_t)x] = (int16_t)clamp32(
                        floor_shift32(sum[y * DUAL_BLOCK + x], 12), -SAMPLE_LIMIT, SAMPLE_LIMIT);
        }
    }
    return 0;
}
