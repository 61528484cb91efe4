/* The segments of a file: where they are, their checksums, and whether they have arrived whole. */
#include "inside.h"

enum { SMALL_PIXELS = 4096 };

size_t n_check_of(const apc_file *file)
{
    return (uint64_t)file->width * file->height <= SMALL_PIXELS ? 2 : 4;
}

uint32_t check_of_whole(const apc_file *file, const uint8_t *data, size_t n)
{
    return n_check_of(file) == 2 ? crc16_of(data, n) : crc32_of(0, data, n);
}

uint32_t check_of_segment(const apc_file *file, uint32_t index, const uint8_t *segment, size_t n)
{
    uint8_t before[8];
    put_checksum(file->head_checksum, before, 4);
    put_checksum(index, before + 4, 4);
    return crc32_of(crc32_of(0, before, 8), segment, n);
}

/* Of a file of one segment: head, segment, and a checksum of both. */
static int only_segment(const apc_file *file, const uint8_t **segment, size_t *n_segment)
{
    size_t n_check = n_check_of(file), n = file->size - n_check;
    if (file->size - file->head_size < n_check)
        return APC_TRUNCATED;
    *segment = file->data + file->head_size;
    *n_segment = n - file->head_size;
    return checksum_differs(check_of_whole(file, file->data, n), file->data + n, n_check) ? APC_CHECKSUM_ERROR : 0;
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
    uint32_t sum = check_of_segment(file, index, *segment, length);
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
