#include "band_step.h"

/* 4096 / norm of a band's synthesis, from level 5 to 1: LL, which is the last one's, HL, LH, HH. */
static const uint16_t GAINS[WAVELET_LEVELS][1 + ORIENTATIONS] = {
    {122, 134, 239, 166}, {244, 269, 480, 336}, {0, 543, 980, 690}, {0, 1149, 2053, 1508}, {0, 2246, 4053, 2690}};
enum { CHROMA_Q8 = 154 }; /* a sample of chroma stands for four pixels: half the step, and a fifth more */

int32_t band_step_q6(int32_t step_q8, int chroma, int level, int orientation)
{
    uint32_t gain = GAINS[WAVELET_LEVELS - level][orientation + 1];
    uint32_t step = (uint32_t)((uint64_t)(uint32_t)step_q8 * gain * (chroma ? CHROMA_Q8 : 256) >> 18);
    return step < 4 ? 4 : (int32_t)step;
}

int64_t apercu_band_step(int32_t step_q8, int32_t chroma, int32_t level, int32_t orientation)
{
    int deepest = WAVELET_LEVELS - chroma;
    if (step_q8 < 1 || chroma < 0 || chroma > 1 || level < 1 || level > deepest || orientation < -1 ||
        orientation >= ORIENTATIONS || (orientation < 0 && level < deepest))
        return APERCU_ERROR_ARGUMENT;
    return band_step_q6(step_q8, chroma, level, orientation);
}

/* As coefficient_of. Larger symbols than `most` are all beyond the range of coefficients, so that products fit in 32 bits. */
APERCU_VECTORISED static void coefficients_of(const int16_t *restrict symbols, size_t n, uint32_t step_q6,
                                              int16_t *restrict coefficients)
{
    uint32_t most = (32767u << 6) / step_q6 + 1;
    for (size_t i = 0; i < n; i++) {
        int32_t symbol = symbols[i];
        uint32_t size = (uint32_t)(symbol < 0 ? -symbol : symbol);
        size = ((size < most ? size : most) * step_q6 + 32) >> 6;
        int32_t value = (int32_t)(size < 32767 ? size : 32767);
        coefficients[i] = (int16_t)(symbol < 0 ? -value : value);
    }
}

int64_t apercu_bands_dequantise(const band_plane *planes, size_t n_planes, int32_t step_q8,
                                const int16_t *symbols, int16_t *coefficients)
{
    if (step_q8 < 1 || step_q8 > 262144)
        return APERCU_ERROR_ARGUMENT;
    for (size_t p = 0; p < n_planes; p++)
        if (planes[p].width < 1 || planes[p].height < 1 || planes[p].chroma < 0 || planes[p].chroma > 1)
            return APERCU_ERROR_ARGUMENT;
    for (size_t p = 0; p < n_planes; p++) {
        int chroma = planes[p].chroma, levels = WAVELET_LEVELS - chroma;
        wavelet_layout layout;
        wavelet_lay_out(&layout, (size_t)planes[p].width, (size_t)planes[p].height, levels);
        for (int i = 0; i < layout.n_bands; i++) {
            int level = i ? levels - (i - 1) / ORIENTATIONS : levels;
            int32_t step_q6 = band_step_q6(step_q8, chroma, level, i ? (i - 1) % ORIENTATIONS : -1);
            coefficients_of(symbols + layout.start[i], layout.width[i] * layout.height[i], (uint32_t)step_q6,
                       coefficients + layout.start[i]);
        }
        symbols += (size_t)planes[p].width * (size_t)planes[p].height;
        coefficients += (size_t)planes[p].width * (size_t)planes[p].height;
    }
    return 0;
}
