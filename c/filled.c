/* Samples that do not count, before a tile is coded: colour where alpha is 0, and areas without data. They are filled smoothly, as
 * src/apercu/stages/fill.py does. */
#include "fill.h"
#include "rows.h"

#include <string.h>

enum { SOLID = 15 /* of 255: from this alpha up a colour stays */, LITTLE = 4 /* the weight of areas without data */, MOST = 65535 };

/* The sample that the end of a band's range stands for, 0 or FULL in its plane. */
static int32_t end_of(const apc_file *file, uint32_t band, int upper)
{
    if (!is_wide(file))
        return upper ? 255 : 0;
    int32_t offset = offset_of(file, group_of(file, band)), end = offset + (upper ? range_of(file, group_of(file, band)) : 0);
    return end < MOST ? end : MOST;
}

static int32_t sample_at(const apc_file *file, const void *pixels, size_t at)
{
    return is_wide(file) ? ((const uint16_t *)pixels)[at] : ((const uint8_t *)pixels)[at];
}

/* Whether the ends of some range (of the full one, where none is given) leave out the samples that stand for no data. */
static int leaves_out(const apc_file *file)
{
    for (uint32_t band = 0; is_wide(file) && file->levels && band < file->bands; band++)
        if (end_of(file, band, 1) < MOST)
            return 1;
    return 0;
}

size_t filled_memory(const apc_file *file, uint32_t width, uint32_t height)
{
    size_t n = (size_t)width * height;
    if (file->interpretation != APC_RGBA && !leaves_out(file))
        return 0;
    return aligned((n * file->bands) << file->wide) + aligned(n) + aligned((size_t)apercu_fill_workspace(width, height));
}

/* What is to be filled, and where. */
typedef struct {
    const apc_file *file;
    uint32_t width, height;
    const void *pixels; /* as they came */
    size_t row;
    void *copy;
    uint8_t *weights, *workspace;
} canvas;

static int32_t original(const canvas *c, size_t y, size_t x, uint32_t band)
{
    return sample_at(c->file, c->pixels, y * c->row + x * c->file->bands + band);
}

static uint32_t unit(const canvas *c)
{
    return c->file->wide ? 257 : 1;
}

/* 0 where alpha is 0, and no less than 1 elsewhere. Returns whether some colour is to be filled. */
static int weigh_by_alpha(const canvas *c)
{
    int any = 0;
    for (size_t y = 0; y < c->height; y++)
        for (size_t x = 0; x < c->width; x++) {
            uint32_t alpha = (uint32_t)original(c, y, x, ALPHA), most = SOLID * unit(c);
            any |= alpha < most;
            alpha = ((alpha < most ? alpha : most) + unit(c) - 1) / unit(c);
            c->weights[y * c->width + x] = (uint8_t)(alpha * (255 / SOLID));
        }
    return any;
}

static int is_empty(const canvas *c, int64_t y, int64_t x, uint32_t band)
{
    return original(c, (size_t)y, (size_t)x, band) == MOST && c->weights[(size_t)y * c->width + (size_t)x];
}

static int inside(const canvas *c, int64_t y, int64_t x)
{
    return y >= 0 && x >= 0 && y < c->height && x < c->width;
}

/* Whether a sample is of an area without data: of three by three of them, so that what is thin stays as it is. */
static int in_area(const canvas *c, int64_t y, int64_t x, uint32_t band)
{
    for (int64_t v = y - 1; v <= y + 1; v++)
        for (int64_t u = x - 1; u <= x + 1; u++) {
            int whole = inside(c, v, u);
            for (int i = 0; whole && i < 9; i++)
                whole = !inside(c, v + i / 3 - 1, u + i % 3 - 1) || is_empty(c, v + i / 3 - 1, u + i % 3 - 1, band);
            if (whole)
                return 1;
        }
    return 0;
}

/* Gives areas without data little weight. Returns whether there are any, and others too. */
static int weigh_no_data(const canvas *c, uint32_t band)
{
    int some = 0, others = 0;
    for (int64_t y = 0; y < c->height; y++)
        for (int64_t x = 0; x < c->width; x++) {
            int empty = is_empty(c, y, x, band);
            others |= !empty;
            some |= empty && !some && in_area(c, y, x, band);
        }
    for (int64_t y = 0; some && others && y < c->height; y++)
        for (int64_t x = 0; x < c->width; x++) {
            uint8_t *weight = &c->weights[(size_t)y * c->width + (size_t)x];
            if (*weight > LITTLE && in_area(c, y, x, band))
                *weight = LITTLE;
        }
    return some && others;
}

static void fill(const canvas *c, uint32_t band, uint32_t n)
{
    const apc_file *file = c->file;
    int32_t middles[ALPHA];
    size_t row = (size_t)c->width * file->bands, n_workspace = (size_t)apercu_fill_workspace(c->width, c->height);
    for (uint32_t i = 0; i < n; i++)
        middles[i] = (end_of(file, band + i, 0) + end_of(file, band + i, 1) + 1) / 2;
    if (is_wide(file))
        apercu_fill_u16((uint16_t *)c->copy + band, row, file->bands, c->width, c->height, n, c->weights, middles, c->workspace,
                        n_workspace);
    else
        apercu_fill_u8((uint8_t *)c->copy + band, row, file->bands, c->width, c->height, n, c->weights, middles, c->workspace,
                       n_workspace);
}

/* A band whose samples beyond the range are to be filled: those are at its ends. */
static void hold(const canvas *c, uint32_t band)
{
    uint16_t low = (uint16_t)end_of(c->file, band, 0), high = (uint16_t)end_of(c->file, band, 1);
    uint16_t *at = (uint16_t *)c->copy + band;
    for (size_t i = 0; i < (size_t)c->width * c->height; i++, at += c->file->bands)
        *at = *at < low ? low : *at > high ? high : *at;
}

static int has_no_data(const canvas *c)
{
    for (size_t y = 0; y < c->height; y++)
        for (size_t x = 0; x < (size_t)c->width * c->file->bands; x++)
            if (sample_at(c->file, c->pixels, y * c->row + x) == MOST)
                return 1;
    return 0;
}

const void *filled(const apc_file *file, uint32_t width, uint32_t height, const void *pixels, size_t *row, uint8_t *memory)
{
    size_t n = (size_t)width * height, n_row = ((size_t)width * file->bands) << file->wide;
    canvas c = {file, width, height, pixels, *row, memory, memory + aligned((n * file->bands) << file->wide), NULL};
    if (!filled_memory(file, width, height))
        return pixels;
    c.workspace = c.weights + aligned(n);
    int seen = file->interpretation == APC_RGBA && weigh_by_alpha(&c), empty = leaves_out(file) && has_no_data(&c);
    if (!seen && !empty)
        return pixels;
    for (size_t y = 0; y < height; y++)
        memcpy(memory + y * n_row, (const uint8_t *)pixels + ((y * *row) << file->wide), n_row);
    if (!empty)
        fill(&c, 0, ALPHA);
    for (uint32_t band = 0; empty && band < file->bands; band++) {
        int by_alpha = seen && band < ALPHA;
        if (by_alpha)
            weigh_by_alpha(&c);
        else
            memset(c.weights, 255, n);
        if ((end_of(file, band, 1) < MOST && weigh_no_data(&c, band)) || by_alpha) {
            hold(&c, band);
            fill(&c, band, 1);
        }
    }
    *row = (size_t)width * file->bands;
    return memory;
}

int16_t alpha_at(const apc_file *file, const void *pixels, size_t at)
{
    int16_t sample;
    tile one = {1, 1, NULL, NULL, 0};
    fetch_band(file, &one, pixels, at, 0, 1, ALPHA, 1, 1, &sample);
    return sample;
}

int32_t value_of_alpha(const apc_file *file, const tile *t, const void *pixels, size_t row)
{
    int32_t sample = sample_at(file, pixels, ALPHA);
    int16_t first = alpha_at(file, pixels, 0);
    for (size_t y = 0; y < t->height; y++)
        for (size_t x = 0; x < t->width; x++)
            if (alpha_at(file, pixels, y * row + x * file->bands) != first)
                return -1;
    return sample == end_of(file, ALPHA, 0) ? 0 : sample == end_of(file, ALPHA, 1) ? FULL : first;
}
