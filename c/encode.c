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

static int has_no_alpha(void)
{
#ifdef APERCU_SOLID
    return 1;
#else
    return 0;
#endif
}

static int bad_quality(const apc_image *image, const apc_file *file)
{
    (void)file;
    if (!OF_CODEC(file, n_by_hand) || image->quality_q8 != BY_HAND)
        return image->quality_q8 > MAX_QUALITY_Q8;
    return image->by_hand[0] > OF_CODEC(file, most_by_hand) || image->by_hand[1] > OF_CODEC(file, most_by_hand);
}

/* What the head will say; 0 or APC_ARGUMENT. */
static int describe(const apc_image *image, apc_file *file)
{
    memset(file, 0, sizeof *file);
#ifndef APERCU_CODEC
    if (choose_codec(file, image->codec ? image->codec : apc_codec_apercu_number) || !is_written(file))
        return APC_ARGUMENT;
#endif
    uint32_t bands = image->interpretation == APC_GREY ? 1 : image->interpretation == APC_RGB ? 3 : 4, side = image->tile;
    if (image->interpretation == APC_SPECTRAL)
        bands = image->bands;
    if (image->interpretation > APC_SPECTRAL || (has_no_alpha() && image->interpretation == APC_RGBA) || image->bands != bands || bands < 1 ||
        bands > MAX_SIDE || image->width < 1 || image->width > MAX_SIDE || image->height < 1 || image->height > MAX_SIDE ||
        image->n_layers < 1 || image->n_layers > OF_CODEC(file, most_layers) || bad_quality(image, file) || image->wide > 1 ||
        image->axis > (image->interpretation == APC_GREY) ||
        (side && (side < LEAST_TILE || side > MOST_TILE || (side & (side - 1)))))
        return APC_ARGUMENT;
    file->width = image->width, file->height = image->height, file->bands = bands;
    file->interpretation = image->interpretation, file->wide = image->wide, file->axis = image->axis;
    file->quality_q8 = image->quality_q8;
    if (OF_CODEC(file, n_by_hand))
        memcpy(file->by_hand, image->by_hand, sizeof file->by_hand), file->tables = image->tables;
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
    return OF_CODEC(file, set)(file) ? APC_ARGUMENT : 0;
}

/* Memory: that of a tile, the length of each segment, then levels where the caller gives none. */
static size_t lengths_at(const apc_file *file)
{
    uint32_t width = side_of_tile(file, file->width), height = side_of_tile(file, file->height);
    return can_be_addressed(file, width, height) ? OF_CODEC(file, writing)(file, width, height) : SIZE_MAX;
}

/* And behind them what a tile takes whose samples do not all count. */
static size_t n_for_filling(const apc_file *file)
{
#ifdef APERCU_SOLID
    (void)file;
    return 0;
#else
    return filled_memory(file, side_of_tile(file, file->width), side_of_tile(file, file->height));
#endif
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
    more = n_for_filling(&file) ? aligned(more) + n_for_filling(&file) : more;
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
#ifndef APERCU_CODEC
    if (file->model && codec_of_model(file->model) != OF_CODEC(file, number))
        return encoder->fault = APC_MODEL_ERROR;
#endif
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
        const void *at = (const uint8_t *)pixels + (((size_t)place.left * file->bands) << file->wide);
        uint32_t *own = lengths + (size_t)encoder->next_tile * file->n_layers;
        size_t used = encoder->begins + encoder->size;
        size_t pitch = row;
#ifndef APERCU_SOLID
        size_t lengths_end = n_segments(file) * sizeof(uint32_t) + 2 * (size_t)n_level_groups(file);
        at = filled(file, place.width, place.height, at, &pitch, (uint8_t *)lengths + aligned(lengths_end));
#endif
        tile t = {place.width, place.height, encoder->memory, NULL, 0};
        encoder->fault = OF_CODEC(file, write)(file, encoder->model, &t, at, pitch, encoder->out + used, encoder->capacity - used,
                                               own);
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
