/* Files to images, tile by tile, whole or damaged. */
#include "inside.h"

/* Whether a segment is whole and can hold what it should. */
static int look_at(const apc_file *file, segment_cursor *cursor, uint32_t tile, uint32_t layer, tile_layers *found)
{
    apc_place place = apc_tile_place(file, tile);
    int fault = segment_next(file, cursor, layer * file->n_tiles + tile, &found->at[layer], &found->size[layer]);
    return fault ? fault : OF_CODEC(file, has_room)(file, place.width, place.height, layer, found->size[layer]);
}

/* Shows the layers before the first fault, which is `fault` where `n_sound` are whole. Returns how many. */
static int show(const apc_file *file, const apc_model *model, void *memory, uint32_t tile, const tile_layers *layers,
                uint32_t n_sound, void *pixels, size_t row, int *fault)
{
    apc_place place = apc_tile_place(file, tile);
    for (;;) {
        uint32_t faulty = 0;
        int found = tile_decode(file, model, memory, place.width, place.height, layers, n_sound, pixels, row, &faulty);
        if (!found)
            return (int)n_sound;
        *fault = found;
        if (n_sound == 0) /* what cannot be addressed */
            return 0;
        n_sound = faulty;
    }
}

static uint32_t wanted_layers(const apc_file *file, uint32_t n_layers)
{
    return n_layers == APC_ALL_LAYERS || n_layers > file->n_layers ? file->n_layers : n_layers;
}

/* Tile after tile, with the place of each layer in the directory. */
typedef struct {
    segment_cursor layer[APC_MOST_LAYERS];
} walk;

static walk walk_from_the_first(const apc_file *file)
{
    walk w;
    for (uint32_t layer = 0; layer < APC_MOST_LAYERS; layer++)
        w.layer[layer] = segment_first(file, layer);
    return w;
}

static uint32_t next_tile(const apc_file *file, walk *w, uint32_t tile, uint32_t n_layers, tile_layers *layers, int *fault)
{
    uint32_t n_sound = 0;
    *fault = 0;
    for (uint32_t layer = 0; layer < n_layers; layer++) {
        int found = look_at(file, &w->layer[layer], tile, layer, layers);
        *fault = *fault ? *fault : found;
        n_sound += !*fault;
    }
    return n_sound;
}

static void *pixels_of(const apc_file *file, void *pixels, size_t row, uint32_t tile)
{
    apc_place place = apc_tile_place(file, tile);
    return (uint8_t *)pixels + ((place.top * row + (size_t)place.left * file->bands) << file->wide);
}

int apc_decode_tile(const apc_file *file, const apc_model *model, void *memory, uint32_t tile, uint32_t n_layers, void *pixels,
                    size_t row, int *fault)
{
    int first = 0;
    if (tile >= file->n_tiles)
        return APC_ARGUMENT;
    int of_model = check_model(file, model);
    if (of_model)
        return of_model;
    tile_layers layers;
    uint32_t n_sound = 0;
    apc_place place = apc_tile_place(file, tile);
    for (uint32_t layer = 0; layer < wanted_layers(file, n_layers) && !first; layer++) {
        first = apc_segment(file, tile, layer, &layers.at[layer], &layers.size[layer]);
        first = first ? first : OF_CODEC(file, has_room)(file, place.width, place.height, layer, layers.size[layer]);
        n_sound += !first;
    }
    int shown = show(file, model, memory, tile, &layers, n_sound, pixels, row ? row : (size_t)place.width * file->bands, &first);
    if (fault)
        *fault = first;
    return shown;
}

/* The first fault of what is read, as far as it can be known before tiles are decoded. */
static int look_over(const apc_file *file, uint32_t n_layers)
{
    tile_layers layers;
    uint64_t end = 0;
    for (uint32_t layer = 0; layer < n_layers; layer++) {
        segment_cursor cursor = segment_first(file, layer);
        for (uint32_t tile = 0; tile < file->n_tiles; tile++) {
            int fault = look_at(file, &cursor, tile, layer, &layers);
            if (fault)
                return fault;
        }
        end = cursor.begins;
    }
    if (file->parts && n_layers == file->n_layers && file->size - file->head_size > end)
        return APC_CORRUPT_STREAM; /* bytes after the last segment */
    return 0;
}

int apc_decode(const apc_file *file, const apc_model *model, void *memory, void *pixels, size_t row, uint32_t n_layers)
{
    n_layers = wanted_layers(file, n_layers);
    row = row ? row : (size_t)file->width * file->bands;
    int fault = check_model(file, model);
    fault = fault ? fault : look_over(file, n_layers);
    walk w = walk_from_the_first(file);
    for (uint32_t tile = 0; tile < file->n_tiles && !fault; tile++) {
        tile_layers layers;
        apc_place place = apc_tile_place(file, tile);
        uint32_t n_sound = next_tile(file, &w, tile, n_layers, &layers, &fault), faulty;
        if (!fault)
            fault = tile_decode(file, model, memory, place.width, place.height, &layers, n_sound,
                                pixels_of(file, pixels, row, tile), row, &faulty);
    }
    return fault;
}

int apc_decode_damaged(const apc_file *file, const apc_model *model, void *memory, void *pixels, size_t row, uint32_t n_layers,
                       uint8_t *shown)
{
    n_layers = wanted_layers(file, n_layers);
    row = row ? row : (size_t)file->width * file->bands;
    int first_fault = check_model(file, model), any = 0;
    if (first_fault)
        return first_fault;
    walk w = walk_from_the_first(file);
    for (uint32_t tile = 0; tile < file->n_tiles; tile++) {
        tile_layers layers;
        int fault;
        uint32_t n_sound = next_tile(file, &w, tile, n_layers, &layers, &fault);
        int n_shown = show(file, model, memory, tile, &layers, n_sound, pixels_of(file, pixels, row, tile), row, &fault);
        if (shown)
            shown[tile] = (uint8_t)n_shown;
        any |= n_shown > 0;
        if (!n_shown && !first_fault)
            first_fault = fault;
    }
    return any ? 0 : first_fault;
}

const char *apc_error_name(int error)
{
    static const char *const NAMES[] = {"no error",           "a buffer is too small", "Truncated",    "CorruptStream",
                                        "a bad argument",     "NotApercu",             "UnsupportedVersion", "UnknownModel",
                                        "ModelError",         "TooLarge",              "ChecksumError"};
    return error <= 0 && error >= APC_CHECKSUM_ERROR ? NAMES[-error] : "an unknown error";
}
