/* What the files of the library share, and no one else. Calls go from left to right:
 *
 *     file.c    apc_decode ...       -> tile.c -> planes.c
 *     encode.c  apc_encode ...       -> segments.c -> head.c, checksums.c
 */
#ifndef APERCU_INSIDE_H
#define APERCU_INSIDE_H

#include "apercu.h"
#include "band_code.h"

enum { BITS_A_BYTE_LOG2 = 15, BITS_A_BYTE_OF_USERS_LOG2 = 19, BEYOND = 5 }; /* spec/apercu.md, "What a segment can hold" */
enum { MODEL_WAVELET = 2, MODEL_SMALL = 10, CODEC_WAVELET = 2, MODEL_OF_USER = 0, COLOUR_PLANES = 3, COLOUR_ROWS = 8 };

/* What the linker sees of them, in a program that may have an `even` of its own. */
#define check_model apc_check_model
#define check_of_segment apc_check_of_segment
#define check_of_whole apc_check_of_whole
#define checksum_differs apc_checksum_differs
#define crc16_of apc_crc16_of
#define crc32_of apc_crc32_of
#define even apc_even
#define has_room apc_has_room
#define head_bound apc_head_bound
#define head_level apc_head_level
#define head_varint apc_head_varint
#define head_write apc_head_write
#define levels_of_plane apc_levels_of_plane
#define map_largest apc_map_largest
#define map_memory apc_map_memory
#define n_check_of apc_n_check_of
#define n_level_groups apc_n_level_groups
#define n_samples apc_n_samples
#define parts_of apc_parts_of
#define plane_of apc_plane_of
#define put_checksum apc_put_checksum
#define segment_first apc_segment_first
#define segment_next apc_segment_next
#define stages_of apc_stages_of
#define start_tile apc_start_tile
#define step_of_quality apc_step_of_quality
#define tile_decode apc_tile_decode
#define tile_encode apc_tile_encode

/* --- checksums.c */
uint32_t crc32_of(uint32_t crc, const uint8_t *data, size_t n);
uint16_t crc16_of(const uint8_t *data, size_t n);
/* Whether it is another one than the file has, in 2 or 4 bytes; and into a file. */
int checksum_differs(uint32_t sum, const uint8_t *stored, size_t n);
void put_checksum(uint32_t sum, uint8_t *out, size_t n);

/* --- head.c */
uint32_t head_level(uint8_t code);
uint32_t n_level_groups(const apc_file *file);
int32_t step_of_quality(uint32_t quality_q8);
/* The varint at *at, or an error; see FORMAT.md, "Words and conventions". */
int head_varint(const uint8_t *data, size_t size, size_t *at, uint32_t largest, uint32_t *value);
/* Tiles in a row of them and rows of them. */
uint32_t parts_of(uint32_t side, uint32_t tile);
/* No head takes more bytes; and one into `out`, with `lengths`, n_layers of each tile. Sets head_size and head_checksum. */
size_t head_bound(const apc_file *file);
void head_write(apc_file *file, const uint32_t *lengths, uint8_t *out);

/* --- segments.c */
/* A place in the directory and in the segments: of one layer, tile after tile. */
typedef struct {
    size_t length_at;
    uint64_t begins; /* after the head */
} segment_cursor;

segment_cursor segment_first(const apc_file *file, uint32_t layer);
/* The segment there, and on to the next; `index` is its number in the file. */
int segment_next(const apc_file *file, segment_cursor *cursor, uint32_t index, const uint8_t **segment, size_t *n_segment);
/* The checksum of a file of one segment has so many bytes. */
size_t n_check_of(const apc_file *file);
uint32_t check_of_whole(const apc_file *file, const uint8_t *data, size_t n);
uint32_t check_of_segment(const apc_file *file, uint32_t index, const uint8_t *segment, size_t n);

/* --- planes.c */
/* An encoder that is made for one kind of image (APERCU_KIND, APERCU_WIDE) has no code for others. */
static inline int is_colour(const apc_file *file)
{
#ifdef APERCU_KIND
    (void)file;
    return APERCU_KIND == APC_RGB;
#else
    return file->interpretation == APC_RGB || file->interpretation == APC_RGBA;
#endif
}

static inline int is_wide(const apc_file *file)
{
#ifdef APERCU_KIND
    (void)file;
    return APERCU_WIDE;
#else
    return file->wide;
#endif
}

band_plane plane_of(const apc_file *file, uint32_t width, uint32_t height, uint32_t index);
size_t even(int32_t side);
size_t n_samples(const band_plane *plane);
int levels_of_plane(const band_plane *plane);
void stages_of(const apc_file *file, uint32_t layer, int *first, int *last);
/* Whether a segment of `n` bytes can hold a layer of a tile of this size; else APC_TRUNCATED. */
int has_room(const apc_file *file, uint32_t width, uint32_t height, uint32_t layer, size_t n);

/* Where each part of the memory of a tile begins. */
typedef struct {
    size_t contexts, planes, coefficients, work, size;
    size_t n_coefficients; /* of all planes */
    size_t n_workspace;    /* bytes of the coder, in `work`; before or after it, samples are there: */
    size_t n_shown;        /* numbers of planes, or of rows of them, that are at work together */
    size_t n_scratch;      /* behind them */
} memory_map;

/* 0, or APC_TOO_LARGE where it cannot be addressed: of a tile of this size, and of the largest. */
int map_memory(const apc_file *file, uint32_t width, uint32_t height, memory_map *map);
int map_largest(const apc_file *file, memory_map *map);
/* 0, or APC_MODEL_ERROR where these are not the tables of the file. */
int check_model(const apc_file *file, const apc_model *model);
void start_tile(const apc_model *model, uint8_t *memory, const memory_map *map);

/* --- tile.c */
typedef struct {
    const uint8_t *at[APC_MOST_LAYERS];
    size_t size[APC_MOST_LAYERS];
} tile_layers;

/* Decodes `n_layers` layers into pixels; 0 layers give the middle of the range. Returns 0 or a fault, and then in *faulty the
 * layer that has it; `memory` as apc_memory says, `width` and `height` of the tile. */
int tile_decode(const apc_file *file, const apc_model *model, void *memory, uint32_t width, uint32_t height,
                const tile_layers *layers, uint32_t n_layers, void *pixels, size_t row, uint32_t *faulty);
/* The inverse: all layers into `out`, each behind a gap of 4 bytes for the checksum of the one before. Returns 0 or a fault;
 * `lengths` receives the bytes of each. */
int tile_encode(const apc_file *file, const apc_model *model, void *memory, uint32_t width, uint32_t height, const void *pixels,
                size_t row, uint8_t *out, size_t capacity, uint32_t *lengths);

#endif
