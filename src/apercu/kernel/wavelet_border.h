/* What the encoder does at the border of a tile: see wavelet_border.c. */
#ifndef APERCU_WAVELET_BORDER_H
#define APERCU_WAVELET_BORDER_H

#include "wavelet.h"

/* At steps below these nothing is fitted, and nothing mended: rounding would cost more than it brings. */
enum { FITTED_FROM_Q8 = 512, MENDED_FROM_Q8 = 2048 };
/* The finest level that is mended. With 2, coding takes 5 % less time and 0.2 % more bits. */
enum { MENDED_TO = 1 };

/* Whether hardly a coefficient of HL and LH of a level will be kept, where the quantiser has the step `step_q8` of band_step.h. */
int wavelet_is_sparse(const wavelet_level *l, int32_t step_q8, int chroma, int level);
/* Fits the four bands of a level, as apercu_wavelet_analyse leaves them, to this quantiser. Afterwards HL and LH hold at the
 * border what wavelet_mend_border adds to them, where it is used. `sparse`: how many levels are, from the finest on, in a row. */
void wavelet_fit_border(const wavelet_level *l, int32_t step_q8, int chroma, int level, int sparse);
/* Adds to HL and LH of a level, at the border, what they predict from LL, times `sign`: added from the low-pass samples that were
 * wanted, and taken off from those that are decoded, it leaves what HL and LH can mend of the difference. */
void wavelet_mend_border(const wavelet_level *l, int sign);

#endif
