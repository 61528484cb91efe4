/* What the files of the library share, and no one else. Each part goes only to those above it:
 *
 *     file.c (apc_decode …) -> tile.c -> segments.c -> head.c -> bytes.h
 */
#ifndef APERCU_INSIDE_H
#define APERCU_INSIDE_H

#include "apercu.h"
#include "band_code.h"

enum { BITS_A_BYTE_LOG2 = 15, BITS_A_BYTE_OF_USERS_LOG2 = 19, BEYOND = 5 }; /* spec/apercu.md, "What a segment can hold" */
enum { MODEL_WAVELET = 2, CODEC_WAVELET = 2, MODEL_OF_USER = 0 };

/* --- head.c */
uint32_t head_level(uint8_t code);
/* The varint at *at, or an error; see FORMAT.md, "Words and conventions". */
int head_varint(const uint8_t *data, size_t size, size_t *at, uint32_t largest, uint32_t *value);

/* --- checksums.c */
uint32_t crc32_of(uint32_t crc, const uint8_t *data, size_t n);
uint16_t crc16_of(const uint8_t *data, size_t n);
/* Whether it is another one than the file has, in 2 or 4 bytes. */
int checksum_differs(uint32_t sum, const uint8_t *stored, size_t n);

/* --- segments.c */
/* A place in the directory and in the segments: of one layer, tile after tile. */
typedef struct {
    size_t length_at;
    uint64_t begins; /* after the head */
} segment_cursor;

segment_cursor segment_first(const apc_file *file, uint32_t layer);
/* The segment there, and on to the next; `index` is its number in the file. */
int segment_next(const apc_file *file, segment_cursor *cursor, uint32_t index, const uint8_t **segment, size_t *n_segment);

/* --- tile.c */
typedef struct {
    const uint8_t *at[APC_MOST_LAYERS];
    size_t size[APC_MOST_LAYERS];
} tile_layers;

uint32_t tile_n_planes(const apc_file *file);
/* Whether a segment of `n` bytes can hold a layer of a tile of this size; else APC_TRUNCATED. */
int tile_has_room(const apc_file *file, uint32_t width, uint32_t height, uint32_t layer, size_t n);
/* 0, or APC_MODEL_ERROR where these are not the tables of the file. */
int tile_check_model(const apc_file *file, const apc_model *model);
/* Decodes `n_layers` layers into pixels; 0 layers give the middle of the range. Returns 0 or a fault, and then in *faulty the
 * layer that has it; `memory` as apc_memory says, `width` and `height` of the tile. */
int tile_decode(const apc_file *file, const apc_model *model, void *memory, uint32_t width, uint32_t height,
                const tile_layers *layers, uint32_t n_layers, void *pixels, size_t row, uint32_t *faulty);

#endif
