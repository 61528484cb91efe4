/* At the border the wavelet mirrors the samples. Inside, the synthesis functions of high-pass samples are nearly orthogonal to
 * those of low-pass samples; at the border they are not. So the encoder does two things, both derived by least squares over a
 * row or a column:
 * - When a level is analysed, the low-pass samples at the border take over a part of what the quantiser will remove from the
 *   high-pass sample beside them.
 * - When a high-pass sample at the border is coded, it corrects a part of the error of the decoded low-pass samples. */
#include "wavelet_border.h"

#include "band_step.h"

enum { LL, HL, LH, HH };
enum { TAPS = 3, FRACTION = 15, WHOLE = 1 << FRACTION, ROUNDED_UP_Q8 = 77, ROUNDING = 2, LARGEST = 3000 };

/* In 1/32768, from the border inwards. FOLDED: for a row that ends with a high-pass sample. OPEN: for one that begins or ends with
 * a low-pass sample. TAKES: the part of a high-pass sample that low-pass samples take over. MENDS: the part of the error of
 * low-pass samples that a high-pass sample corrects. In the least squares of FOLDED_TAKES the last sample of the row has a
 * weight of 1.5, since most of the error is there; of 3 where the finest level is sparse, that is, at low rates, where the
 * error is visible; and of 8 where two levels are, in smooth pictures. (tests/test_border.py computes all of them
 * again.) */
enum { WEIGHTS = 3 };
static const int16_t FOLDED_TAKES[WEIGHTS][TAPS] = {{10477, -2975, 1239}, {15795, -3878, 1552}, {20638, -4700, 1836}},
                     OPEN_TAKES[TAPS] = {-8312, 595, -1219};
/* A level is sparse if of one coefficient in SPARSE, or fewer, anything is kept. One row in EVERY is looked at. */
enum { EVERY = 4, SPARSE = 700, MOST_STEP_Q6 = 1 << 22 /* with which nothing is kept */ };
static const int16_t FOLDED_MENDS[TAPS] = {19026, -5211, 1077}, OPEN_MENDS[TAPS] = {-9189, 386, -1014};
/* LL is scaled by 1 / 1.230174105^2: 21653 / 32768, and back: 49590 / 32768. High-pass samples across come halved. */
enum { LOW_SCALE = 21653, LOW_UNSCALE = 49590 };

/* What the quantiser removes from a coefficient. It rounds from about 0.7 of a step up to the next. */
static int32_t lost(int16_t coefficient, int32_t step_q6)
{
    uint32_t size = (uint32_t)(coefficient < 0 ? -coefficient : coefficient) * 64, step = (uint32_t)step_q6;
    uint32_t kept = (size + (step >> 8) * ROUNDED_UP_Q8 + ((step & 255) * ROUNDED_UP_Q8 >> 8)) / step * step;
    int32_t rest = (int32_t)(size - kept) / 64;
    if (rest >= -ROUNDING && rest <= ROUNDING)
        return 0; /* the wavelet's own rounding, in flat pictures */
    return coefficient < 0 ? -rest : rest;
}

/* Of a band, how many coefficients the quantiser will keep: of one row in EVERY. */
APERCU_VECTORISED static size_t n_kept(const int16_t *in, size_t width, size_t height, int32_t step_q6)
{
    int32_t most = step_q6 < MOST_STEP_Q6 ? step_q6 : MOST_STEP_Q6, from = (most * (256 - ROUNDED_UP_Q8) >> 14) + 1;
    int16_t least = (int16_t)(from < 32767 ? from : 32767);
    size_t n = 0;
    for (size_t y = 0; y < height; y += EVERY)
        for (size_t x = 0; x < width; x++) {
            int16_t c = in[y * width + x];
            n += (size_t)((c >= least) | (c <= -least));
        }
    return n;
}

int wavelet_is_sparse(const wavelet_level *l, int32_t step_q8, int chroma, int level)
{
    size_t low_w = (l->width + 1) / 2, low_h = (l->height + 1) / 2, high_w = l->width / 2, high_h = l->height / 2;
    size_t n = n_kept(l->bands[HL], high_w, low_h, band_step_q6(step_q8, chroma, level, 0)) +
               n_kept(l->bands[LH], low_w, high_h, band_step_q6(step_q8, chroma, level, 1));
    return n * SPARSE <= (high_w * low_h + low_w * high_h) / EVERY;
}

/* Adds to a low-pass sample, without making a large one larger, so that the next levels stay within 16 bits. */
static void add(int16_t *sample, int32_t more)
{
    int32_t limit = *sample < 0 ? -*sample : *sample;
    limit = limit < LARGEST ? LARGEST : limit;
    *sample = (int16_t)clamp32(*sample + (more >> FRACTION), -limit, limit);
}

/* Low-pass samples and the high-pass samples that complete their rows, or their columns: those of two bands. */
typedef struct {
    int16_t *low, *high;
    size_t n_low, n_high, n;           /* of each in a line, and of lines */
    size_t pitch, next_low, next_high; /* from a sample to the next, and from a line to the next */
} lines;

APERCU_LARGE lines lines_of(const wavelet_level *l, int low, int high)
{
    lines of = {l->bands[low], l->bands[high], (l->width + 1) / 2, l->width / 2, (l->height + 1 - (size_t)low / 2) / 2, 1, 0, 0};
    of.next_low = of.n_low, of.next_high = of.n_high;
    if (high - low == LH - LL) { /* columns */
        of.n_low = (l->height + 1) / 2, of.n_high = l->height / 2;
        of.n = of.pitch = (l->width + 1 - (size_t)low) / 2;
        of.next_low = of.next_high = 1;
    }
    if (of.n_low < TAPS)
        of.n = 0;
    return of;
}

/* `scale` converts high-pass to the unit of low-pass. */
static void take_over(lines l, int32_t scale, int32_t step_q6, const int16_t *folded)
{
    const int16_t *far = l.n_low == l.n_high ? folded : OPEN_TAKES;
    for (; l.n; l.n--, l.low += l.next_low, l.high += l.next_high) {
        int32_t first = lost(l.high[0], step_q6) * scale >> FRACTION;
        int32_t last = lost(l.high[(l.n_high - 1) * l.pitch], step_q6) * scale >> FRACTION;
        for (size_t k = 0; k < TAPS; k++) {
            add(l.low + k * l.pitch, first * OPEN_TAKES[k]);
            add(l.low + (l.n_low - 1 - k) * l.pitch, last * far[k]);
        }
    }
}

/* A sign of -1 subtracts exactly what 1 adds. */
APERCU_LARGE void correct(int16_t *high, int32_t by, int32_t scale, int sign)
{
    *high = (int16_t)clamp32(*high + sign * (int32_t)((int64_t)by * scale >> 2 * FRACTION), -32768, 32767);
}

/* `scale` converts low-pass to the unit of high-pass. */
static void mend(lines l, int32_t scale, int sign)
{
    const int16_t *far = l.n_low == l.n_high ? FOLDED_MENDS : OPEN_MENDS;
    for (; l.n; l.n--, l.low += l.next_low, l.high += l.next_high) {
        int32_t first = 0, last = 0;
        for (size_t k = 0; k < TAPS; k++) {
            first += OPEN_MENDS[k] * l.low[k * l.pitch];
            last += far[k] * l.low[(l.n_low - 1 - k) * l.pitch];
        }
        correct(l.high, first, scale, sign);
        correct(l.high + (l.n_high - 1) * l.pitch, last, scale, sign);
    }
}

void wavelet_mend_border(const wavelet_level *l, int sign)
{
    for (int high = HL; high <= LH; high++)
        mend(lines_of(l, LL, high), high * (LOW_UNSCALE / 2), sign);
}

void wavelet_fit_border(const wavelet_level *l, int32_t step_q8, int chroma, int level, int sparse)
{
    /* HL and LH take over from HH, and then LL from them. */
    static const uint8_t PAIRS[4][2] = {{LH, HH}, {HL, HH}, {LL, HL}, {LL, LH}};
    int most = chroma ? 1 : WEIGHTS - 1;
    const int16_t *folded = FOLDED_TAKES[sparse < most ? sparse : most];
    for (int i = 0; i < 4; i++) {
        int low = PAIRS[i][0], high = PAIRS[i][1];
        int32_t scale = (low == LL ? LOW_SCALE : WHOLE) * (high - low == HL - LL ? 2 : 1);
        take_over(lines_of(l, low, high), scale, band_step_q6(step_q8, chroma, level, high - HL), folded);
    }
    if (level >= MENDED_TO && step_q8 >= MENDED_FROM_Q8)
        wavelet_mend_border(l, 1);
}
