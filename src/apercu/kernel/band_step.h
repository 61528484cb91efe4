/* Steps of the bands, and symbols to coefficients (spec/apercu.md, "Synthesis"). */
#ifndef APERCU_BAND_STEP_H
#define APERCU_BAND_STEP_H

#include "band_model.h"
#include "wavelet.h"

enum { SYMBOLS_Q6 = 64 }; /* a step with which symbols stand for themselves */

/* Step of a band in coefficients with 6 more fraction bits, from the step of an orthonormal transform in samples with 8.
 * `orientation` 0 to 2, or -1 for LL. */
int32_t band_step_q6(int32_t step_q8, int chroma, int level, int orientation);
/* The same for others than the kernel; an error for a band that there is not. */
APERCU_API int64_t apercu_band_step(int32_t step_q8, int32_t chroma, int32_t level, int32_t orientation);

/* Symbols of all bands of planes, which lie one after the other, to the coefficients that apercu_bands_decode makes of them.
 * `step_q8` is 1 to 262144. */
APERCU_API int64_t apercu_bands_dequantise(const band_plane *planes, size_t n_planes, int32_t step_q8,
                                           const int16_t *symbols, int16_t *coefficients);

/* 2^32 / step_q6, of 2 or more. */
static inline uint32_t reciprocal_of(int32_t step_q6)
{
    return (0u - (uint32_t)step_q6) / (uint32_t)step_q6 + 1; /* 32 bits do, which small processors divide by themselves */
}

/* The coefficient that a symbol stands for. */
static inline int16_t coefficient_of(int32_t symbol, int32_t step_q6)
{
    uint32_t size = symbol < 0 ? 0u - (uint32_t)symbol : (uint32_t)symbol, step = (uint32_t)step_q6;
    step = step < 1u << 22 ? step : 1u << 22; /* so that 32 bits do: with as large a step all is beyond the range */
    uint32_t value = size * (step >> 6) + ((size * (step & 63) + 32) >> 6);
    int32_t held = value < 32767 ? (int32_t)value : 32767;
    return (int16_t)(symbol < 0 ? -held : held);
}

#endif
