/* Pixels of a tile to the coefficients of its planes (spec/FORMAT.md, "Planes"; spec/apercu.md, "Wavelet"): a row at a
 * time, each sample straight to where the wavelet works on it. */
#include "inside.h"

#include "samples.h"
#include "samples_scale.h"

enum { HALF_OF_CENTRE = 2040 };
#if defined(__GNUC__) && !defined(__OPTIMIZE_SIZE__)
#define UNROLLED _Pragma("GCC unroll 4")
#else
#define UNROLLED
#endif

/* As wavelet_workspace, of a whole tile. */
#define WORK_OF(side) (8 * ((side) + 12) + (side) * (side) / 4 + (side) * (side) / 16)

/* --- A sample to a number, and the bits by which that is shorter than samples of planes */
#if APERCU_WIDE
enum { SHORTER = 0 };
typedef struct {
    int32_t offset, range;
    ratio by;
} scaling;

static scaling scaling_of(const uint8_t *levels)
{
    scaling how = {sample_level(levels[0]), sample_level(levels[1]), ratio_of(SAMPLE_FULL, sample_level(levels[1]))};
    return how;
}

static inline int32_t sample_of(apercu_sample sample, const scaling *how)
{
    return scale(clamp32(sample - how->offset, 0, how->range), how->by);
}
#else
enum { SHORTER = SAMPLE_BITS };
typedef const uint8_t *scaling;

static scaling scaling_of(const uint8_t *levels)
{
    return levels;
}

static inline int32_t sample_of(apercu_sample sample, const scaling *how)
{
    (void)how;
    return sample;
}
#endif

/* A plane of a tile of this size; at half size if it is chroma. */
static void begin(wavelet_analysis *a, uint32_t width, uint32_t height, uint32_t chroma, int32_t step_q8, int16_t *workspace,
                  int16_t *bands)
{
    a->how.width = (width + chroma) >> chroma;
    a->how.height = (height + chroma) >> chroma;
    a->how.levels = WAVELET_LEVELS - (int32_t)chroma;
    a->how.step_q8 = step_q8;
    a->how.chroma = (int32_t)chroma;
    wavelet_begin(a, workspace, bands);
}

#if APERCU_COLOUR
/* Two rows of pixels, `row` samples apart, to two rows of luma and one each of chroma, whose samples are means of four. All
 * without the centre and halved, as wavelet_row wants them. */
static void fill(wavelet_analysis *planes, const apercu_sample *pixels, size_t row, size_t width, const scaling *how)
{
    size_t half = (width + 1) / 2, odd = half + WAVELET_PAD, odd_chroma = (half + 1) / 2 + WAVELET_PAD;
    int16_t *luma = wavelet_row(&planes[0], 0), *cb = wavelet_row(&planes[1], 0), *cr = wavelet_row(&planes[2], 0);
    size_t below = (size_t)(wavelet_row(&planes[0], 1) - luma);
    for (size_t x = 0; x < half; x++, luma++, pixels += 2 * APERCU_BANDS) {
        size_t next = 2 * x + 1 < width ? APERCU_BANDS : 0;
        int32_t red = 0, blue = 0; /* their differences from luma */
        UNROLLED
        for (int i = 0; i < 4; i++) {
            const apercu_sample *p = pixels + (i % 2 ? next : 0) + (i / 2 ? row : 0);
            int32_t r = sample_of(p[0], how), g = sample_of(p[1], how), b = sample_of(p[2], how);
            int32_t y = (Y_RED * r + Y_GREEN * g + Y_BLUE * b + (COLOUR_HALF >> SHORTER)) >> (COLOUR_BITS - SHORTER);
            red += (r << SHORTER) - y;
            blue += (b << SHORTER) - y;
            luma[(i % 2 ? odd : 0) + (i / 2 ? below : 0)] = (int16_t)((y >> 1) - HALF_OF_CENTRE);
        }
        size_t to = (x % 2 ? odd_chroma : 0) + x / 2;
        cb[to] = (int16_t)((blue * CB_SCALE + 4 * COLOUR_HALF) >> (COLOUR_BITS + 3));
        cr[to] = (int16_t)((red * CR_SCALE + 4 * COLOUR_HALF) >> (COLOUR_BITS + 3));
    }
}

void apercu_analyse(uint32_t width, uint32_t height, const apercu_sample *pixels, size_t row, int32_t step_q8,
                    const uint8_t *levels)
{
    wavelet_analysis planes[APERCU_BANDS];
    scaling how = scaling_of(levels);
    int16_t *workspace = apercu_work.numbers, *bands = apercu_samples;
    for (uint32_t i = 0; i < APERCU_BANDS; i++) {
        begin(&planes[i], width, height, i > 0, step_q8, workspace, bands);
        workspace += i ? WORK_OF(APERCU_TILE / 2) : WORK_OF(APERCU_TILE);
        bands += planes[i].how.width * planes[i].how.height;
    }
    for (uint32_t y = 0; y < height; y += 2) {
        int two = y + 1 < height;
        fill(planes, pixels, two ? row : 0, width, &how);
        for (int i = !two; i < APERCU_BANDS + 1; i++) /* luma twice */
            wavelet_step(&planes[i ? i - 1 : 0]);
        pixels += 2 * row;
    }
    for (int i = 0; i < APERCU_BANDS; i++)
        wavelet_end(&planes[i]);
}
#else
static void fill(int16_t *even, const apercu_sample *pixels, size_t width, const scaling *how)
{
    int16_t *odd = even + (width + 1) / 2 + WAVELET_PAD;
    for (size_t x = 0; x < width; x++, pixels += APERCU_BANDS)
        (x % 2 ? odd : even)[x / 2] = (int16_t)((sample_of(*pixels, how) << SHORTER >> 1) - HALF_OF_CENTRE);
}

void apercu_analyse(uint32_t width, uint32_t height, const apercu_sample *pixels, size_t row, int32_t step_q8,
                    const uint8_t *levels)
{
    for (uint32_t band = 0; band < APERCU_BANDS; band++) {
        wavelet_analysis a;
        scaling how = scaling_of(levels + 2 * band);
        begin(&a, width, height, 0, step_q8, apercu_work.numbers, apercu_samples + band * width * height);
        for (uint32_t y = 0; y < height; y++) {
            fill(wavelet_row(&a, 0), pixels + y * row + band, width, &how);
            wavelet_step(&a);
        }
        wavelet_end(&a);
    }
}
#endif
