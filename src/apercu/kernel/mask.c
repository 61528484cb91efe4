/* Masks to bytes and back. Writing and reading are the same functions, compiled twice. */
#include "mask.h"

#include "mask_outline.h"
#include "mask_pixels.h"

#include <string.h>

enum { MOST_SIDE = 65535, MOST_MASKS = 65535 };

/* With an edge in FEW pixels or less, outlines are shorter, and with one in MANY or more, pixels: nobody tries. */
enum { FEW = 64, MANY = 4 };

static size_t aligned(size_t n)
{
    return (n + 63) & ~(size_t)63;
}

/* Places everything, and returns the bytes that it takes; `at` may be NULL. */
static size_t place(int32_t width, int32_t height, uint8_t *at, room *r)
{
    const size_t stride = (size_t)width / 8 + 2, n_contexts = aligned(2 * N_CONTEXTS * sizeof(range_context));
    const size_t n_plane = aligned(1 + ((size_t)height + 2) * stride), n_edges = aligned((size_t)height * stride);
    if (at) {
        r->c.contexts = (range_context *)(void *)at;
        r->spare = r->c.contexts + N_CONTEXTS;
        r->width = width;
        r->height = height;
        r->stride = stride;
        r->plane = at + n_contexts + 1 + 2 * stride;
        r->edges = at + n_contexts + n_plane;
        r->likely = r->edges + n_edges;
    }
    return n_contexts + n_plane + 2 * n_edges;
}

static int sound_size(int32_t width, int32_t height)
{
    return width >= 1 && width <= MOST_SIDE && height >= 1 && height <= MOST_SIDE;
}

int64_t apercu_mask_workspace(int32_t width, int32_t height)
{
    return sound_size(width, height) ? (int64_t)place(width, height, NULL, NULL) : APERCU_ERROR_ARGUMENT;
}

static void start(room *r)
{
    memset(r->plane - 1 - 2 * r->stride, 0, 1 + 2 * r->stride);
    for (uint32_t i = 0; i < N_CONTEXTS; i++) {
        const uint32_t p0 = i >= MISS_AT && i < MISS_PAST_AT ? EXPECTED : RANGE_HALF;
        r->c.contexts[i] = range_context_at(p0, NEW_AGE, i < GROUP_AT ? RANGE_FAST_SHIFT : RANGE_SLOW_SHIFT, RANGE_SLOW_SHIFT);
    }
}

static inline uint32_t count_ones(uint32_t byte)
{
    byte -= byte >> 1 & 0x55;
    byte = (byte & 0x33) + (byte >> 2 & 0x33);
    return (byte + (byte >> 4)) & 15;
}

/* Upright edges of a row of `n` bytes, which ends with zeros. */
static void find_edges(const uint8_t *row, size_t n, uint8_t *edges)
{
    uint32_t before = 0;
    for (size_t i = 0; i < n; i++) {
        before = before << 8 | row[i];
        edges[i] = (uint8_t)(before ^ before >> 1);
    }
}

/* A row of a mask, as those of the planes are. */
static void load_row(const room *r, const uint8_t *mask, int32_t y, uint8_t *row)
{
    const size_t n = ((size_t)r->width + 7) / 8;
    memcpy(row, mask + (size_t)y * n, n);
    row[n - 1] &= (uint8_t)(0xff00u >> ((r->width - 1) % 8 + 1));
    memset(row + n, 0, r->stride - n);
}

/* Puts a mask into `plane`, or where it differs from `before`, if that is not NULL. Returns the number of edges. */
static int64_t load(room *r, const uint8_t *mask, const uint8_t *before)
{
    int64_t n_edges = 0;
    for (int32_t y = 0; y < r->height; y++) {
        uint8_t *row = r->plane + (size_t)y * r->stride, *edges = r->edges + (size_t)y * r->stride;
        const uint8_t *up = row - r->stride;
        load_row(r, mask, y, row);
        if (before) {
            load_row(r, before, y, edges);
            for (size_t i = 0; i < r->stride; i++)
                row[i] ^= edges[i];
        }
        find_edges(row, r->stride, edges);
        for (size_t i = 0; i < r->stride; i++)
            n_edges += count_ones(edges[i]) + count_ones(row[i] ^ (uint32_t)up[i]);
    }
    for (size_t i = 0; i < r->stride; i++)
        n_edges += count_ones(r->plane[((size_t)r->height - 1) * r->stride + i]);
    r->differs = before != NULL;
    return n_edges;
}

/* Where outlines of a difference from `mask` are likely to begin: at its edges, and one pixel to the left. */
static void mark_likely(room *r, const uint8_t *mask)
{
    for (int32_t y = 0; y < r->height; y++) {
        uint8_t *row = r->edges + (size_t)y * r->stride, *likely = r->likely + (size_t)y * r->stride;
        load_row(r, mask, y, row);
        find_edges(row, r->stride, likely);
        for (size_t i = 0; i + 1 < r->stride; i++)
            likely[i] |= (uint8_t)(likely[i] << 1 | likely[i + 1] >> 7);
    }
}

/* The inverse: pixels from upright edges. */
static void fill_in(room *r)
{
    for (int32_t y = 0; y < r->height; y++) {
        uint8_t *row = r->plane + (size_t)y * r->stride;
        const uint8_t *edges = r->edges + (size_t)y * r->stride;
        uint32_t before = 0;
        for (size_t i = 0; i < r->stride; i++) {
            uint32_t now = edges[i];
            now ^= now >> 1;
            now ^= now >> 2;
            now ^= now >> 4;
            row[i] = (uint8_t)(before & 1 ? ~now : now);
            before = row[i];
        }
    }
}

/* Takes a mask out of `plane`. */
static void store(const room *r, const uint8_t *before, uint8_t *mask)
{
    const size_t n = ((size_t)r->width + 7) / 8;
    for (int32_t y = 0; y < r->height; y++) {
        const uint8_t *row = r->plane + (size_t)y * r->stride;
        uint8_t *own = mask + (size_t)y * n;
        memcpy(own, row, n);
        for (size_t i = 0; before && i < n; i++)
            own[i] ^= before[(size_t)y * n + i];
    }
}

static void write_plane(room *r, int by_pixels)
{
    if (by_pixels) {
        code_pixels(r, 1);
    } else {
        for (int32_t y = 0; y < r->height; y++)
            find_edges(r->plane + (size_t)y * r->stride, r->stride, r->edges + (size_t)y * r->stride);
        code_outlines(r, 1);
    }
}

/* How many bytes `plane` would take. Contexts stay as they are. */
static size_t bytes_of(const room *r, int by_pixels)
{
    room of = *r;
    of.c.e = range_encoder_at(NULL, 0);
    of.c.contexts = r->spare;
    memcpy(r->spare, r->c.contexts, N_CONTEXTS * sizeof *r->spare);
    write_plane(&of, by_pixels);
    return of.c.e.size;
}

static void write_mask(room *r, const uint8_t *mask, const uint8_t *before)
{
    const int64_t area = (int64_t)r->width * r->height;
    const uint32_t later = before != NULL;
    int64_t n_edges = load(r, mask, before);
    if (!code_adaptive(r, CHANGED_AT + later, n_edges != 0, 1))
        return;
    if (later) {
        const int64_t n_apart = load(r, mask, NULL);
        if (code_adaptive(r, APART_AT, n_apart < n_edges, 1)) {
            n_edges = n_apart;
        } else {
            load(r, mask, before);
            mark_likely(r, before);
        }
    }
    int by_pixels = n_edges > area / MANY;
    if (!by_pixels && n_edges > area / FEW)
        by_pixels = bytes_of(r, 1) < bytes_of(r, 0);
    write_plane(r, (int)code_adaptive(r, PIXELS_AT, (uint32_t)by_pixels, 1));
}

static int64_t read_mask(room *r, const uint8_t *before, uint8_t *mask)
{
    const size_t n = ((size_t)r->width + 7) / 8 * (size_t)r->height;
    const uint32_t later = before != NULL;
    if (!code_adaptive(r, CHANGED_AT + later, 0, 0)) {
        if (later)
            memcpy(mask, before, n);
        else
            memset(mask, 0, n);
        return 0;
    }
    r->differs = later && !code_adaptive(r, APART_AT, 0, 0);
    int64_t fault;
    if (code_adaptive(r, PIXELS_AT, 0, 0)) {
        memset(r->plane, 0, (size_t)r->height * r->stride);
        fault = code_pixels(r, 0);
    } else {
        if (r->differs)
            mark_likely(r, before);
        memset(r->edges, 0, (size_t)r->height * r->stride);
        fault = code_outlines(r, 0);
        if (!fault)
            fill_in(r);
    }
    if (!fault)
        store(r, r->differs ? before : NULL, mask);
    return fault;
}

int64_t apercu_mask_encode(const uint8_t *bits, int32_t width, int32_t height, int32_t n_masks, uint8_t *workspace,
                           size_t n_workspace, uint8_t *out, size_t capacity)
{
    room r = {{range_encoder_at(out, capacity), range_decoder_at(NULL, 0), NULL}, NULL, 0, 0, 0, NULL, NULL, NULL, 0};
    const size_t n = ((size_t)width + 7) / 8 * (size_t)height;
    if (!sound_size(width, height) || n_masks < 1 || n_masks > MOST_MASKS)
        return APERCU_ERROR_ARGUMENT;
    if (n_workspace < place(width, height, workspace, &r))
        return APERCU_ERROR_CAPACITY;
    start(&r);
    for (int32_t i = 0; i < n_masks; i++) {
        const uint8_t *mask = bits + (size_t)i * n;
        write_mask(&r, mask, i ? mask - n : NULL);
    }
    return range_finish(&r.c.e);
}

int64_t apercu_mask_decode(const uint8_t *data, size_t n_data, int32_t width, int32_t height, int32_t n_masks,
                           uint8_t *workspace, size_t n_workspace, uint8_t *bits)
{
    room r = {{range_encoder_at(NULL, 0), range_decoder_at(data, n_data), NULL}, NULL, 0, 0, 0, NULL, NULL, NULL, 0};
    const size_t n = ((size_t)width + 7) / 8 * (size_t)height;
    if (!sound_size(width, height) || n_masks < 1 || n_masks > MOST_MASKS)
        return APERCU_ERROR_ARGUMENT;
    if (n_workspace < place(width, height, workspace, &r))
        return APERCU_ERROR_CAPACITY;
    start(&r);
    for (int32_t i = 0; i < n_masks; i++) {
        uint8_t *mask = bits + (size_t)i * n;
        const int64_t fault = read_mask(&r, i ? mask - n : NULL, mask);
        if (fault)
            return range_overrun(&r.c.d) ? APERCU_ERROR_TRUNCATED : fault;
    }
    return range_end(&r.c.d);
}
