/* Images to files, a row of tiles at a time. */
#include "inside.h"

#include <string.h>

enum { GAP = 4, MAX_SIDE = 65535, LEAST_TILE = 32, MOST_TILE = 65536, MAX_QUALITY_Q8 = 25600 };

static const uint8_t FULL_RANGE[2] = {0, 208};

void apc_level_codes(uint16_t low, uint16_t high, uint8_t codes[2])
{
    codes[0] = FULL_RANGE[1];
    while (head_level(codes[0]) > low)
        codes[0]--;
    uint32_t offset = head_level(codes[0]), range = high > offset ? high - offset : 1;
    codes[1] = 1;
    while (head_level(codes[1]) < range)
        codes[1]++;
}

/* What the head will say; 0 or APC_ARGUMENT. */
static int describe(const apc_image *image, apc_file *file)
{
    memset(file, 0, sizeof *file);
    uint32_t bands = image->interpretation == APC_GREY ? 1 : 3, side = image->tile;
    if (image->interpretation == APC_SPECTRAL)
        bands = image->bands;
    if (image->interpretation == APC_RGBA || image->interpretation > APC_SPECTRAL || image->bands != bands || bands < 1 ||
        bands > MAX_SIDE || image->width < 1 || image->width > MAX_SIDE || image->height < 1 || image->height > MAX_SIDE ||
        image->n_layers < 1 || image->n_layers > APC_MOST_LAYERS || image->quality_q8 > MAX_QUALITY_Q8 || image->wide > 1 ||
        image->axis > (image->interpretation == APC_GREY) ||
        (side && (side < LEAST_TILE || side > MOST_TILE || (side & (side - 1)))))
        return APC_ARGUMENT;
    file->width = image->width, file->height = image->height, file->bands = bands;
    file->interpretation = image->interpretation, file->wide = image->wide, file->axis = image->axis;
    file->quality_q8 = image->quality_q8;
    file->step_q8 = step_of_quality(image->quality_q8);
    uint32_t longer = file->width > file->height ? file->width : file->height;
    file->tile = side && side < longer ? side : longer;
    file->n_tiles = parts_of(file->width, file->tile) * parts_of(file->height, file->tile);
    file->n_layers = image->n_layers;
    file->parts = file->n_tiles * file->n_layers > 1;
    file->writing = 1;
    file->levels = image->levels;
    for (uint32_t group = 0; file->levels && group < n_level_groups(file); group++)
        if (file->levels[2 * group] > FULL_RANGE[1] || file->levels[2 * group + 1] > FULL_RANGE[1] ||
            file->levels[2 * group + 1] < 1)
            return APC_ARGUMENT;
    return 0;
}

/* Memory: that of a tile, the length of each segment, then levels where the caller gives none. */
static size_t lengths_at(const apc_file *file)
{
    memory_map map;
    return map_largest(file, &map) ? SIZE_MAX : map.size;
}

static size_t n_segments(const apc_file *file)
{
    return (size_t)file->n_tiles * file->n_layers;
}

size_t apc_encode_memory(const apc_image *image)
{
    apc_file file;
    if (describe(image, &file))
        return 0;
    size_t n = lengths_at(&file), more = n_segments(&file) * sizeof(uint32_t) + 2 * (size_t)n_level_groups(&file);
    return n > SIZE_MAX - more ? SIZE_MAX : n + more;
}

static uint32_t *lengths_of(const apc_encoder *encoder)
{
    return (uint32_t *)(void *)((uint8_t *)encoder->memory + lengths_at(&encoder->file));
}

int apc_encode_begin(apc_encoder *encoder, const apc_image *image, const apc_model *model, void *memory, uint8_t *out,
                     size_t capacity)
{
    apc_file *file = &encoder->file;
    memset(encoder, 0, sizeof *encoder);
    if (describe(image, file) || !model)
        return encoder->fault = APC_ARGUMENT;
    file->model = model->number;
    memcpy(file->hash, model->hash, sizeof file->hash);
    encoder->fault = check_model(file, model);
    if (encoder->fault)
        return encoder->fault;
    encoder->model = model, encoder->memory = memory, encoder->out = out, encoder->capacity = capacity;
    if (is_wide(file) && !file->levels) {
        uint8_t *levels = (uint8_t *)(lengths_of(encoder) + n_segments(file));
        for (uint32_t group = 0; group < n_level_groups(file); group++)
            memcpy(levels + 2 * group, FULL_RANGE, sizeof FULL_RANGE);
        file->levels = levels;
    }
    encoder->begins = head_bound(file); /* segments are in order of tiles, until the head is known */
    encoder->fault = encoder->begins > capacity ? APC_CAPACITY : 0;
    return encoder->fault;
}

int apc_encode_strip(apc_encoder *encoder, const void *pixels, size_t row)
{
    apc_file *file = &encoder->file;
    if (encoder->fault)
        return encoder->fault;
    if (encoder->next_tile >= file->n_tiles) /* none where nothing was begun */
        return APC_ARGUMENT;
    uint32_t across = parts_of(file->width, file->tile), *lengths = lengths_of(encoder);
    row = row ? row : (size_t)file->width * file->bands;
    for (uint32_t n = 0; n < across; n++) {
        apc_place place = apc_tile_place(file, encoder->next_tile);
        const uint8_t *at = (const uint8_t *)pixels + (((size_t)place.left * file->bands) << file->wide);
        uint32_t *own = lengths + (size_t)encoder->next_tile * file->n_layers;
        size_t used = encoder->begins + encoder->size;
        encoder->fault = tile_encode(file, encoder->model, encoder->memory, place.width, place.height, at, row,
                                     encoder->out + used, encoder->capacity - used, own);
        if (encoder->fault)
            return encoder->fault;
        for (uint32_t layer = 0; layer < file->n_layers; layer++)
            encoder->size += own[layer] + GAP;
        encoder->next_tile++;
    }
    return 0;
}

/* From tile after tile to layer after layer: a copy behind them, and back. */
static int sort_segments(apc_encoder *encoder, const uint32_t *lengths)
{
    const apc_file *file = &encoder->file;
    uint8_t *from = encoder->out + encoder->begins, *to = from + encoder->size;
    if (file->n_tiles == 1 || file->n_layers == 1)
        return 0;
    if (encoder->capacity - encoder->begins < 2 * encoder->size)
        return APC_CAPACITY;
    for (uint32_t layer = 0; layer < file->n_layers; layer++) {
        const uint8_t *at = from;
        for (size_t i = 0; i < n_segments(file); i++) {
            if (i % file->n_layers == layer) {
                memcpy(to, at, lengths[i]);
                to += lengths[i] + GAP;
            }
            at += lengths[i] + GAP;
        }
    }
    memcpy(from, from + encoder->size, encoder->size);
    return 0;
}

int64_t apc_encode_end(apc_encoder *encoder)
{
    apc_file *file = &encoder->file;
    if (encoder->fault)
        return encoder->fault;
    if (file->n_tiles == 0 || encoder->next_tile < file->n_tiles)
        return APC_ARGUMENT;
    const uint32_t *lengths = lengths_of(encoder);
    encoder->fault = sort_segments(encoder, lengths);
    if (encoder->fault)
        return encoder->fault;
    encoder->fault = APC_ARGUMENT; /* of all that follows */
    head_write(file, lengths, encoder->out);
    uint8_t *at = encoder->out + file->head_size;
    memmove(at, encoder->out + encoder->begins, encoder->size);
    if (!file->parts) {
        size_t n = file->head_size + lengths[0], n_check = n_check_of(file);
        put_checksum(check_of_whole(file, encoder->out, n), encoder->out + n, n_check);
        return (int64_t)(n + n_check);
    }
    for (uint32_t layer = 0, index = 0; layer < file->n_layers; layer++)
        for (uint32_t tile = 0; tile < file->n_tiles; tile++, index++) {
            size_t n = lengths[(size_t)tile * file->n_layers + layer];
            put_checksum(check_of_segment(file, index, at, n), at + n, GAP);
            at += n + GAP;
        }
    return at - encoder->out;
}

int64_t apc_encode(const apc_image *image, const apc_model *model, void *memory, const void *pixels, size_t row, uint8_t *out,
                   size_t capacity)
{
    apc_encoder encoder;
    int fault = apc_encode_begin(&encoder, image, model, memory, out, capacity);
    if (fault)
        return fault;
    const apc_file *file = &encoder.file;
    row = row ? row : (size_t)file->width * file->bands;
    for (uint32_t top = 0; top < file->height && !fault; top += file->tile)
        fault = apc_encode_strip(&encoder, (const uint8_t *)pixels + ((top * row) << file->wide), row);
    return fault ? fault : apc_encode_end(&encoder);
}
