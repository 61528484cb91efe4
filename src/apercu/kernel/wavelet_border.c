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
    size_t n = 0, all = 0;
    for (int which = HL; which <= LH; which++) {
        size_t width = (l->width + (which == LH)) / 2, height = (l->height + (which == HL)) / 2;
        n += n_kept(l->bands[which], width, height, band_step_q6(step_q8, chroma, level, which - HL));
        all += width * height;
    }
    return n * SPARSE <= all / EVERY;
}

/* Adds to a low-pass sample, without making a large one larger, so that the next levels stay within 16 bits. */
APERCU_LARGE void add(int16_t *sample, int32_t more)
{
    int32_t limit = *sample < 0 ? -*sample : *sample;
    limit = limit < LARGEST ? LARGEST : limit;
    *sample = (int16_t)clamp32(*sample + (more >> FRACTION), -limit, limit);
}

/* A sign of -1 subtracts exactly what 1 adds. */
APERCU_LARGE void correct(int16_t *high, int32_t by, int32_t scale, int sign)
{
    *high = (int16_t)clamp32(*high + sign * (int32_t)((int64_t)by * scale >> 2 * FRACTION), -32768, 32767);
}

/* Both ends of all rows, or columns, that the low-pass samples of band `low` and the high-pass samples of band `high` make. The
 * low-pass samples take over what a quantiser of step `step_q6` removes; or, where that is 0, the high-pass samples mend. */
static void at_both_ends(const wavelet_level *l, int low, int high, int32_t step_q6, const int16_t *folded, int sign)
{
    int across = (high ^ low) == (HL ^ LL);
    size_t side = across ? l->width : l->height, n = ((across ? l->height : l->width) + (low == LL)) / 2;
    size_t n_low = (side + 1) / 2, n_high = side / 2, pitch = across ? 1 : n;
    size_t next_low = across ? n_low : 1, next_high = across ? n_high : 1;
    int16_t *first = l->bands[low], *its = l->bands[high];
    const int16_t *open = step_q6 ? OPEN_TAKES : OPEN_MENDS, *far = n_low == n_high ? folded : open;
    int32_t scale = step_q6 ? (low == LL ? LOW_SCALE : WHOLE) << across : LOW_UNSCALE >> across; /* to the unit of the other */
    for (; n_low >= TAPS && n; n--) {
        int16_t *last = first + (n_low - 1) * pitch, *at_last = its + (n_high - 1) * pitch;
        int32_t a = 0, b = 0;
        if (step_q6)
            a = lost(*its, step_q6) * scale >> FRACTION, b = lost(*at_last, step_q6) * scale >> FRACTION;
        for (size_t k = 0; k < TAPS; k++) {
            int16_t *one = first + k * pitch, *other = last - k * pitch;
            if (step_q6)
                add(one, a * open[k]), add(other, b * far[k]);
            else
                a += open[k] * *one, b += far[k] * *other;
        }
        if (!step_q6)
            correct(its, a, scale, sign), correct(at_last, b, scale, sign);
        first += next_low;
        its += next_high;
    }
}

void wavelet_mend_border(const wavelet_level *l, int sign)
{
    at_both_ends(l, LL, HL, 0, FOLDED_MENDS, sign);
    at_both_ends(l, LL, LH, 0, FOLDED_MENDS, sign);
}

void wavelet_fit_border(const wavelet_level *l, int32_t step_q8, int chroma, int level, int sparse)
{
    /* HL and LH take over from HH, and then LL from them. */
    static const uint8_t PAIRS[4][2] = {{LH, HH}, {HL, HH}, {LL, HL}, {LL, LH}};
    int most = chroma ? 1 : WEIGHTS - 1;
    const int16_t *folded = FOLDED_TAKES[sparse < most ? sparse : most];
    for (int i = 0; i < 4; i++)
        at_both_ends(l, PAIRS[i][0], PAIRS[i][1], band_step_q6(step_q8, chroma, level, PAIRS[i][1] - HL), folded, 1);
    if (level >= MENDED_TO && step_q8 >= MENDED_FROM_Q8)
        wavelet_mend_border(l, 1);
}
