/* The segments of a file: where they are, and whether they have arrived whole. */
#include "inside.h"

enum { SMALL_PIXELS = 4096 };

/* Of a file of one segment: head, segment, and a checksum of both. */
static int only_segment(const apc_file *file, const uint8_t **segment, size_t *n_segment)
{
    int small = (uint64_t)file->width * file->height <= SMALL_PIXELS;
    size_t n_check = small ? 2 : 4;
    if (file->size - file->head_size < n_check)
        return APC_TRUNCATED;
    *segment = file->data + file->head_size;
    *n_segment = file->size - file->head_size - n_check;
    uint32_t sum = small ? crc16_of(file->data, file->size - 2) : crc32_of(0, file->data, file->size - 4);
    return checksum_differs(sum, file->data + file->size - n_check, n_check) ? APC_CHECKSUM_ERROR : 0;
}

segment_cursor segment_first(const apc_file *file, uint32_t layer)
{
    segment_cursor cursor = {file->layer[layer].length_at, file->layer[layer].begins};
    return cursor;
}

int segment_next(const apc_file *file, segment_cursor *cursor, uint32_t index, const uint8_t **segment, size_t *n_segment)
{
    if (!file->parts)
        return only_segment(file, segment, n_segment);
    uint32_t length = 0;
    head_varint(file->data, file->size, &cursor->length_at, (1u << 28) - 1, &length); /* sound: apc_open has read it */
    uint64_t begins = cursor->begins, end = begins + length + 4;
    cursor->begins = end;
    *segment = NULL;
    *n_segment = 0;
    if (end > file->size - file->head_size)
        return APC_TRUNCATED;
    *segment = file->data + file->head_size + begins;
    *n_segment = length;
    uint8_t before[8];
    for (int i = 0; i < 4; i++) {
        before[i] = (uint8_t)(file->head_checksum >> 8 * i);
        before[4 + i] = (uint8_t)(index >> 8 * i);
    }
    uint32_t sum = crc32_of(crc32_of(0, before, 8), *segment, length);
    return checksum_differs(sum, *segment + length, 4) ? APC_CHECKSUM_ERROR : 0;
}

int apc_segment(const apc_file *file, uint32_t tile, uint32_t layer, const uint8_t **segment, size_t *n_segment)
{
    if (tile >= file->n_tiles || layer >= file->n_layers)
        return APC_ARGUMENT;
    segment_cursor cursor = segment_first(file, layer);
    for (uint32_t before = 0; before < tile; before++) {
        uint32_t length = 0;
        head_varint(file->data, file->size, &cursor.length_at, (1u << 28) - 1, &length);
        cursor.begins += length + 4u;
    }
    return segment_next(file, &cursor, layer * file->n_tiles + tile, segment, n_segment);
}
