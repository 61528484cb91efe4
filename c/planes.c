/* The planes of a tile, what its segments can hold, the memory that it takes, and the tables. */
#include "inside.h"
#include "band_small.h"
#include "wavelet.h"

#include <string.h>

enum { FEW_PLANES = 4, MOST_WEIGHT = 64 /* so that sums over neighbours have 16 bits */ };

/* --- Planes */
band_plane plane_of(const apc_file *file, uint32_t width, uint32_t height, uint32_t index)
{
    int chroma = is_colour(file) && (index == 1 || index == 2);
    band_plane plane = {(int32_t)width, (int32_t)height, chroma, (int32_t)index - 1, file->writing, 0};
    if (chroma)
        plane.width = (plane.width + 1) / 2, plane.height = (plane.height + 1) / 2;
    else if (is_colour(file))
        plane.companion = -1;
    return plane;
}

size_t even(int32_t side)
{
    return ((size_t)side + 1) & ~(size_t)1;
}

size_t n_samples(const band_plane *plane)
{
    return (size_t)plane->width * (size_t)plane->height;
}

int levels_of_plane(const band_plane *plane)
{
    return WAVELET_LEVELS - plane->chroma;
}

apc_place apc_tile_place(const apc_file *file, uint32_t tile)
{
    uint32_t across = (file->width + file->tile - 1) / file->tile;
    uint32_t top = tile / across * file->tile, left = tile % across * file->tile;
    apc_place place = {top, left, file->height - top < file->tile ? file->height - top : file->tile,
                       file->width - left < file->tile ? file->width - left : file->tile};
    return place;
}

/* The first layer holds the coarsest stages, every other one stage. */
void stages_of(const apc_file *file, uint32_t layer, int *first, int *last)
{
    *last = (int)(file->n_layers - layer);
    *first = layer ? *last : STAGES;
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

int has_room(const apc_file *file, uint32_t width, uint32_t height, uint32_t layer, size_t n)
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
static size_t aligned(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t n_for_wavelet(const band_plane *plane)
{
    return wavelet_workspace((size_t)plane->width, (size_t)plane->height);
}

/* What stands in `work` when the coder does not: samples, and behind them what they are made in. An encoder has rows of them
 * alone, and all components of colour go through their wavelets side by side. */
static void map_samples(const apc_file *file, const band_plane *planes, memory_map *map)
{
    size_t wide = even(planes[0].width);
    if (file->writing && is_colour(file)) {
        map->n_shown = COLOUR_ROWS * wide;
        map->n_scratch = n_for_wavelet(&planes[0]) + 2 * n_for_wavelet(&planes[1]);
    } else if (file->writing) {
        map->n_shown = wide;
        map->n_scratch = n_for_wavelet(&planes[0]);
    } else {
        map->n_shown = n_samples(&planes[0]) + (is_colour(file) ? 2 * n_samples(&planes[1]) : 0);
        map->n_scratch = larger(n_for_wavelet(&planes[0]), 3 * (wide + 2));
    }
}

int map_memory(const apc_file *file, uint32_t width, uint32_t height, memory_map *map)
{
    /* A sample takes 16 bytes at the most, and its plane's margins no more than that of 16 rows and columns. */
    if ((uint64_t)(width + 16) * (height + 16) > SIZE_MAX / 32 / file->bands)
        return APC_TOO_LARGE;
    band_plane some[FEW_PLANES];
    uint32_t few = file->bands < FEW_PLANES ? file->bands : FEW_PLANES;
    map->n_coefficients = 0;
    for (uint32_t i = 0; i < few; i++) {
        some[i] = plane_of(file, width, height, i);
        map->n_coefficients += n_samples(&some[i]);
    }
    map->n_workspace = (size_t)apercu_bands_workspace(some, few);
    if (file->bands > few) { /* all alike: each takes as much as the last of these */
        map->n_workspace += (file->bands - few) * (map->n_workspace - (size_t)apercu_bands_workspace(some, few - 1));
        map->n_coefficients += (file->bands - few) * n_samples(&some[0]);
    }
    map_samples(file, some, map);
    map->contexts = 0;
    map->planes = aligned(N_CONTEXTS * sizeof(range_context));
    map->coefficients = map->planes + aligned(file->bands * sizeof(band_plane));
    map->work = map->coefficients + aligned(map->n_coefficients * sizeof(int16_t));
    map->size = map->work + aligned(larger(map->n_workspace, sizeof(int16_t) * (map->n_shown + map->n_scratch)));
    return 0;
}

int map_largest(const apc_file *file, memory_map *map)
{
    uint32_t side = file->tile;
    return map_memory(file, file->width < side ? file->width : side, file->height < side ? file->height : side, map);
}

size_t apc_memory(const apc_file *file)
{
    memory_map map;
    return file->n_tiles == 0 || map_largest(file, &map) ? SIZE_MAX : map.size;
}

/* --- The tables */
int check_model(const apc_file *file, const apc_model *model)
{
    if (file->n_tiles == 0) /* apc_open has refused it */
        return APC_ARGUMENT;
    if (!model || model->number != file->model)
        return APC_MODEL_ERROR;
    if (file->model != MODEL_OF_USER)
        return 0; /* a table of the registry is sound */
    if (memcmp(model->hash, file->hash, sizeof file->hash) != 0)
        return APC_MODEL_ERROR;
    for (size_t i = 0; i < BANDS_IN_ALL * PAST; i++)
        if (model->weights[i] > MOST_WEIGHT)
            return APC_MODEL_ERROR;
    const uint16_t *start = model->starts; /* any codes are sound */
    for (size_t i = 0; start && i < N_CONTEXTS; i++, start += 2)
        if (start[0] < 1 || start[1] < 2 || start[1] > RANGE_OLD_AGE)
            return APC_MODEL_ERROR;
    return 0;
}

/* Contexts at their start, and zeros where the coder wants them. */
void start_tile(const apc_model *model, uint8_t *memory, const memory_map *map)
{
#ifdef APERCU_SMALL_ENCODER
    (void)model; /* its contexts begin when they are used */
    memset(memory + map->contexts, 0, N_CONTEXTS * sizeof(range_context));
#else
    range_context *contexts = (range_context *)(void *)(memory + map->contexts);
    if (model->starts)
        apercu_bands_start(model->starts, contexts);
    for (int32_t i = 0; !model->starts && i < N_CONTEXTS; i++)
        contexts[i] = small_start(model->codes, i, 0);
#endif
    memset(memory + map->work, 0, map->n_workspace);
}
