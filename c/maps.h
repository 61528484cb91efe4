/* Symbol maps of the planes of a tile (spec/symbol_maps.md), for codecs that code blocks. */
#ifndef APERCU_MAPS_H
#define APERCU_MAPS_H

#include "inside.h"
#include "map_code.h"

#define maps_needs apc_maps_needs
#define maps_plane apc_maps_plane
#define maps_blocks_before apc_maps_blocks_before
#define maps_symbols apc_maps_symbols
#define maps_n_numbers apc_maps_n_numbers
#define maps_takes_tables apc_maps_takes_tables
#define maps_start apc_maps_start
#define maps_read apc_maps_read
#define maps_read_huffman apc_maps_read_huffman
#define maps_least apc_maps_least
#define maps_least_huffman apc_maps_least_huffman

/* The list of maps of a codec, and of how many samples a side its blocks are. */
typedef struct {
    const map_kind *kinds;
    uint32_t n_maps, n_groups, side;
} map_list;

/* Of the maps of a tile: what is kept and what reading takes, as tile_needs says. `huffman`: by Huffman codes. */
void maps_needs(const apc_file *file, const map_list *list, uint32_t width, uint32_t height, int huffman, tile_needs *needs);
/* Blocks of a plane, down and across in `size`, and of all planes before it. */
map_plane maps_plane(const apc_file *file, const map_list *list, const tile *t, uint32_t index);
size_t maps_blocks_before(const apc_file *file, const map_list *list, const tile *t, uint32_t index);
/* The maps of a plane among the symbols that were read, one after the other. */
int16_t *maps_symbols(const apc_file *file, const map_list *list, const tile *t, uint32_t index);

/* How many numbers the tables of the range coder take, and whether they are such. */
size_t maps_n_numbers(const map_list *list);
int maps_takes_tables(const map_list *list, const uint16_t *numbers);

/* Symbols at 0, and for range coding contexts at their start; `numbers` are its tables. Then streams in order: maps `first` to
 * before `end`. They return 0 or a fault. */
void maps_start(const apc_file *file, const map_list *list, const tile *t, const uint16_t *numbers);
int maps_read(const apc_file *file, const map_list *list, const tile *t, uint32_t first, uint32_t end, const uint8_t *data, size_t n);
int maps_read_huffman(const apc_file *file, const map_list *list, const tile *t, uint32_t first, uint32_t end, const uint8_t *data,
                      size_t n);
/* The fewest bytes of a stream with so many maps that all blocks have; and by Huffman codes. */
uint64_t maps_least(const apc_file *file, const map_list *list, uint32_t width, uint32_t height, uint32_t n_maps);
uint64_t maps_least_huffman(const apc_file *file, const map_list *list, uint32_t width, uint32_t height);

#endif
