/* The 9/7 wavelet by lifting in 16 bits (spec/apercu.md, "Wavelet").
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

/* `rows` of a pipeline that takes a level of this width: so many numbers. */
size_t wavelet_rows(size_t width);
/* Joins the bands of a level of width x height samples; level 2 or more. */
void wavelet_join_level(const int16_t *low, const int16_t *hl, const int16_t *lh, const int16_t *hh, size_t width,
                        size_t height, int16_t *rows, int16_t *out);

void wavelet_lay_out(wavelet_layout *layout, size_t width, size_t height, int levels);

/* A plane of samples with 5 fraction bits, `stride` samples a row, to its bands after 1 to 5 levels (of chroma: 4).
 * `centre` is subtracted from every sample. Unless `step_q8` is 0, low-pass samples at the border compensate for what a
 * quantiser of this step will remove from high-pass samples there (wavelet_border.c). `workspace` holds 8 * (width + 12) +
 * 2 * ceil(width / 2) * ceil(height / 2) numbers. */
APERCU_API int64_t apercu_wavelet_analyse(const int16_t *plane, size_t stride, size_t width, size_t height,
                                          int32_t levels, int32_t centre, int32_t step_q8, int32_t chroma,
                                          int16_t *workspace, size_t n_workspace, int16_t *bands);
/* The inverse; samples are held within -8191 to 8191. */
APERCU_API int64_t apercu_wavelet_synthesise(const int16_t *bands, size_t width, size_t height, int32_t levels,
                                             int32_t centre, int16_t *workspace, size_t n_workspace, int16_t *plane,
                                             size_t stride);

#endif
