#include "band_step.h"

/* 4096 / norm of a band's synthesis, from level 5 to 1: HL, LH, HH. */
static const uint16_t GAINS[WAVELET_LEVELS][ORIENTATIONS] = {
    {134, 239, 166}, {269, 480, 336}, {543, 980, 690}, {1149, 2053, 1508}, {2246, 4053, 2690}};
/* Of LL after 4 and 5 levels. */
static const uint16_t LOW_GAINS[2] = {244, 122};
enum { CHROMA_Q8 = 154 }; /* a sample of chroma stands for four pixels: half the step, and a fifth more */

int32_t band_step_q6(int32_t step_q8, int chroma, int level, int orientation)
{
    uint32_t gain = orientation < 0 ? LOW_GAINS[level == WAVELET_LEVELS] : GAINS[WAVELET_LEVELS - level][orientation];
    uint64_t step = (uint64_t)(uint32_t)step_q8 * gain * (chroma ? CHROMA_Q8 : 256) >> 18;
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
