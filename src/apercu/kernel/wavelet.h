/* The 9/7 wavelet by lifting in 16 bits (spec/FORMAT.md, "Wavelet").
 *
 * Cohen, Daubechies, Feauveau 1992; lifting steps: Daubechies, Sweldens 1998. A level turns a plane into four bands:
 * LL (halved in both directions), HL (high across), LH (high down) and HH. */
#ifndef APERCU_WAVELET_H
#define APERCU_WAVELET_H

#include "api.h"

enum { WAVELET_LEVELS = 5, WAVELET_BANDS = 3 * WAVELET_LEVELS + 1 };

/* The size of a plane's bands after `levels` levels: LL of the last level first, then HL, LH and HH of each level, the
 * last level first. They lie in this order in an array of width * height coefficients. */
typedef struct {
    int n_bands;
    size_t width[WAVELET_BANDS], height[WAVELET_BANDS], start[WAVELET_BANDS];
} wavelet_layout;

void wavelet_lay_out(wavelet_layout *layout, size_t width, size_t height, int levels);

/* A plane of samples with 5 fraction bits, `stride` samples a row, to its bands after 1 to 5 levels. `centre` is taken off every sample.
 * `workspace` holds 8 * (width + 12) + 2 * ceil(width / 2) * ceil(height / 2) numbers. */
APERCU_API int64_t apercu_wavelet_analyse(const int16_t *plane, size_t stride, size_t width, size_t height,
                                          int32_t levels, int32_t centre, int16_t *workspace, size_t n_workspace, int16_t *bands);
/* The inverse; samples are held within -8191 to 8191. */
APERCU_API int64_t apercu_wavelet_synthesise(const int16_t *bands, size_t width, size_t height, int32_t levels,
                                             int32_t centre, int16_t *workspace, size_t n_workspace, int16_t *plane,
                                             size_t stride);

#endif
