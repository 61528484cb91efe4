/* The 9/7 wavelet, a level at a time, a row at a time.
 *
 * A row is lifted across as it comes, and the four lifting steps down run as a pipeline over the last few rows, so that
 * a level reads and writes every sample once and what it works on stays in the first cache. Sums are taken modulo 2^16:
 * no sound stream reaches that far, and no other can break more than its own pixels. */
#include "wavelet.h"
#include "wavelet_border.h"

#include <string.h>

/* Lifting factors in 1/65536, as far as they are not whole: alpha = -2 + ALPHA, gamma = 1 - GAMMA. */
enum {
    ALPHA = 27123,   /* -1.586134342 */
    BETA = 3472,     /* -0.052980119, taken off */
    GAMMA = 7671,    /*  0.882911076 */
    DELTA = 29066,   /*  0.443506852 */
    LOW_GAIN = 22230 /* 1 - 1 / K^2, K = 1.230174105: what LL loses, so that it keeps the plane's mean */
};
/* 1 / (1 - LOW_GAIN / 65536) is 1.5 + LOW_REGAIN / 65536. */
enum { LOW_REGAIN = 873 };

static inline int16_t wrap16(int32_t v)
{
    return (int16_t)(uint16_t)v;
}

/* Floor of a * factor / 65536. The shift is arithmetic with every compiler that is used, which make one instruction of
 * it; floor_shift32 takes twice the time. */
static inline int16_t times(int16_t a, int32_t factor)
{
    return (int16_t)(a * factor >> 16);
}

/* What the neighbours a and b add to a sample in each lifting step. */
static inline int16_t step_alpha(int16_t v, int16_t a, int16_t b)
{
    int16_t sum = wrap16(a + b);
    return wrap16(v - 2 * sum + times(sum, ALPHA));
}
static inline int16_t step_beta(int16_t v, int16_t a, int16_t b)
{
    return wrap16(v - times(wrap16(a + b), BETA));
}
static inline int16_t step_gamma(int16_t v, int16_t a, int16_t b)
{
    int16_t sum = wrap16(a + b);
    return wrap16(v + sum - times(sum, GAMMA));
}
static inline int16_t step_delta(int16_t v, int16_t a, int16_t b)
{
    return wrap16(v + times(wrap16(a + b), DELTA));
}
static inline int16_t back_alpha(int16_t v, int16_t a, int16_t b)
{
    int16_t sum = wrap16(a + b);
    return wrap16(v + 2 * sum - times(sum, ALPHA));
}
static inline int16_t back_beta(int16_t v, int16_t a, int16_t b)
{
    return wrap16(v + times(wrap16(a + b), BETA));
}
static inline int16_t back_gamma(int16_t v, int16_t a, int16_t b)
{
    int16_t sum = wrap16(a + b);
    return wrap16(v - sum + times(sum, GAMMA));
}
static inline int16_t back_delta(int16_t v, int16_t a, int16_t b)
{
    return wrap16(v - times(wrap16(a + b), DELTA));
}

/* out[i] = STEP(out[i], a[i], b[i]): a row of a lifting step, across (b = a + 1) or down (rows a and b). */
#define LIFT(NAME, STEP)                                                                                               \
    APERCU_VECTORISED static void NAME(int16_t *restrict out, const int16_t *a, const int16_t *b, size_t n)            \
    {                                                                                                                  \
        for (size_t i = 0; i < n; i++)                                                                                 \
            out[i] = STEP(out[i], a[i], b[i]);                                                                         \
    }
LIFT(lift_alpha, step_alpha)
LIFT(lift_beta, step_beta)
LIFT(lift_gamma, step_gamma)
LIFT(lift_delta, step_delta)
LIFT(unlift_alpha, back_alpha)
LIFT(unlift_beta, back_beta)
LIFT(unlift_gamma, back_gamma)
LIFT(unlift_delta, back_delta)

void wavelet_lay_out(wavelet_layout *layout, size_t width, size_t height, int levels)
{
    size_t end = width * height;
    layout->n_bands = 3 * levels + 1;
    for (int level = 1; level <= levels; level++) {
        size_t low_width = (width + 1) / 2, low_height = (height + 1) / 2;
        int hl = 3 * (levels - level) + 1;
        for (int orientation = 2; orientation >= 0; orientation--) {
            size_t w = orientation == 1 ? low_width : width - low_width;
            size_t h = orientation == 0 ? low_height : height - low_height;
            end -= w * h;
            layout->width[hl + orientation] = w;
            layout->height[hl + orientation] = h;
            layout->start[hl + orientation] = end;
        }
        width = low_width;
        height = low_height;
    }
    layout->width[0] = width;
    layout->height[0] = height;
    layout->start[0] = 0;
}

/* A row `even`, `odd` of n samples in all, each with a free place on either side; high-pass samples come out halved. */
APERCU_VECTORISED static void forward_row(int16_t *even, int16_t *odd, size_t n)
{
    size_t n_even = (n + 1) / 2, n_odd = n / 2;
    if (n_odd == 0)
        return;
    even[n_even] = even[n_even - 1]; /* looked at where n is even */
    lift_alpha(odd, even, even + 1, n_odd);
    odd[-1] = odd[0];
    odd[n_odd] = odd[n_odd - 1]; /* looked at where n is odd */
    lift_beta(even, odd - 1, odd, n_even);
    even[n_even] = even[n_even - 1];
    lift_gamma(odd, even, even + 1, n_odd);
    odd[-1] = odd[0];
    odd[n_odd] = odd[n_odd - 1];
    lift_delta(even, odd - 1, odd, n_even);
    for (size_t i = 0; i < n_odd; i++)
        odd[i] = (int16_t)(floor_shift32(odd[i], 1));
}

APERCU_VECTORISED static void inverse_row(int16_t *even, int16_t *odd, size_t n)
{
    size_t n_even = (n + 1) / 2, n_odd = n / 2;
    if (n_odd == 0)
        return;
    for (size_t i = 0; i < n_odd; i++)
        odd[i] = wrap16(2 * odd[i]);
    odd[-1] = odd[0];
    odd[n_odd] = odd[n_odd - 1];
    unlift_delta(even, odd - 1, odd, n_even);
    even[n_even] = even[n_even - 1];
    unlift_gamma(odd, even, even + 1, n_odd);
    odd[-1] = odd[0];
    odd[n_odd] = odd[n_odd - 1];
    unlift_beta(even, odd - 1, odd, n_even);
    even[n_even] = even[n_even - 1];
    unlift_alpha(odd, even, even + 1, n_odd);
}

/* Rows of a pipeline: row y stands in slot y % ROWS. A row has its even samples first and then its odd ones, each
 * part with PAD free places before it. */
enum { ROWS = 8, PAD = 4 };

typedef struct {
    int16_t *rows;
    size_t width, pitch;
} pipeline;

static size_t pipeline_size(size_t width)
{
    return ROWS * (width + 3 * PAD);
}
static int16_t *even_of(const pipeline *p, size_t y)
{
    return p->rows + y % ROWS * p->pitch + PAD;
}
static int16_t *odd_of(const pipeline *p, size_t y)
{
    return even_of(p, y) + (p->width + 1) / 2 + PAD;
}

/* Splits a row of samples in two and lifts it. The first level takes the centre off and a fraction bit away. */
APERCU_VECTORISED static void take_row(const pipeline *p, const int16_t *in, size_t y, int first, int32_t centre)
{
    int16_t *restrict even = even_of(p, y), *restrict odd = odd_of(p, y);
    size_t n = p->width;
    if (first) {
        for (size_t i = 0; i < n / 2; i++) {
            even[i] = (int16_t)floor_shift32(in[2 * i] - centre, 1);
            odd[i] = (int16_t)floor_shift32(in[2 * i + 1] - centre, 1);
        }
        if (n % 2)
            even[n / 2] = (int16_t)floor_shift32(in[n - 1] - centre, 1);
    } else {
        for (size_t i = 0; i < n / 2; i++) {
            even[i] = in[2 * i];
            odd[i] = in[2 * i + 1];
        }
        if (n % 2)
            even[n / 2] = in[n - 1];
    }
    forward_row(even, odd, n);
}

/* The rows above and below row y of n rows, mirrored at the edges. */
static size_t above(size_t y)
{
    return y ? y - 1 : 1;
}
static size_t below(size_t y, size_t n)
{
    return y + 1 < n ? y + 1 : y - 1;
}

typedef void lifting(int16_t *restrict out, const int16_t *a, const int16_t *b, size_t n);

static void lift_down(const pipeline *p, lifting *lift, size_t y, size_t n)
{
    if (n == 1)
        return;
    size_t whole = p->width + PAD; /* even samples, the places between, odd samples */
    lift(even_of(p, y), even_of(p, above(y)), even_of(p, below(y, n)), whole);
}

/* Row y of a level into its bands, and its low-pass part, when it is of an even row, into `low`. */
APERCU_VECTORISED static void give_row(const pipeline *p, size_t y, int16_t *low, int16_t *hl, int16_t *lh, int16_t *hh)
{
    size_t n_even = (p->width + 1) / 2, n_odd = p->width / 2;
    const int16_t *restrict even = even_of(p, y), *odd = odd_of(p, y);
    if (y % 2) {
        memcpy(lh + y / 2 * n_even, even, n_even * sizeof *even);
        memcpy(hh + y / 2 * n_odd, odd, n_odd * sizeof *odd);
        return;
    }
    int16_t *restrict out = low + y / 2 * n_even;
    for (size_t i = 0; i < n_even; i++)
        out[i] = (int16_t)(even[i] - times(even[i], LOW_GAIN));
    memcpy(hl + y / 2 * n_odd, odd, n_odd * sizeof *odd);
}

static void analyse_level(const int16_t *in, size_t stride, size_t width, size_t height, int first, int32_t centre,
                          int16_t *rows, int16_t *low, int16_t *hl, int16_t *lh, int16_t *hh)
{
    pipeline p = {rows, width, width + 3 * PAD};
    memset(rows, 0, pipeline_size(width) * sizeof *rows);
    /* Step k of row y wants step k - 1 of the rows around it: each step runs one row behind the one before it. */
    for (size_t y = 0; y < height + 4; y++) {
        if (y < height)
            take_row(&p, in + y * stride, y, first, centre);
        if (y >= 1 && y - 1 < height && (y - 1) % 2)
            lift_down(&p, lift_alpha, y - 1, height);
        if (y >= 2 && y - 2 < height && y % 2 == 0)
            lift_down(&p, lift_beta, y - 2, height);
        if (y >= 3 && y - 3 < height && (y - 3) % 2)
            lift_down(&p, lift_gamma, y - 3, height);
        if (y >= 4 && y - 4 < height && y % 2 == 0)
            lift_down(&p, lift_delta, y - 4, height);
        if (y >= 5 && (y - 5) % 2)
            give_row(&p, y - 5, low, hl, lh, hh);
        if (y >= 4 && y - 4 < height && y % 2 == 0)
            give_row(&p, y - 4, low, hl, lh, hh);
    }
    if (height % 2 == 0)
        give_row(&p, height - 1, low, hl, lh, hh);
}

APERCU_VECTORISED static void fetch_row(const pipeline *p, size_t y, const int16_t *low, const int16_t *hl, const int16_t *lh,
                      const int16_t *hh)
{
    size_t n_even = (p->width + 1) / 2, n_odd = p->width / 2;
    int16_t *restrict even = even_of(p, y), *odd = odd_of(p, y);
    if (y % 2) {
        memcpy(even, lh + y / 2 * n_even, n_even * sizeof *even);
        memcpy(odd, hh + y / 2 * n_odd, n_odd * sizeof *odd);
        return;
    }
    const int16_t *restrict in = low + y / 2 * n_even;
    for (size_t i = 0; i < n_even; i++)
        even[i] = wrap16(in[i] + floor_shift32(in[i], 1) + times(in[i], LOW_REGAIN));
    memcpy(odd, hl + y / 2 * n_odd, n_odd * sizeof *odd);
}

/* Joins a row again. The first level (the last to be undone) gives the centre and a fraction bit back. */
APERCU_VECTORISED static void put_row(const pipeline *p, int16_t *restrict out, size_t y, int first, int32_t centre)
{
    int16_t *restrict even = even_of(p, y), *restrict odd = odd_of(p, y);
    size_t n = p->width;
    inverse_row(even, odd, n);
    if (first) {
        for (size_t i = 0; i < (n + 1) / 2; i++)
            even[i] = (int16_t)clamp32(2 * even[i] + centre, -8191, 8191);
        for (size_t i = 0; i < n / 2; i++)
            odd[i] = (int16_t)clamp32(2 * odd[i] + centre, -8191, 8191);
    }
    for (size_t i = 0; i < n / 2; i++) {
        out[2 * i] = even[i];
        out[2 * i + 1] = odd[i];
    }
    if (n % 2)
        out[n - 1] = even[n / 2];
}

static void synthesise_level(const int16_t *low, const int16_t *hl, const int16_t *lh, const int16_t *hh, size_t width,
                             size_t height, int first, int32_t centre, int16_t *rows, int16_t *out, size_t stride)
{
    pipeline p = {rows, width, width + 3 * PAD};
    memset(rows, 0, pipeline_size(width) * sizeof *rows);
    for (size_t y = 0; y < height + 5; y++) {
        if (y < height)
            fetch_row(&p, y, low, hl, lh, hh);
        if (y >= 1 && y - 1 < height && (y - 1) % 2 == 0)
            lift_down(&p, unlift_delta, y - 1, height);
        if (y >= 2 && y - 2 < height && y % 2)
            lift_down(&p, unlift_gamma, y - 2, height);
        if (y >= 3 && y - 3 < height && (y - 3) % 2 == 0)
            lift_down(&p, unlift_beta, y - 3, height);
        if (y >= 4 && y - 4 < height && y % 2)
            lift_down(&p, unlift_alpha, y - 4, height);
        if (y >= 5)
            put_row(&p, out + (y - 5) * stride, y - 5, first, centre);
    }
}

size_t wavelet_rows(size_t width)
{
    return pipeline_size(width);
}

void wavelet_join_level(const int16_t *low, const int16_t *hl, const int16_t *lh, const int16_t *hh, size_t width,
                        size_t height, int16_t *rows, int16_t *out)
{
    synthesise_level(low, hl, lh, hh, width, height, 0, 0, rows, out, width);
}

static size_t workspace_size(size_t width, size_t height)
{
    return pipeline_size(width) + 2 * ((width + 1) / 2) * ((height + 1) / 2);
}

int64_t apercu_wavelet_analyse(const int16_t *plane, size_t stride, size_t width, size_t height, int32_t levels,
                               int32_t centre, int32_t step_q8, int32_t chroma, int16_t *workspace,
                               size_t n_workspace, int16_t *bands)
{
    if (levels < 1 || step_q8 < 0 || chroma < 0 || chroma > 1 || levels > WAVELET_LEVELS - chroma)
        return APERCU_ERROR_ARGUMENT;
    if (n_workspace < workspace_size(width, height))
        return APERCU_ERROR_CAPACITY;
    wavelet_layout layout;
    wavelet_lay_out(&layout, width, height, levels);
    int16_t *rows = workspace, *even = workspace + pipeline_size(width);
    int16_t *odd = even + ((width + 1) / 2) * ((height + 1) / 2);
    const int16_t *in = plane;
    int sparse = 0;
    for (int level = 1; level <= levels; level++) {
        int hl = 3 * (levels - level) + 1;
        int16_t *low = level == levels ? bands : level % 2 ? even : odd;
        analyse_level(in, stride, width, height, level == 1, centre, rows, low, bands + layout.start[hl],
                      bands + layout.start[hl + 1], bands + layout.start[hl + 2]);
        int16_t *bands_of[] = {bands + layout.start[hl], bands + layout.start[hl + 1], bands + layout.start[hl + 2]};
        if (step_q8 >= FITTED_FROM_Q8 && sparse == level - 1)
            sparse += wavelet_is_sparse(bands_of[0], bands_of[1], width, height, step_q8, chroma, level);
        if (step_q8 >= FITTED_FROM_Q8)
            wavelet_fit_border(low, bands_of[0], bands_of[1], bands_of[2], width, height, step_q8, chroma, level, sparse);
        in = low;
        width = stride = (width + 1) / 2;
        height = (height + 1) / 2;
    }
    return 0;
}

int64_t apercu_wavelet_synthesise(const int16_t *bands, size_t width, size_t height, int32_t levels, int32_t centre,
                                  int16_t *workspace, size_t n_workspace, int16_t *plane, size_t stride)
{
    if (levels < 1 || levels > WAVELET_LEVELS)
        return APERCU_ERROR_ARGUMENT;
    if (n_workspace < workspace_size(width, height))
        return APERCU_ERROR_CAPACITY;
    wavelet_layout layout;
    wavelet_lay_out(&layout, width, height, levels);
    size_t widths[WAVELET_LEVELS + 1] = {width}, heights[WAVELET_LEVELS + 1] = {height};
    for (int level = 1; level <= levels; level++) {
        widths[level] = (widths[level - 1] + 1) / 2;
        heights[level] = (heights[level - 1] + 1) / 2;
    }
    int16_t *rows = workspace, *even = workspace + pipeline_size(width), *odd = even + widths[1] * heights[1];
    const int16_t *low = bands;
    for (int level = levels; level >= 1; level--) {
        int hl = 3 * (levels - level) + 1;
        int16_t *out = level == 1 ? plane : level % 2 ? odd : even;
        synthesise_level(low, bands + layout.start[hl], bands + layout.start[hl + 1], bands + layout.start[hl + 2],
                         widths[level - 1], heights[level - 1], level == 1, centre, rows, out,
                         level == 1 ? stride : widths[level - 1]);
        low = out;
    }
    return 0;
}
