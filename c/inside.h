/* What the files of the library share, and no one else. Calls go from left to right:
 *
 *     file.c    apc_decode ...       -> tile.c        -> a codec: codec_apercu.c ...
 *     encode.c  apc_encode ...       -> filled.c      -> segments.c -> head.c, codecs.c, checksums.c
 */
#ifndef APERCU_INSIDE_H
#define APERCU_INSIDE_H

#include "apercu.h"
#include "band_code.h"
#include "codec.h"

/* What the linker sees of them, in a program that may have an `even` of its own. */
#define alpha_at apc_alpha_at
#define check_model apc_check_model
#define check_of_segment apc_check_of_segment
#define check_of_whole apc_check_of_whole
#define checksum_differs apc_checksum_differs
#define crc16_of apc_crc16_of
#define crc32_of apc_crc32_of
#define even apc_even
#define filled apc_filled
#define filled_memory apc_filled_memory
#define head_bound apc_head_bound
#define head_level apc_head_level
#define head_varint apc_head_varint
#define head_write apc_head_write
#define levels_of_plane apc_levels_of_plane
#define map_memory apc_map_memory
#define n_check_of apc_n_check_of
#define n_level_groups apc_n_level_groups
#define n_samples apc_n_samples
#define parts_of apc_parts_of
#define plane_of apc_plane_of
#define put_checksum apc_put_checksum
#define segment_first apc_segment_first
#define segment_next apc_segment_next
#define start_tile apc_start_tile
#define tile_decode apc_tile_decode
#define tile_memory apc_tile_memory
#define value_of_alpha apc_value_of_alpha

#if defined(APERCU_SMALL_ENCODER) && !defined(APERCU_SOLID)
#define APERCU_SOLID
#endif

enum { MODEL_OF_USER = 0, COLOUR_PLANES = 3, ALPHA = 3, BY_HAND = APC_BY_HAND };
enum { CENTRE = 4080, FULL = 8160 }; /* of samples of a plane, but for chroma */

/* --- checksums.c */
uint32_t crc32_of(uint32_t crc, const uint8_t *data, size_t n);
uint16_t crc16_of(const uint8_t *data, size_t n);
/* Whether it is another one than the file has, in 2 or 4 bytes; and into a file. */
int checksum_differs(uint32_t sum, const uint8_t *stored, size_t n);
void put_checksum(uint32_t sum, uint8_t *out, size_t n);

/* --- head.c */
uint32_t head_level(uint8_t code);
uint32_t n_level_groups(const apc_file *file);
/* The varint at *at, or an error; see FORMAT.md, "Words and conventions". */
int head_varint(const uint8_t *data, size_t size, size_t *at, uint32_t largest, uint32_t *value);
/* 0, or APC_MODEL_ERROR where these are not the tables of the file. */
int check_model(const apc_file *file, const apc_model *model);
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

/* Nor has one that does nothing but write, or read (APERCU_READER), code for the other. */
static inline int is_writing(const apc_file *file)
{
#if defined(APERCU_SMALL_ENCODER)
    (void)file;
    return 1;
#elif defined(APERCU_READER)
    (void)file;
    return 0;
#else
    return file->writing;
#endif
}

static inline int is_alpha(const apc_file *file, uint32_t band)
{
#ifdef APERCU_KIND
    (void)file, (void)band;
    return 0;
#else
    return file->interpretation == APC_RGBA && band == ALPHA;
#endif
}

static inline int32_t offset_of(const apc_file *file, uint32_t group)
{
    return (int32_t)head_level(file->levels[2 * group]);
}

static inline int32_t range_of(const apc_file *file, uint32_t group)
{
    return (int32_t)head_level(file->levels[2 * group + 1]);
}

/* The level group of a band. */
static inline uint32_t group_of(const apc_file *file, uint32_t band)
{
    return !is_colour(file) ? band : band == ALPHA;
}

static inline size_t aligned(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

static inline size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static inline uint32_t side_of_tile(const apc_file *file, uint32_t side)
{
    return side < file->tile ? side : file->tile;
}

band_plane plane_of(const apc_file *file, uint32_t width, uint32_t height, uint32_t index);
size_t even(int32_t side);
size_t n_samples(const band_plane *plane);
/* Whether what a tile of this size takes can be addressed, whatever its codec. */
static inline int can_be_addressed(const apc_file *file, uint32_t width, uint32_t height)
{
#ifdef APERCU_SMALL_ENCODER
    (void)file, (void)width, (void)height; /* its memory is there */
    return 1;
#else
    /* A sample takes 16 bytes at the most, and its plane's margins and blocks no more than that of 32 rows and columns. */
    return (uint64_t)(width + 32) * (height + 32) <= SIZE_MAX / 32 / file->bands;
#endif
}

/* Numbers that colours of a tile take besides their planes: no codec asks for less scratch. */
static inline size_t n_for_colour(uint32_t width)
{
    return 3 * ((size_t)width + 3);
}

/* --- tile.c */
/* Bytes of memory that decoding a tile of this size takes; SIZE_MAX where they cannot be addressed. */
size_t tile_memory(const apc_file *file, uint32_t width, uint32_t height);
/* Decodes `n_layers` layers into pixels; 0 layers give the middle of the range. Returns 0 or a fault, and then in *faulty the
 * layer that has it; `memory` as apc_memory says, `width` and `height` of the tile. */
int tile_decode(const apc_file *file, const apc_model *model, void *memory, uint32_t width, uint32_t height,
                const tile_layers *layers, uint32_t n_layers, void *pixels, size_t row, uint32_t *faulty);

/* --- filled.c, which an encoder of images whose samples all count has no use for (APERCU_SOLID) */
#ifndef APERCU_SOLID
/* Bytes of memory that a tile takes whose samples do not all count; 0 for an image where all do. */
size_t filled_memory(const apc_file *file, uint32_t width, uint32_t height);
/* A tile, or a copy of it in `memory` in which the samples that do not count are filled; `*row` becomes that of the copy. */
const void *filled(const apc_file *file, uint32_t width, uint32_t height, const void *pixels, size_t *row, uint8_t *memory);
/* The sample of a plane that alpha is at a pixel, whose samples begin at `at`. */
int16_t alpha_at(const apc_file *file, const void *pixels, size_t at);
/* What alpha is in a plane, 0 to FULL, where it is the same in all of a tile, else -1. It is 0 or FULL where that end of the range
 * decodes to exactly the alpha of the tile, whatever sample the plane has there. */
int32_t value_of_alpha(const apc_file *file, const tile *t, const void *pixels, size_t row);
#endif

#endif
