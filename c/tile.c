/* The segments of a tile to its pixels and back (spec/apercu.md), by the kernel's parts. */
#include "inside.h"
#include "samples.h"
#include "wavelet.h"

#include <string.h>

enum { CENTRE = 4080 };

typedef struct {
    range_context *contexts;
    band_plane *planes;
    int16_t *coefficients, *samples, *scratch; /* samples of planes, scratch of the wavelet or of colour */
    uint8_t *workspace;                        /* of the coder, in the same place as samples and scratch */
    memory_map map;
} parts;

static int parts_in(parts *p, const apc_file *file, uint8_t *memory, uint32_t width, uint32_t height)
{
    int fault = map_memory(file, width, height, &p->map);
    if (fault)
        return fault;
    p->contexts = (range_context *)(void *)(memory + p->map.contexts);
    p->planes = (band_plane *)(void *)(memory + p->map.planes);
    p->coefficients = (int16_t *)(void *)(memory + p->map.coefficients);
    p->workspace = memory + p->map.work;
    p->samples = (int16_t *)(void *)p->workspace;
    p->scratch = p->samples + p->map.n_shown;
    for (uint32_t i = 0; i < file->bands; i++)
        p->planes[i] = plane_of(file, width, height, i);
    return 0;
}

/* --- Symbols */
static int write_layers(const apc_file *file, const apc_model *model, uint8_t *memory, const parts *p, uint8_t *out,
                        size_t capacity, uint32_t *lengths)
{
    start_tile(model, memory, &p->map);
    for (uint32_t layer = 0; layer < file->n_layers; layer++) {
        int first, last;
        uint64_t state[3] = {0, 0, 0};
        stages_of(file, layer, &first, &last);
        int64_t n = apercu_bands_encode(p->planes, file->bands, file->step_q8, model->weights, NULL, first, last, 0, file->bands,
                                        p->contexts, p->workspace, p->map.n_workspace, p->coefficients, NULL, out, capacity,
                                        state, 1);
        if (n < 0)
            return (int)n;
        if ((uint64_t)n + 4 > capacity)
            return APC_CAPACITY;
        lengths[layer] = (uint32_t)n;
        out += n + 4;
        capacity -= (size_t)n + 4;
    }
    return 0;
}

static int32_t offset_of(const apc_file *file, uint32_t group)
{
    return (int32_t)head_level(file->levels[2 * group]);
}

static int32_t range_of(const apc_file *file, uint32_t group)
{
    return (int32_t)head_level(file->levels[2 * group + 1]);
}

/* One or two rows of pixels to two of luma, which lie one after the other, and one each of Cb and Cr, behind them. */
static void fetch_colour_rows(const apc_file *file, const parts *p, const void *pixels, size_t at, size_t row, size_t w, size_t n)
{
    size_t wide = even((int32_t)w);
    int16_t *luma = p->samples, *cb = luma + 2 * wide, *cr = cb + wide / 2, *scratch = cr + wide / 2;
    if (is_wide(file))
        apercu_rgb_to_ycc_u16((const uint16_t *)pixels + at, row, file->bands, w, n, offset_of(file, 0), range_of(file, 0),
                              scratch, luma, wide, 2, cb, cr);
    else
        apercu_rgb_to_ycc_u8((const uint8_t *)pixels + at, row, file->bands, w, n, scratch, luma, wide, 2, cb, cr);
}

static void begin(const apc_file *file, wavelet_analysis *a, const band_plane *plane, int16_t *workspace, int16_t *coefficients)
{
    a->how = (wavelet_how){(size_t)plane->width, (size_t)plane->height, levels_of_plane(plane), plane->chroma ? 0 : CENTRE,
                           file->step_q8, plane->chroma};
    wavelet_begin(a, workspace, coefficients);
}

/* Apart, so that its state is off the stack when symbols are coded. */
APERCU_APART static void analyse_band(const apc_file *file, const parts *p, const void *pixels, size_t row, uint32_t band, int16_t *coefficients)
{
    const band_plane *of = &p->planes[band];
    wavelet_analysis a;
    begin(file, &a, of, p->scratch, coefficients);
    for (size_t y = 0; y < (size_t)of->height; y++) {
        if (!is_wide(file)) {
            wavelet_push_u8(&a, (const uint8_t *)pixels + y * row + band, file->bands);
            continue;
        }
        apercu_load_u16((const uint16_t *)pixels + y * row + band, 0, file->bands, (size_t)of->width, 1, offset_of(file, band),
                        range_of(file, band), p->samples, (size_t)of->width, 1);
        wavelet_push(&a, p->samples);
    }
    wavelet_end(&a);
}

APERCU_APART static void analyse_colour(const apc_file *file, const parts *p, const void *pixels, size_t row, int16_t *coefficients)
{
    wavelet_analysis planes[COLOUR_PLANES];
    int16_t *workspace = p->scratch;
    size_t width = (size_t)p->planes[0].width, height = (size_t)p->planes[0].height, wide = even(p->planes[0].width);
    for (int i = 0; i < COLOUR_PLANES; i++) {
        const band_plane *of = &p->planes[i];
        begin(file, &planes[i], of, workspace, coefficients);
        workspace += wavelet_workspace((size_t)of->width, (size_t)of->height);
        coefficients += n_samples(of);
    }
    for (size_t y = 0; y < height; y += 2) {
        size_t n = height - y < 2 ? 1 : 2;
        fetch_colour_rows(file, p, pixels, y * row, row, width, n);
        for (size_t i = 0; i < n; i++)
            wavelet_push(&planes[0], p->samples + i * wide);
        wavelet_push(&planes[1], p->samples + 2 * wide);
        wavelet_push(&planes[2], p->samples + 2 * wide + wide / 2);
    }
    for (int i = 0; i < COLOUR_PLANES; i++)
        wavelet_end(&planes[i]);
}

int tile_encode(const apc_file *file, const apc_model *model, void *memory, uint32_t width, uint32_t height, const void *pixels,
                size_t row, uint8_t *out, size_t capacity, uint32_t *lengths)
{
    parts p;
    int fault = parts_in(&p, file, memory, width, height);
    if (fault)
        return fault;
    if (is_colour(file))
        analyse_colour(file, &p, pixels, row, p.coefficients);
    for (uint32_t band = 0; !is_colour(file) && band < file->bands; band++)
        analyse_band(file, &p, pixels, row, band, p.coefficients + band * n_samples(&p.planes[0]));
    return write_layers(file, model, memory, &p, out, capacity, lengths);
}

#ifndef APERCU_SMALL_ENCODER
/* --- Symbols to pixels */
static int read_layers(const apc_file *file, const apc_model *model, uint8_t *memory, const parts *p, const tile_layers *layers,
                       uint32_t n_layers, uint32_t *faulty)
{
    start_tile(model, memory, &p->map);
    memset(p->coefficients, 0, p->map.n_coefficients * sizeof *p->coefficients);
    for (uint32_t layer = 0; layer < n_layers; layer++) {
        int first, last;
        uint64_t state[3] = {0, 0, 0};
        stages_of(file, layer, &first, &last);
        int64_t fault = apercu_bands_decode(p->planes, file->bands, file->step_q8, model->weights, first, last, 0, file->bands,
                                            p->contexts, p->workspace, p->map.n_workspace, layers->at[layer],
                                            layers->size[layer], p->coefficients, state, 1);
        if (fault) {
            *faulty = layer;
            return (int)fault; /* of the kernel, which has the same numbers */
        }
    }
    return 0;
}

static void store(const apc_file *file, const int16_t *plane, size_t w, size_t h, void *pixels, size_t row, uint32_t band,
                  uint32_t group)
{
    if (is_wide(file))
        apercu_store_u16(plane, w, (uint16_t *)pixels + band, row, file->bands, w, h, offset_of(file, group),
                         range_of(file, group));
    else
        apercu_store_u8(plane, w, (uint8_t *)pixels + band, row, file->bands, w, h);
}

static void store_colour(const apc_file *file, const parts *p, size_t w, size_t h, void *pixels, size_t row)
{
    size_t half = (w + 1) / 2;
    const int16_t *luma = p->samples, *cb = luma + w * h, *cr = cb + half * ((h + 1) / 2);
    if (is_wide(file))
        apercu_ycc_to_rgb_u16(luma, w, cb, cr, half, p->scratch, pixels, row, file->bands, w, h, offset_of(file, 0),
                              range_of(file, 0));
    else
        apercu_ycc_to_rgb_u8(luma, w, cb, cr, half, p->scratch, pixels, row, file->bands, w, h);
}

static void synthesise(const parts *p, const band_plane *plane, const int16_t *coefficients, int16_t *out)
{
    size_t w = (size_t)plane->width, h = (size_t)plane->height;
    apercu_wavelet_synthesise(coefficients, w, h, levels_of_plane(plane), plane->chroma ? 0 : CENTRE, p->scratch,
                              p->map.n_scratch, out, w);
}

static void flat(const band_plane *plane, int16_t *out)
{
    for (size_t i = 0; i < n_samples(plane); i++)
        out[i] = plane->chroma ? 0 : CENTRE;
}

int tile_decode(const apc_file *file, const apc_model *model, void *memory, uint32_t width, uint32_t height,
                const tile_layers *layers, uint32_t n_layers, void *pixels, size_t row, uint32_t *faulty)
{
    parts p;
    int fault = parts_in(&p, file, memory, width, height);
    if (!fault && n_layers)
        fault = read_layers(file, model, memory, &p, layers, n_layers, faulty);
    if (fault)
        return fault;
    const int16_t *coefficients = p.coefficients;
    int16_t *plane = p.samples;
    for (uint32_t band = 0, group = is_colour(file) ? 1 : 0; band < file->bands; band++) {
        const band_plane *of = &p.planes[band];
        if (n_layers)
            synthesise(&p, of, coefficients, plane);
        else
            flat(of, plane);
        coefficients += n_samples(of);
        if (is_colour(file) && band < COLOUR_PLANES) {
            plane += n_samples(of);
            if (band + 1 < COLOUR_PLANES)
                continue;
            store_colour(file, &p, width, height, pixels, row);
            plane = p.samples;
        } else {
            store(file, plane, width, height, pixels, row, band, group++);
        }
    }
    return 0;
}
#endif
