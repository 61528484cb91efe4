/* The 9/7 wavelet by lifting in 16 bits (spec/apercu.md, "Wavelet").
 *
 * Cohen, Daubechies, Feauveau 1992; lifting steps: Daubechies, Sweldens 1998. A level turns a plane into four bands:
 * LL (halved in both directions), HL (high across), LH (high down) and HH. */
#ifndef APERCU_WAVELET_H
#define APERCU_WAVELET_H

#include "api.h"

enum { WAVELET_LEVELS = 5, WAVELET_BANDS = 3 * WAVELET_LEVELS + 1, WAVELET_PAD = 4, WAVELET_SLOTS = 8 };

/* The size of a plane's bands after `levels` levels: LL of the last level first, then HL, LH and HH of each level, the
 * last level first. They lie in this order in an array of width * height coefficients. */
typedef struct {
    int n_bands;
    size_t width[WAVELET_BANDS], height[WAVELET_BANDS], start[WAVELET_BANDS];
} wavelet_layout;

void wavelet_lay_out(wavelet_layout *layout, size_t width, size_t height, int levels);

/* A level of width x height samples. Its bands, LL, HL, LH and HH, of which the last three lie one after the other behind all
 * coarser ones. And the rows that are on their way through it: row y stands in slot y % WAVELET_SLOTS. */
typedef struct {
    size_t width, height;
    int16_t *bands[4];
    int16_t *rows; /* wavelet_rows() numbers */
} wavelet_level;

/* A level whose LL is at `low`, and whose other bands are where wavelet_layout says, in `bands`. Its rows are left as they are. */
void wavelet_set_level(wavelet_level *level, size_t width, size_t height, int16_t *low, int16_t *bands);
static inline size_t wavelet_rows(size_t width)
{
    return WAVELET_SLOTS * (width + 3 * WAVELET_PAD);
}
/* Joins its bands; level 2 or more. */
void wavelet_join_level(const wavelet_level *level, int16_t *out);

/* The arguments of apercu_wavelet_analyse. */
typedef struct {
    size_t width, height;
    int32_t levels, centre, step_q8, chroma;
} wavelet_how;

typedef struct {
    wavelet_how how;
    wavelet_level level;
    size_t y; /* of the next row */
    int16_t *bands, *even, *odd;
} wavelet_analysis;

/* Numbers of workspace, for either direction. */
size_t wavelet_workspace(size_t width, size_t height);
/* The analysis of a plane that comes row by row, for those who have no memory for all of it: `how` is set, then begin, each row,
 * end. */
void wavelet_begin(wavelet_analysis *analysis, int16_t *workspace, int16_t *bands);
void wavelet_push(wavelet_analysis *analysis, const int16_t *row);
/* In a small encoder, for those who put the samples where they are worked on, with the centre off and then halved:
 * those of even columns at wavelet_row(), those of odd ones WAVELET_PAD behind the last of these. The row after the next is
 * ahead by 1, and no more. */
int16_t *wavelet_row(const wavelet_analysis *analysis, size_t ahead);
void wavelet_step(wavelet_analysis *analysis);
/* A row of samples of 8 bits, `pitch` from one to the next; the centre is even. */
void wavelet_push_u8(wavelet_analysis *analysis, const uint8_t *row, size_t pitch);
void wavelet_end(wavelet_analysis *analysis);

/* A plane of samples with 5 fraction bits, `stride` samples a row, to its bands after 1 to 5 levels (of chroma: 4).
 * `centre` is subtracted from every sample. Unless `step_q8` is 0, low-pass samples at the border compensate for what a
 * quantiser of this step will remove from high-pass samples there (wavelet_border.c). */
APERCU_API int64_t apercu_wavelet_analyse(const int16_t *plane, size_t stride, size_t width, size_t height,
                                          int32_t levels, int32_t centre, int32_t step_q8, int32_t chroma,
                                          int16_t *workspace, size_t n_workspace, int16_t *bands);
/* The inverse; samples are held within -8191 to 8191. */
APERCU_API int64_t apercu_wavelet_synthesise(const int16_t *bands, size_t width, size_t height, int32_t levels,
                                             int32_t centre, int16_t *workspace, size_t n_workspace, int16_t *plane,
                                             size_t stride);

#endif
