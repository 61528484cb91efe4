/* Bytes to what a head and its directory say (spec/FORMAT.md, "Container"). */
#include "inside.h"

#include <string.h>

enum { MAX_QUALITY_Q8 = 25600, MAX_SIDE = 65535, MAX_LEVEL_CODE = 208, MAX_PARAMETERS = 255, LARGEST_BLOCK = 16 };
enum { MAX_TILE_CODE = 11, ONE_TILE = 15, MIN_TILE_LOG2 = 5 };
#define MOST_BYTES ((1u << 28) - 1) /* of a segment */

uint32_t on_path(const knot *path, uint32_t place)
{
    while (place > path[1].place)
        path++;
    uint32_t d = (uint32_t)(path[1].place - path[0].place), p = place - path[0].place;
    return (path[0].value * (d - p) + path[1].value * p + d / 2) / d;
}

uint32_t head_level(uint8_t code)
{
    return code < 16 ? code : (16u + code % 16) << (code / 16 - 1);
}

int head_varint(const uint8_t *data, size_t size, size_t *at, uint32_t largest, uint32_t *value)
{
    unsigned bits = 0;
    while (bits < 32 && largest >> bits)
        bits++;
    *value = 0;
    for (unsigned shift = 0;; shift += 7) {
        if (*at >= size)
            return APC_TRUNCATED;
        uint8_t byte = data[(*at)++];
        *value |= (uint32_t)(byte & 127) << shift; /* at most 28 bits go before a number that is refused */
        int goes_on = byte >= 128;
        if (*value > largest || (byte == 0 && shift) || (goes_on && shift + 7 >= bits))
            return APC_CORRUPT_STREAM;
        if (!goes_on)
            return 0;
    }
}

typedef struct {
    const uint8_t *data;
    size_t size, at;
    int fault; /* the first */
} reader;

static const uint8_t *take(reader *r, size_t n)
{
    static const uint8_t none[8] = {0};
    if (r->fault || n > r->size - r->at) {
        r->fault = r->fault ? r->fault : APC_TRUNCATED;
        return none; /* no more than 8 bytes of it are looked at */
    }
    r->at += n;
    return r->data + r->at - n;
}

static uint8_t take_byte(reader *r)
{
    return *take(r, 1);
}

static uint32_t take_varint(reader *r, uint32_t largest)
{
    uint32_t value = 0;
    if (!r->fault)
        r->fault = head_varint(r->data, r->size, &r->at, largest, &value);
    return r->fault ? 0 : value;
}

static void refuse(reader *r, int where, int fault)
{
    if (where && !r->fault)
        r->fault = fault;
}

uint32_t n_level_groups(const apc_file *file)
{
    if (!is_wide(file))
        return 0;
    return file->interpretation == APC_RGB ? 1 : file->interpretation == APC_RGBA ? 2 : file->bands;
}

uint32_t parts_of(uint32_t side, uint32_t tile)
{
    return (side + tile - 1) / tile;
}

static void take_directory(reader *r, apc_file *file)
{
    uint8_t code = take_byte(r), tiling = code >> 4;
    refuse(r, tiling > MAX_TILE_CODE && tiling != ONE_TILE, APC_CORRUPT_STREAM);
    if (r->fault)
        return;
    if (tiling != ONE_TILE)
        file->tile = 1u << (MIN_TILE_LOG2 + tiling);
    file->n_tiles = parts_of(file->width, file->tile) * parts_of(file->height, file->tile);
    file->n_layers = (code & 15u) + 1;
    uint32_t n_segments = file->n_tiles * file->n_layers; /* 2^26 at most */
    refuse(r, n_segments < 2, APC_CORRUPT_STREAM);
    refuse(r, n_segments > r->size - r->at, APC_TRUNCATED);
    uint64_t begins = 0;
    for (uint32_t layer = 0; layer < file->n_layers && !r->fault; layer++) {
        if (layer < APC_MOST_LAYERS) {
            file->layer[layer].length_at = r->at;
            file->layer[layer].begins = begins;
        }
        for (uint32_t tile = 0; tile < file->n_tiles && !r->fault; tile++)
            begins += take_varint(r, MOST_BYTES) + 4u;
    }
    if (r->fault)
        return;
    file->head_checksum = crc32_of(0, r->data, r->at);
    refuse(r, checksum_differs(file->head_checksum, take(r, 4), 4), APC_CHECKSUM_ERROR);
}

/* By its pixels, its samples, and those of whole blocks: a row of one pixel takes as much as a row of blocks. */
static int is_too_large(const apc_file *file, uint64_t max_pixels)
{
    uint64_t pixels = (uint64_t)file->width * file->height, blocks = parts_of(file->width, LARGEST_BLOCK);
    uint64_t few = 1u << 24, n = OF_CODEC(file, block) == 0 ? 0 : blocks * parts_of(file->height, LARGEST_BLOCK) * LARGEST_BLOCK * LARGEST_BLOCK * file->bands;
    return pixels > max_pixels || pixels * file->bands > 4 * max_pixels || n > (8 * max_pixels > few ? 8 * max_pixels : few);
}

/* The parameters of a setting by hand: as many numbers as the codec has, and nothing else. */
static int take_by_hand(apc_file *file, const uint8_t *parameters, size_t n_parameters)
{
    size_t at = 0;
    for (int i = 0; file->quality_q8 == BY_HAND && i < OF_CODEC(file, n_by_hand); i++)
        if (head_varint(parameters, n_parameters, &at, OF_CODEC(file, most_by_hand), &file->by_hand[i]))
            return APC_CORRUPT_STREAM;
    return at < n_parameters || (file->quality_q8 == BY_HAND && !OF_CODEC(file, n_by_hand)) ? APC_CORRUPT_STREAM : 0;
}

static int read_head(apc_file *file, const uint8_t *data, size_t size, uint64_t max_pixels)
{
    static const uint8_t MAGIC[2] = {0xAE, 0x70};
    static const uint8_t BANDS[3] = {1, 3, 4};
    memset(file, 0, sizeof *file);
    if (size && memcmp(data, MAGIC, size < 2 ? size : 2) != 0)
        return APC_NOT_APERCU;
    reader r = {data, size, 0, 0};
    take(&r, 2);
    uint8_t flags = take_byte(&r);
    refuse(&r, flags >> 4 != 1, APC_UNSUPPORTED_VERSION);
    file->wide = flags >> 3 & 1;
    file->parts = flags >> 2 & 1;
    file->interpretation = flags & 3;
    file->model = take_byte(&r);
    if (file->model == MODEL_OF_USER) {
        refuse(&r, choose_codec(file, take_byte(&r)), APC_UNKNOWN_MODEL);
        memcpy(file->hash, take(&r, 8), 8);
    } else {
        refuse(&r, choose_codec(file, codec_of_model(file->model)), APC_UNKNOWN_MODEL);
    }
    file->width = take_varint(&r, MAX_SIDE - 1) + 1;
    file->height = take_varint(&r, MAX_SIDE - 1) + 1;
    file->bands = file->interpretation == APC_SPECTRAL ? take_varint(&r, MAX_SIDE - 1) + 1 : BANDS[file->interpretation];
    const uint8_t *settings = take(&r, 2);
    uint16_t word = (uint16_t)(settings[0] | settings[1] << 8);
    file->quality_q8 = word & 0x7FFF;
    file->axis = (uint8_t)(word >> 15);
    refuse(&r, file->quality_q8 > MAX_QUALITY_Q8 && file->quality_q8 != BY_HAND, APC_CORRUPT_STREAM);
    refuse(&r, file->axis && file->interpretation != APC_GREY, APC_CORRUPT_STREAM);
    if (r.fault)
        return r.fault;
    file->levels = data + r.at;
    for (uint32_t group = n_level_groups(file); group && !r.fault; group--) {
        const uint8_t *codes = take(&r, 2);
        refuse(&r, codes[0] > MAX_LEVEL_CODE || codes[1] > MAX_LEVEL_CODE || codes[1] == 0, APC_CORRUPT_STREAM);
    }
    size_t n_parameters = file->quality_q8 == BY_HAND ? take_varint(&r, MAX_PARAMETERS) : 0;
    const uint8_t *parameters = take(&r, n_parameters);
    file->tile = file->width > file->height ? file->width : file->height;
    file->n_tiles = file->n_layers = 1;
    if (file->parts)
        take_directory(&r, file);
    if (r.fault)
        return r.fault;
    file->data = data;
    file->size = size;
    file->head_size = r.at;
    if (max_pixels < APC_NO_LIMIT / 8 && is_too_large(file, max_pixels))
        return APC_TOO_LARGE;
    if (file->n_layers > OF_CODEC(file, most_layers) || take_by_hand(file, parameters, n_parameters))
        return APC_CORRUPT_STREAM;
    return OF_CODEC(file, set)(file);
}

int check_model(const apc_file *file, const apc_model *model)
{
    if (file->n_tiles == 0) /* apc_open has refused it */
        return APC_ARGUMENT;
    if (!model || model->number != file->model)
        return APC_MODEL_ERROR;
#ifndef APERCU_SMALL_ENCODER /* which has a table of the registry, and that is sound */
    if (file->model == MODEL_OF_USER &&
        (memcmp(model->hash, file->hash, sizeof file->hash) != 0 || !OF_CODEC(file, takes_tables)(model)))
        return APC_MODEL_ERROR;
#endif
    return 0;
}

int apc_open(apc_file *file, const uint8_t *data, size_t size, uint64_t max_pixels)
{
    int fault = read_head(file, data, size, max_pixels);
    if (fault)
        file->n_tiles = 0; /* nothing can be decoded */
    return fault;
}

/* --- The inverse */
size_t head_bound(const apc_file *file)
{
    size_t n_lengths = file->parts ? (size_t)file->n_tiles * file->n_layers : 0;
    return 2 + 2 + 9 + 3 * 3 + 2 + 2 * n_level_groups(file) +
           (OF_CODEC(file, n_by_hand) ? 1 + 4 * OF_CODEC(file, n_by_hand) : 0) + (file->parts ? 1 + 4 * n_lengths + 4 : 0);
}

static void put_varint(uint8_t **out, uint32_t value)
{
    for (; value > 127; value >>= 7)
        *(*out)++ = (uint8_t)(value | 128);
    *(*out)++ = (uint8_t)value;
}

void head_write(apc_file *file, const uint32_t *lengths, uint8_t *out)
{
    uint8_t *at = out;
    *at++ = 0xAE;
    *at++ = 0x70;
    *at++ = (uint8_t)(1 << 4 | file->wide << 3 | file->parts << 2 | file->interpretation);
    *at++ = file->model;
    if (file->model == MODEL_OF_USER) {
        *at++ = OF_CODEC(file, number);
        memcpy(at, file->hash, sizeof file->hash);
        at += sizeof file->hash;
    }
    put_varint(&at, file->width - 1);
    put_varint(&at, file->height - 1);
    if (file->interpretation == APC_SPECTRAL)
        put_varint(&at, file->bands - 1);
    put_checksum(file->quality_q8 | (uint32_t)file->axis << 15, at, 2);
    at += 2;
    if (n_level_groups(file)) /* else there are none to point to */
        memcpy(at, file->levels, 2 * n_level_groups(file));
    at += 2 * n_level_groups(file);
    if (OF_CODEC(file, n_by_hand) && file->quality_q8 == BY_HAND) {
        uint8_t *length = at++;
        for (int i = 0; i < OF_CODEC(file, n_by_hand); i++)
            put_varint(&at, file->by_hand[i]);
        *length = (uint8_t)(at - length - 1);
    }
    if (file->parts) {
        uint32_t log2 = 0, one = file->n_tiles == 1 ? ONE_TILE : 0;
        while (!one && file->tile >> (MIN_TILE_LOG2 + log2 + 1))
            log2++;
        *at++ = (uint8_t)((one | log2) << 4 | (file->n_layers - 1));
        for (uint32_t layer = 0; layer < file->n_layers; layer++)
            for (uint32_t tile = 0; tile < file->n_tiles; tile++)
                put_varint(&at, lengths[(size_t)tile * file->n_layers + layer]);
        file->head_checksum = crc32_of(0, out, (size_t)(at - out));
        put_checksum(file->head_checksum, at, 4);
        at += 4;
    }
    file->head_size = (size_t)(at - out);
}
