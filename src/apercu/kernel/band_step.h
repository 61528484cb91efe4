/* Steps of the bands, and symbols to coefficients (spec/FORMAT.md, "Bands"). */
#ifndef APERCU_BAND_STEP_H
#define APERCU_BAND_STEP_H

#include "band_model.h"
#include "wavelet.h"

/* Step of a band in coefficients with 6 more fraction bits, from the step of an orthonormal transform in samples with 8.
 * `orientation` 0 to 2, or -1 for LL. */
int32_t band_step_q6(int32_t step_q8, int chroma, int level, int orientation);

/* The coefficients that the symbols of a plane stand for. */
APERCU_API int64_t apercu_bands_dequantise(const band_plane *plane, int32_t step_q8, const int16_t *symbols,
                                           int16_t *coefficients);

#endif
