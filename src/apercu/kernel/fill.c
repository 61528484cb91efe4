/* Push–pull (S. J. Gortler, R. Grzeszczuk, R. Szeliski, M. F. Cohen, "The Lumigraph", 1996): weighted means of 2 x 2
 * samples up to a single one, then down again: a sample with too little weight gets the rest from the level above,
 * interpolated.
 *
 * Of the samples that count, only those near one that does not count are used: a filled area continues its rim, and most
 * of an image is not even read. */
#include "fill.h"

#include <string.h>

enum { WHOLE = 255 /* weight */, MOST_LEVELS = 17, PARTS = 256 /* of a sample of 8 bits in a level */, RUN = 8 };

/* A component of an image, or a level above it. */
typedef struct {
    void *samples;
    size_t row_pitch, pitch, width, height;
    const uint8_t *weights;
} grid;

/* The levels above an image: half size, rounded up, until a single sample is left; returns how many. `workspace` may be
 * NULL. */
static size_t lay_out(size_t width, size_t height, uint8_t *workspace, grid *levels, size_t *n_bytes)
{
    size_t n = 0, n_samples = 0, at = 0, rows = 8 * ((width + 1) / 2) + 8; /* rows: what push() works on */
    do {
        width = (width + 1) / 2;
        height = (height + 1) / 2;
        grid level = {NULL, width, 1, width, height, NULL};
        levels[n++] = level;
        n_samples += width * height;
    } while (width * height > 1 && n < MOST_LEVELS);
    *n_bytes = rows + 3 * n_samples;
    for (size_t i = 0; workspace && i < n; i++) {
        levels[i].samples = workspace + rows + 2 * at;
        levels[i].weights = workspace + rows + 2 * n_samples + at;
        at += levels[i].width * levels[i].height;
    }
    return n;
}

int64_t apercu_fill_workspace(size_t width, size_t height)
{
    grid levels[MOST_LEVELS];
    size_t n_bytes;
    lay_out(width, height, NULL, levels, &n_bytes);
    return (int64_t)n_bytes;
}

/* Weights of a level: the sum of four, 255 at the most. */
APERCU_VECTORISED static void weigh(const grid *below, const grid *level, uint8_t *own)
{
    size_t wide = below->width, pairs = wide / 2;
    for (size_t y = 0; y < level->height; y++) {
        const uint8_t *upper = below->weights + 2 * y * wide, *lower = 2 * y + 1 < below->height ? upper + wide : NULL;
        uint8_t *restrict out = own + y * level->width;
        for (size_t x = 0; x < pairs; x++) {
            uint32_t sum = (uint32_t)(upper[2 * x] + upper[2 * x + 1]);
            sum += lower ? (uint32_t)(lower[2 * x] + lower[2 * x + 1]) : 0;
            out[x] = (uint8_t)(sum < WHOLE ? sum : WHOLE);
        }
        if (wide % 2) {
            uint32_t sum = (uint32_t)(upper[wide - 1] + (lower ? lower[wide - 1] : 0));
            out[pairs] = (uint8_t)(sum < WHOLE ? sum : WHOLE);
        }
    }
}

/* Takes the weight from samples of the first level that have nothing to fill under them or beside. `solid` holds as many
 * samples, `row` two more than a row. */
APERCU_VECTORISED static void drop_inner(const grid *image, const grid *level, uint8_t *own, uint8_t *restrict solid,
                                         uint8_t *restrict row)
{
    size_t wide = image->width, width = level->width, height = level->height;
    for (size_t y = 0; y < height; y++) {
        const uint8_t *upper = image->weights + 2 * y * wide, *lower = 2 * y + 1 < image->height ? upper + wide : upper;
        uint8_t *out = solid + y * width;
        for (size_t x = 0; x < wide / 2; x++)
            out[x] = (upper[2 * x] & upper[2 * x + 1] & lower[2 * x] & lower[2 * x + 1]) == WHOLE ? WHOLE : 0;
        if (wide % 2)
            out[width - 1] = (upper[wide - 1] & lower[wide - 1]) == WHOLE ? WHOLE : 0;
    }
    row[0] = row[width + 1] = WHOLE;
    for (size_t y = 0; y < height; y++) {
        const uint8_t *here = solid + y * width, *up = y ? here - width : here, *down = y + 1 < height ? here + width : here;
        uint8_t *out = own + y * width;
        for (size_t x = 0; x < width; x++)
            row[x + 1] = up[x] & here[x] & down[x];
        for (size_t x = 0; x < width; x++)
            out[x] = (uint8_t)(out[x] & ~(row[x] & row[x + 1] & row[x + 2]));
    }
}

static const uint8_t none[RUN] = {0}, whole[RUN] = {WHOLE, WHOLE, WHOLE, WHOLE, WHOLE, WHOLE, WHOLE, WHOLE};

static inline uint32_t value_at(const grid *g, size_t y, size_t x, const int bytes)
{
    size_t at = y * g->row_pitch + x * g->pitch;
    return bytes == 1 ? PARTS * (uint32_t)((const uint8_t *)g->samples)[at] : ((const uint16_t *)g->samples)[at];
}

/* The samples of a level: weighted means of up to four, where there is weight. */
static inline void pull(const grid *below, const grid *level, const int bytes)
{
    for (size_t y = 0; y < level->height; y++) {
        uint16_t *values = (uint16_t *)level->samples + y * level->width;
        const uint8_t *weights = level->weights + y * level->width;
        size_t end_y = 2 * y + 2 < below->height ? 2 * y + 2 : below->height;
        for (size_t x = 0; x < level->width; x++) {
            if (!weights[x]) {
                while (x + RUN < level->width && !memcmp(weights + x + 1, none, RUN))
                    x += RUN;
                continue;
            }
            uint32_t total = 0, sum = 0;
            for (size_t v = 2 * y; v < end_y; v++)
                for (size_t u = 2 * x; u < 2 * x + 2 && u < below->width; u++) {
                    uint32_t w = below->weights[v * below->width + u];
                    if (!w)
                        continue; /* in a level, a sample without weight was never written */
                    total += w;
                    sum += w * value_at(below, v, u, bytes);
                }
            values[x] = (uint16_t)((sum + total / 2) / total);
        }
    }
}

/* A row of a level at twice the size, from the nearer and the farther row: 9, 3, 3 and 1 parts of the four nearest.
 * `row` holds twice `n`, `sums` two more than `n`. */
APERCU_VECTORISED static void enlarge(const uint16_t *near, const uint16_t *far, size_t n, uint32_t *restrict sums,
                                      uint16_t *restrict row)
{
    for (size_t x = 0; x < n; x++)
        sums[x + 1] = 3u * near[x] + far[x];
    sums[0] = sums[1];
    sums[n + 1] = sums[n];
    for (size_t x = 0; x < n; x++) {
        row[2 * x] = (uint16_t)((3 * sums[x + 1] + sums[x] + 8) >> 4);
        row[2 * x + 1] = (uint16_t)((3 * sums[x + 1] + sums[x + 2] + 8) >> 4);
    }
}

static inline void put(const grid *g, size_t y, size_t x, uint32_t value, const int bytes)
{
    size_t at = y * g->row_pitch + x * g->pitch;
    if (bytes == 2)
        ((uint16_t *)g->samples)[at] = (uint16_t)value;
    else
        ((uint8_t *)g->samples)[at] = (uint8_t)((value + PARTS / 2) / PARTS);
}

static inline void complete(const grid *g, size_t y, size_t x, uint32_t w, uint32_t around, const int bytes)
{
    if (w < WHOLE)
        put(g, y, x, w ? (w * value_at(g, y, x, bytes) + (WHOLE - w) * around + WHOLE / 2) / WHOLE : around, bytes);
}

/* Gives samples the weight that is missing from the level above. `work`: 8 bytes for each sample of its rows, and 8. */
static inline void push(const grid *below, const grid *level, uint8_t *work, const int bytes)
{
    uint32_t *sums = (uint32_t *)(void *)work;
    uint16_t *around = (uint16_t *)(void *)(sums + level->width + 2);
    const uint16_t *values = level->samples;
    for (size_t y = 0; y < below->height; y++) {
        const uint8_t *weights = below->weights + y * below->width;
        size_t near = y / 2, far = y % 2 ? near + 1 : near - 1, x = 0, n = below->width;
        far = far < level->height ? far : near;
        while (x + RUN <= n && !memcmp(weights + x, whole, RUN))
            x += RUN;
        if (x < n)
            enlarge(values + near * level->width, values + far * level->width, level->width, sums, around);
        for (; x + RUN <= n; x += RUN) { /* most runs are of one kind */
            if (!memcmp(weights + x, whole, RUN))
                continue;
            if (!memcmp(weights + x, none, RUN))
                for (size_t i = x; i < x + RUN; i++)
                    put(below, y, i, around[i], bytes);
            else
                for (size_t i = x; i < x + RUN; i++)
                    complete(below, y, i, weights[i], around[i], bytes);
        }
        for (; x < n; x++)
            complete(below, y, x, weights[x], around[x], bytes);
    }
}

static inline int64_t fill(grid image, size_t n_bands, const int32_t *middles, uint8_t *workspace, size_t n_workspace,
                           const int bytes)
{
    grid levels[MOST_LEVELS];
    size_t n_bytes, n = lay_out(image.width, image.height, workspace, levels, &n_bytes);
    if (n_workspace < n_bytes)
        return APERCU_ERROR_CAPACITY;
    for (size_t i = 0; i < n; i++) {
        uint8_t *own = workspace + (levels[i].weights - workspace);
        weigh(i ? &levels[i - 1] : &image, &levels[i], own);
        if (i == 0)
            drop_inner(&image, &levels[0], own, levels[0].samples, workspace);
    }
    uint16_t *top = levels[n - 1].samples;
    for (size_t band = 0; band < n_bands; band++) {
        grid component = image;
        component.samples = (uint8_t *)image.samples + band * (size_t)bytes;
        pull(&component, &levels[0], bytes);
        for (size_t i = 1; i < n; i++)
            pull(&levels[i - 1], &levels[i], 2);
        if (!levels[n - 1].weights[0])
            *top = (uint16_t)(bytes == 1 ? PARTS * middles[band] : middles[band]);
        for (size_t i = n - 1; i > 0; i--)
            push(&levels[i - 1], &levels[i], workspace, 2);
        push(&component, &levels[0], workspace, bytes);
    }
    return 0;
}

int64_t apercu_fill_u8(uint8_t *image, size_t row_pitch, size_t pitch, size_t width, size_t height, size_t n_bands,
                       const uint8_t *weights, const int32_t *middles, uint8_t *workspace, size_t n_workspace)
{
    grid all = {image, row_pitch, pitch, width, height, weights};
    return fill(all, n_bands, middles, workspace, n_workspace, 1);
}

int64_t apercu_fill_u16(uint16_t *image, size_t row_pitch, size_t pitch, size_t width, size_t height, size_t n_bands,
                        const uint8_t *weights, const int32_t *middles, uint8_t *workspace, size_t n_workspace)
{
    grid all = {image, row_pitch, pitch, width, height, weights};
    return fill(all, n_bands, middles, workspace, n_workspace, 2);
}
