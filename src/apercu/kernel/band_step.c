#include "band_step.h"

#include <string.h>

/* 4096 / norm of a band's synthesis, from level 5 to 1: HL, LH, HH. */
static const uint16_t GAINS[WAVELET_LEVELS][ORIENTATIONS] = {
    {134, 239, 166}, {269, 480, 336}, {543, 980, 690}, {1149, 2053, 1508}, {2246, 4053, 2690}};
/* Of LL after 4 and 5 levels. */
static const uint16_t LOW_GAINS[2] = {244, 122};
enum { CHROMA_Q8 = 128 }; /* a sample of chroma stands for four pixels: half the step */
/* What a symbol of 1, of 2 or of more falls short of its multiple of the step, in 1/256. */
static const uint8_t SHORT_Q8[3] = {0, 0, 0};

int32_t band_step_q6(int32_t step_q8, int chroma, int level, int orientation)
{
    uint32_t gain = orientation < 0 ? LOW_GAINS[level == WAVELET_LEVELS] : GAINS[WAVELET_LEVELS - level][orientation];
    uint64_t step = (uint64_t)(uint32_t)step_q8 * gain * (chroma ? CHROMA_Q8 : 256) >> 18;
    return step < 4 ? 4 : (int32_t)step;
}

static void dequantise_band(const int16_t *symbols, size_t n, int32_t step_q6, const uint8_t *less, int16_t *out)
{
    memset(out, 0, n * sizeof *out);
    for (size_t i = 0; i < n; i++) {
        if (symbols[i] == 0)
            continue;
        int64_t size = symbols[i] < 0 ? -(int64_t)symbols[i] : symbols[i];
        int64_t value = ((size * 256 - (less ? less[size > 3 ? 2 : size - 1] : 0)) * step_q6 + 8192) >> 14;
        value = value > 32767 ? 32767 : value;
        out[i] = (int16_t)(symbols[i] < 0 ? -value : value);
    }
}

int64_t apercu_bands_dequantise(const band_plane *plane, int32_t step_q8, const int16_t *symbols, int16_t *coefficients)
{
    wavelet_layout layout;
    int levels = WAVELET_LEVELS - plane->chroma;
    wavelet_lay_out(&layout, (size_t)plane->width, (size_t)plane->height, levels);
    for (int i = 0; i <= 3 * levels; i++) {
        int level = i ? levels - (i - 1) / 3 : levels;
        size_t n = layout.width[i] * layout.height[i], at = layout.start[i];
        dequantise_band(symbols + at, n, band_step_q6(step_q8, plane->chroma, level, i ? (i - 1) % 3 : -1),
                        i ? SHORT_Q8 : NULL, coefficients + at);
    }
    return 0;
}
