/* What the encoder does at the border of a tile: see wavelet_border.c. */
#ifndef APERCU_WAVELET_BORDER_H
#define APERCU_WAVELET_BORDER_H

#include <stddef.h>
#include <stdint.h>

/* At steps below this, rounding would cost more than it brings: nothing is fitted. */
enum { FITTED_FROM_Q8 = 8192 };
/* The finest level that is mended. With 2, coding takes 5 % less time and 0.2 % more bits. */
enum { MENDED_TO = 1 };

/* Fits the four bands of a level of width x height samples, as apercu_wavelet_analyse leaves them, to a quantiser with the
 * step `step_q8` of band_step.h. Afterwards HL and LH of the levels from MENDED_TO up hold at the border what wavelet_mend_border
 * adds to them. */
void wavelet_fit_border(int16_t *low, int16_t *hl, int16_t *lh, int16_t *hh, size_t width, size_t height,
                        int32_t step_q8, int chroma, int level);
/* Adds to HL and LH of a level of width x height samples, at the border, what they predict from `low`, times `sign`: added
 * from the low-pass samples that were wanted, and taken off from those that are decoded, it leaves what HL and LH can
 * mend of the difference. */
void wavelet_mend_border(const int16_t *low, int16_t *hl, int16_t *lh, size_t width, size_t height, int sign);

#endif
