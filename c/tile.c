/* The segments of a tile to its pixels (spec/apercu.md), by the kernel's parts. */
#include "inside.h"
#include "samples.h"
#include "wavelet.h"

#include <string.h>

enum { COLOUR_PLANES = 3, CENTRE = 4080, FEW_PLANES = 4 };

/* --- Planes */
static int is_colour(const apc_file *file)
{
    return file->interpretation == APC_RGB || file->interpretation == APC_RGBA;
}

static band_plane plane_of(const apc_file *file, uint32_t width, uint32_t height, uint32_t index)
{
    int chroma = is_colour(file) && (index == 1 || index == 2);
    band_plane plane = {(int32_t)(chroma ? (width + 1) / 2 : width), (int32_t)(chroma ? (height + 1) / 2 : height), chroma,
                        is_colour(file) ? (chroma ? (int32_t)index - 1 : -1) : (int32_t)index - 1, 0, 0};
    return plane;
}

static size_t n_samples(const band_plane *plane)
{
    return (size_t)plane->width * (size_t)plane->height;
}

static int levels_of_plane(const band_plane *plane)
{
    return WAVELET_LEVELS - plane->chroma;
}

/* --- What a segment can hold */
static uint64_t least_bits(const band_plane *plane, int first, int last)
{
    wavelet_layout layout;
    int levels = levels_of_plane(plane);
    wavelet_lay_out(&layout, (size_t)plane->width, (size_t)plane->height, levels);
    uint64_t bits = first == STAGES ? (uint64_t)layout.width[0] * layout.height[0] : 0;
    for (int i = 1; i < layout.n_bands; i++) {
        int stage = levels - (i - 1) / ORIENTATIONS + plane->chroma;
        size_t group = stage <= FLAGGED_STAGES ? GROUP : 1;
        if (last <= stage && stage <= first)
            bits += (uint64_t)((layout.width[i] + group - 1) / group) * ((layout.height[i] + group - 1) / group);
    }
    return bits;
}

/* The first layer holds the coarsest stages, every other one stage. */
static void stages_of(const apc_file *file, uint32_t layer, int *first, int *last)
{
    *last = (int)(file->n_layers - layer);
    *first = layer ? *last : STAGES;
}

int tile_has_room(const apc_file *file, uint32_t width, uint32_t height, uint32_t layer, size_t n)
{
    int first, last;
    stages_of(file, layer, &first, &last);
    band_plane plane = plane_of(file, width, height, 0);
    uint64_t bits = least_bits(&plane, first, last) * (is_colour(file) ? file->bands - 2 : file->bands);
    if (is_colour(file)) {
        plane = plane_of(file, width, height, 1);
        bits += 2 * least_bits(&plane, first, last);
    }
    unsigned log2 = file->model == MODEL_OF_USER ? BITS_A_BYTE_OF_USERS_LOG2 : BITS_A_BYTE_LOG2;
    return bits > ((uint64_t)n + BEYOND) << log2 ? APC_TRUNCATED : 0;
}

/* --- Memory */
typedef struct {
    size_t weights, contexts, planes, coefficients, work; /* where each begins */
    size_t n_coefficients, n_workspace;                   /* of all planes; of the coder, which is in `work` */
    size_t size;
} memory_map;

static size_t aligned(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* 0, or APC_TOO_LARGE where it cannot be addressed. */
static int map_memory(const apc_file *file, uint32_t width, uint32_t height, memory_map *map)
{
    /* A sample takes 16 bytes at the most, and its plane's margins no more than that of 16 rows and columns. */
    if ((uint64_t)(width + 16) * (height + 16) > SIZE_MAX / 32 / file->bands)
        return APC_TOO_LARGE;
    band_plane some[FEW_PLANES];
    uint32_t few = file->bands < FEW_PLANES ? file->bands : FEW_PLANES;
    size_t shown = 0;
    map->n_coefficients = 0;
    for (uint32_t i = 0; i < few; i++) {
        some[i] = plane_of(file, width, height, i);
        map->n_coefficients += n_samples(&some[i]);
        shown += is_colour(file) && i < COLOUR_PLANES ? n_samples(&some[i]) : 0;
    }
    map->n_workspace = (size_t)apercu_bands_workspace(some, few);
    if (file->bands > few) { /* all alike: each takes as much as the last of these */
        map->n_workspace += (file->bands - few) * (map->n_workspace - (size_t)apercu_bands_workspace(some, few - 1));
        map->n_coefficients += (file->bands - few) * n_samples(&some[0]);
    }
    size_t w = width, synthesis = 8 * (w + 12) + 2 * ((w + 1) / 2) * (((size_t)height + 1) / 2), colour = 3 * (w + 2);
    map->weights = 0;
    map->contexts = aligned(BANDS_IN_ALL * PAST);
    map->planes = map->contexts + aligned(N_CONTEXTS * sizeof(range_context));
    map->coefficients = map->planes + aligned(file->bands * sizeof(band_plane));
    map->work = map->coefficients + aligned(map->n_coefficients * sizeof(int16_t));
    map->size = map->work + aligned(larger(map->n_workspace, sizeof(int16_t) * (larger(shown, n_samples(&some[0])) +
                                                                                larger(synthesis, colour))));
    return 0;
}

size_t apc_memory(const apc_file *file)
{
    memory_map map;
    uint32_t width = file->width < file->tile ? file->width : file->tile;
    uint32_t height = file->height < file->tile ? file->height : file->tile;
    return map_memory(file, width, height, &map) ? SIZE_MAX : map.size;
}

/* --- The model */
int tile_check_model(const apc_file *file, const apc_model *model)
{
    const uint32_t n_weights = BANDS_IN_ALL * PAST;
    if (!model || model->number != file->model || model->n_numbers != n_weights + 2 * N_CONTEXTS)
        return APC_MODEL_ERROR;
    if (file->model == MODEL_OF_USER && memcmp(model->hash, file->hash, sizeof file->hash) != 0)
        return APC_MODEL_ERROR;
    for (uint32_t i = 0; i < n_weights; i++)
        if (model->numbers[i] > 64) /* so that sums over neighbours have 16 bits */
            return APC_MODEL_ERROR;
    for (const uint16_t *start = model->numbers + n_weights, *end = start + 2 * N_CONTEXTS; start < end; start += 2)
        if (start[0] < 1 || start[1] < 2 || start[1] > RANGE_OLD_AGE)
            return APC_MODEL_ERROR;
    return 0;
}

/* --- Symbols */
static int read_layers(const apc_file *file, const apc_model *model, uint8_t *memory, const memory_map *map,
                       const tile_layers *layers, uint32_t n_layers, uint32_t *faulty)
{
    uint8_t *weights = memory + map->weights;
    range_context *contexts = (range_context *)(void *)(memory + map->contexts);
    int16_t *coefficients = (int16_t *)(void *)(memory + map->coefficients);
    for (size_t i = 0; i < BANDS_IN_ALL * PAST; i++)
        weights[i] = (uint8_t)model->numbers[i];
    apercu_bands_start(model->numbers + BANDS_IN_ALL * PAST, contexts);
    memset(coefficients, 0, map->n_coefficients * sizeof *coefficients);
    memset(memory + map->work, 0, map->n_workspace);
    for (uint32_t layer = 0; layer < n_layers; layer++) {
        int first, last;
        uint64_t state[3] = {0, 0, 0};
        stages_of(file, layer, &first, &last);
        int64_t fault = apercu_bands_decode((const band_plane *)(const void *)(memory + map->planes), file->bands, file->step_q8,
                                            weights, first, last, 0, file->bands, contexts, memory + map->work,
                                            map->n_workspace, layers->at[layer], layers->size[layer], coefficients, state, 1);
        if (fault) {
            *faulty = layer;
            return (int)fault; /* of the kernel, which has the same numbers */
        }
    }
    return 0;
}

/* --- Pixels */
static void *sample_at(const apc_file *file, void *pixels, uint32_t band)
{
    return (uint8_t *)pixels + ((size_t)band << file->wide);
}

static void store(const apc_file *file, const int16_t *plane, size_t w, size_t h, void *pixels, size_t row, uint32_t band,
                  uint32_t group)
{
    const uint8_t *levels = file->levels + 2 * group;
    if (file->wide)
        apercu_store_u16(plane, w, sample_at(file, pixels, band), row, file->bands, w, h, (int32_t)head_level(levels[0]),
                         (int32_t)head_level(levels[1]));
    else
        apercu_store_u8(plane, w, sample_at(file, pixels, band), row, file->bands, w, h);
}

static void store_colour(const apc_file *file, const int16_t *luma, size_t w, size_t h, int16_t *scratch, void *pixels, size_t row)
{
    size_t half = (w + 1) / 2;
    const int16_t *cb = luma + w * h, *cr = cb + half * ((h + 1) / 2);
    if (file->wide)
        apercu_ycc_to_rgb_u16(luma, w, cb, cr, half, scratch, pixels, row, file->bands, w, h,
                              (int32_t)head_level(file->levels[0]), (int32_t)head_level(file->levels[1]));
    else
        apercu_ycc_to_rgb_u8(luma, w, cb, cr, half, scratch, pixels, row, file->bands, w, h);
}

/* A plane from its coefficients, or flat. */
static void synthesise(const band_plane *plane, const int16_t *coefficients, int16_t *scratch, int16_t *out)
{
    size_t w = (size_t)plane->width, h = (size_t)plane->height;
    int32_t centre = plane->chroma ? 0 : CENTRE;
    if (coefficients)
        apercu_wavelet_synthesise(coefficients, w, h, levels_of_plane(plane), centre, scratch,
                                  8 * (w + 12) + 2 * ((w + 1) / 2) * ((h + 1) / 2), out, w);
    else
        for (size_t i = 0; i < w * h; i++)
            out[i] = (int16_t)centre;
}

int tile_decode(const apc_file *file, const apc_model *model, void *memory, uint32_t width, uint32_t height,
                const tile_layers *layers, uint32_t n_layers, void *pixels, size_t row, uint32_t *faulty)
{
    memory_map map;
    if (map_memory(file, width, height, &map))
        return APC_TOO_LARGE;
    band_plane *planes = (band_plane *)(void *)((uint8_t *)memory + map.planes);
    for (uint32_t i = 0; i < file->bands; i++)
        planes[i] = plane_of(file, width, height, i);
    int fault = n_layers ? read_layers(file, model, memory, &map, layers, n_layers, faulty) : 0;
    if (fault)
        return fault;
    const int16_t *coefficients = n_layers ? (const int16_t *)(const void *)((uint8_t *)memory + map.coefficients) : NULL;
    int16_t *out = (int16_t *)(void *)((uint8_t *)memory + map.work);
    uint32_t band = 0;
    if (is_colour(file)) {
        int16_t *scratch = out + n_samples(&planes[0]) + 2 * n_samples(&planes[1]), *plane = out;
        for (; band < COLOUR_PLANES; band++) {
            synthesise(&planes[band], coefficients, scratch, plane);
            plane += n_samples(&planes[band]);
            coefficients = coefficients ? coefficients + n_samples(&planes[band]) : NULL;
        }
        store_colour(file, out, width, height, scratch, pixels, row);
    }
    for (uint32_t group = is_colour(file) ? 1 : 0; band < file->bands; band++, group++) {
        synthesise(&planes[band], coefficients, out + n_samples(&planes[band]), out);
        store(file, out, width, height, pixels, row, band, group);
        coefficients = coefficients ? coefficients + n_samples(&planes[band]) : NULL;
    }
    return 0;
}
