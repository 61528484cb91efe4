/* The 9/7 wavelet, a level at a time, a row at a time.
 *
 * A row is lifted across as it comes, and the four lifting steps down run as a pipeline over the last few rows, so that
 * a level reads and writes every sample once and what it works on stays in the first cache. */
#include "wavelet.h"
#include "samples.h"
#include "wavelet_border.h"
#include "wavelet_lift.h"

#include <string.h>

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

/* Rows of a pipeline: row y stands in slot y % ROWS. A row has its even samples first and then its odd ones, each
 * part with PAD free places before it. */
enum { ROWS = WAVELET_SLOTS, PAD = WAVELET_PAD };

static size_t pitch_of(size_t width)
{
    return width + 3 * PAD;
}
static int16_t *even_of(const wavelet_level *l, size_t y)
{
    return l->rows + y % ROWS * pitch_of(l->width) + PAD;
}
static int16_t *odd_of(const wavelet_level *l, size_t y)
{
    return even_of(l, y) + (l->width + 1) / 2 + PAD;
}

void wavelet_set_level(wavelet_level *l, size_t width, size_t height, int16_t *low, int16_t *bands)
{
    l->width = width;
    l->height = height;
    l->bands[0] = low;
    bands += ((width + 1) / 2) * ((height + 1) / 2);
    l->bands[1] = bands;
    bands += (width / 2) * ((height + 1) / 2);
    l->bands[2] = bands;
    l->bands[3] = bands + ((width + 1) / 2) * (height / 2);
}

static void clear_rows(const wavelet_level *l)
{
    memset(l->rows, 0, wavelet_rows(l->width) * sizeof *l->rows);
}

#ifdef APERCU_SMALL_ENCODER
/* A row of samples to where they are worked on, or back. */
static void split_row(const wavelet_level *l, size_t y, int16_t *row, int first)
{
    int16_t *at = even_of(l, y), *next = odd_of(l, y);
    for (const int16_t *end = row + l->width; row < end; row++) {
        int16_t *here = at;
        if (first == FORWARD)
            *here = *row;
        else
            *row = *here;
        at = next, next = here + 1;
    }
}
#else
/* Splits a row of samples in two and lifts it. The first level takes the centre off and a fraction bit away. */
APERCU_VECTORISED static void take_row(const wavelet_level *l, const int16_t *in, size_t y, int first, int32_t centre)
{
    int16_t *restrict even = even_of(l, y), *restrict odd = odd_of(l, y);
    size_t n = l->width;
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

/* The same of a row of 8-bit samples, `pitch` from one to the next, at the finest level. */
APERCU_VECTORISED static void take_row_u8(const wavelet_level *l, const uint8_t *in, size_t pitch, size_t y, int32_t centre)
{
    int16_t *restrict even = even_of(l, y), *restrict odd = odd_of(l, y);
    size_t n = l->width;
    for (size_t i = 0; i < n / 2; i++) {
        even[i] = (int16_t)((in[2 * i * pitch] << (SAMPLE_BITS - 1)) - centre / 2);
        odd[i] = (int16_t)((in[(2 * i + 1) * pitch] << (SAMPLE_BITS - 1)) - centre / 2);
    }
    if (n % 2)
        even[n / 2] = (int16_t)((in[(n - 1) * pitch] << (SAMPLE_BITS - 1)) - centre / 2);
    forward_row(even, odd, n);
}
#endif

/* The rows above and below row y of n rows, mirrored at the edges. */
static size_t above(size_t y)
{
    return y ? y - 1 : 1;
}
static size_t below(size_t y, size_t n)
{
    return y + 1 < n ? y + 1 : y - 1;
}

/* Row y has come. Each step wants the one before it of the rows around its own, so that it runs one row behind. */
static void lift_down(int first, const wavelet_level *l, size_t y)
{
    size_t whole = l->width + PAD /* even samples, the places between, odd samples */, n = l->height;
    for (int k = 0; k < STEPS_A_WAY && n > 1; k++)
        if (--y < n) /* there is one: numbers below 0 are large */
            lift(first + k, even_of(l, y), even_of(l, above(y)), even_of(l, below(y, n)), whole);
}

/* The same where none of these rows is at an edge, all steps at once; returns whether, and does nothing else. */
static int lift_inside(int first, const wavelet_level *l, size_t y)
{
    if (y < 6 || y >= l->height)
        return 0;
#ifndef __OPTIMIZE_SIZE__
    if (first == FORWARD) {
        lift_four(even_of(l, y), even_of(l, y - 1), even_of(l, y - 2), even_of(l, y - 3), even_of(l, y - 4),
                  even_of(l, y - 5), l->width + PAD);
        return 1;
    }
#ifndef APERCU_SMALL_ENCODER
    unlift_four(even_of(l, y), even_of(l, y - 1), even_of(l, y - 2), even_of(l, y - 3), even_of(l, y - 4), even_of(l, y - 5),
                l->width + PAD);
    return 1;
#endif
#endif
    (void)first;
    return 0;
}

/* A row of a level into its bands, LL and HL, or LH and HH; and back. */
APERCU_VECTORISED static void move_row(const wavelet_level *l, size_t y, int first)
{
    size_t n_even = (l->width + 1) / 2, n_odd = l->width / 2;
    int16_t *even = even_of(l, y), *odd = odd_of(l, y);
    int16_t *low = l->bands[y % 2 * 2] + y / 2 * n_even, *high = l->bands[y % 2 * 2 + 1] + y / 2 * n_odd;
    int16_t *restrict to = first == FORWARD ? low : even;
    const int16_t *restrict from = first == FORWARD ? even : low;
    memcpy(first == FORWARD ? high : odd, first == FORWARD ? odd : high, n_odd * sizeof *to);
    if (y % 2)
        memcpy(to, from, n_even * sizeof *to);
    else if (first == FORWARD)
        for (size_t i = 0; i < n_even; i++)
            to[i] = (int16_t)(from[i] - times(from[i], LOW_GAIN));
    else
        for (size_t i = 0; i < n_even; i++)
            to[i] = wrap16(from[i] + (from[i] >> 1) + times(from[i], LOW_REGAIN));
}

/* Row y has come and is lifted across, or is one of the five after the last. An even row completes others. */
static void lift_behind(const wavelet_level *l, size_t y)
{
    if (y % 2)
        return;
    if (!lift_inside(FORWARD, l, y))
        lift_down(FORWARD, l, y);
    for (size_t back = 5; back >= 4; back--)
        if (y - back < l->height)
            move_row(l, y - back, FORWARD);
}

#ifdef APERCU_SMALL_ENCODER
static void enter_row(const wavelet_level *l, size_t y)
{
    forward_row(even_of(l, y), odd_of(l, y), l->width);
    lift_behind(l, y);
}

static void put_row(const wavelet_level *l, int16_t *out, size_t y, int first, int32_t centre)
{
    (void)first, (void)centre; /* of the first level, which a small encoder has no need to join */
    inverse_row(even_of(l, y), odd_of(l, y), l->width);
    split_row(l, y, out, INVERSE);
}
#else
/* Joins a row again. The first level (the last to be undone) gives the centre and a fraction bit back. */
APERCU_VECTORISED static void put_row(const wavelet_level *l, int16_t *restrict out, size_t y, int first, int32_t centre)
{
    int16_t *restrict even = even_of(l, y), *restrict odd = odd_of(l, y);
    size_t n = l->width;
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
#endif

static void synthesise_level(const wavelet_level *l, int first, int32_t centre, int16_t *out, size_t stride)
{
    clear_rows(l);
    for (size_t y = 0; y < l->height + 5; y++) {
        if (y < l->height)
            move_row(l, y, INVERSE);
        if (y % 2 && !lift_inside(INVERSE, l, y))
            lift_down(INVERSE, l, y);
        if (y >= 5)
            put_row(l, out + (y - 5) * stride, y - 5, first, centre);
    }
}

void wavelet_join_level(const wavelet_level *level, int16_t *out)
{
    synthesise_level(level, 0, 0, out, level->width);
}

size_t wavelet_workspace(size_t width, size_t height)
{
    size_t w = (width + 1) / 2, h = (height + 1) / 2;
    return wavelet_rows(width) + w * h + ((w + 1) / 2) * ((h + 1) / 2);
}

void wavelet_begin(wavelet_analysis *a, int16_t *workspace, int16_t *bands)
{
    const wavelet_how *how = &a->how;
    a->bands = bands;
    a->y = 0;
    a->even = workspace + wavelet_rows(how->width);
    a->odd = a->even + ((how->width + 1) / 2) * ((how->height + 1) / 2);
    wavelet_set_level(&a->level, how->width, how->height, how->levels == 1 ? bands : a->even, bands);
    a->level.rows = workspace;
    clear_rows(&a->level);
}

void wavelet_end(wavelet_analysis *a)
{
    const wavelet_how *how = &a->how;
    wavelet_level *l = &a->level;
    int sparse = 0;
    for (int level = 1;; level++) {
        for (size_t y = l->height; y < l->height + 5; y++)
            lift_behind(l, y);
        if (how->step_q8 >= FITTED_FROM_Q8) {
            if (sparse == level - 1)
                sparse += wavelet_is_sparse(l, how->step_q8, how->chroma, level);
            wavelet_fit_border(l, how->step_q8, how->chroma, level, sparse);
        }
        if (level == how->levels)
            return;
        int16_t *in = l->bands[0];
        int16_t *low = level + 1 == how->levels ? a->bands : level % 2 ? a->odd : a->even;
        wavelet_set_level(l, (l->width + 1) / 2, (l->height + 1) / 2, low, a->bands);
        clear_rows(l);
        for (size_t y = 0; y < l->height; y++) {
#ifdef APERCU_SMALL_ENCODER
            split_row(l, y, in + y * l->width, FORWARD);
            enter_row(l, y);
#else
            take_row(l, in + y * l->width, y, 0, 0);
            lift_behind(l, y);
#endif
        }
    }
}

#ifdef APERCU_SMALL_ENCODER
int16_t *wavelet_row(const wavelet_analysis *a, size_t ahead)
{
    return even_of(&a->level, a->y + ahead);
}

void wavelet_step(wavelet_analysis *a)
{
    enter_row(&a->level, a->y++);
}
#else
void wavelet_push(wavelet_analysis *a, const int16_t *row)
{
    take_row(&a->level, row, a->y, 1, a->how.centre);
    lift_behind(&a->level, a->y++);
}

void wavelet_push_u8(wavelet_analysis *a, const uint8_t *row, size_t pitch)
{
    take_row_u8(&a->level, row, pitch, a->y, a->how.centre);
    lift_behind(&a->level, a->y++);
}

int64_t apercu_wavelet_analyse(const int16_t *plane, size_t stride, size_t width, size_t height, int32_t levels,
                               int32_t centre, int32_t step_q8, int32_t chroma, int16_t *workspace,
                               size_t n_workspace, int16_t *bands)
{
    if (levels < 1 || step_q8 < 0 || chroma < 0 || chroma > 1 || levels > WAVELET_LEVELS - chroma)
        return APERCU_ERROR_ARGUMENT;
    if (n_workspace < wavelet_workspace(width, height))
        return APERCU_ERROR_CAPACITY;
    wavelet_analysis a;
    a.how = (wavelet_how){width, height, levels, centre, step_q8, chroma};
    wavelet_begin(&a, workspace, bands);
    for (size_t y = 0; y < height; y++)
        wavelet_push(&a, plane + y * stride);
    wavelet_end(&a);
    return 0;
}

int64_t apercu_wavelet_synthesise(const int16_t *bands, size_t width, size_t height, int32_t levels, int32_t centre,
                                  int16_t *workspace, size_t n_workspace, int16_t *plane, size_t stride)
{
    if (levels < 1 || levels > WAVELET_LEVELS)
        return APERCU_ERROR_ARGUMENT;
    if (n_workspace < wavelet_workspace(width, height))
        return APERCU_ERROR_CAPACITY;
    size_t widths[WAVELET_LEVELS + 1] = {width}, heights[WAVELET_LEVELS + 1] = {height};
    for (int level = 1; level <= levels; level++) {
        widths[level] = (widths[level - 1] + 1) / 2;
        heights[level] = (heights[level - 1] + 1) / 2;
    }
    int16_t *rows = workspace, *even = workspace + wavelet_rows(width), *odd = even + widths[1] * heights[1];
    int16_t *all = (int16_t *)(uintptr_t)bands, *low = all; /* only read */
    for (int level = levels; level >= 1; level--) {
        wavelet_level l;
        wavelet_set_level(&l, widths[level - 1], heights[level - 1], low, all);
        l.rows = rows;
        low = level == 1 ? plane : level % 2 ? odd : even;
        synthesise_level(&l, level == 1, centre, low, level == 1 ? stride : l.width);
    }
    return 0;
}
#endif
