/* Maps of symbols to Huffman codes and back (spec/symbol_maps.md, "Huffman").
 *
 * A scan is a run of maps of a plane, coded block by block as in progressive JPEG: a word says how many zeros come before a
 * symbol and how many bits it has, and then its bits follow; or that this block and so many after it hold nothing more. A
 * map that is not plain is a scan of its own. Scans of one class of planes share a table. */
#ifndef APERCU_MAP_HUFFMAN_H
#define APERCU_MAP_HUFFMAN_H

#include "map_model.h"

enum {
    WORD_ENDS = 15,           /* words 0 .. 14: nothing more in this block and 2^n - 1 + (n bits) others */
    WORD_ZEROS = 15,          /* 16 zeros */
    WORD_SYMBOL = 16,         /* + 16 (bits - 1) + zeros before it */
    WORD_BITS = 16,           /* of a symbol, at most */
    WORDS = WORD_SYMBOL + 16 * WORD_BITS
};

/* What a scan of a plane is: `maps` as in map_code.h, of which it takes `first` to before `end`. `symbols` of the plane alone. */

/* Chooses the symbols of a scan against code lengths [WORDS] (0: no word), and `end_q8`, what the end of a block is held to
 * cost in 1/256 bit. `steps_q6` and `prices` are those of each map for the plane's class. Where `lengths` is NULL, symbols are
 * rounded. Returns 0 or an error. */
APERCU_API int64_t apercu_map_huffman_choose(size_t height, size_t width, const map_kind *maps, size_t n_maps,
                                             size_t first, size_t end, const int32_t *steps_q6, const int32_t *prices,
                                             const uint8_t *lengths, int32_t end_q8, const int16_t *values,
                                             int16_t *symbols);
/* Adds the words of a scan to frequency[WORDS]. Returns the number of blocks that hold nothing more before the last map, or an
 * error. */
APERCU_API int64_t apercu_map_huffman_count(size_t height, size_t width, const map_kind *maps, size_t n_maps, size_t first,
                                            size_t end, const int16_t *symbols, uint32_t *frequency);
/* Writes the table for these frequencies at bit n_bits of `out`, or only counts where that is NULL; returns the bit after it, or
 * an error. `lengths` receives the lengths of its words. The workspace may hold anything. */
APERCU_API int64_t apercu_map_huffman_plan(const uint32_t *frequency, void *workspace, size_t n_workspace, uint8_t *lengths,
                                           uint8_t *out, size_t capacity, uint64_t n_bits);
/* Writes a scan with the table for these frequencies; returns the bit after it, or an error. */
APERCU_API int64_t apercu_map_huffman_put(size_t height, size_t width, const map_kind *maps, size_t n_maps, size_t first,
                                          size_t end, const int16_t *symbols, const uint32_t *frequency, void *workspace,
                                          size_t n_workspace, uint8_t *out, size_t capacity, uint64_t n_bits);
/* Reads a table at bit n_bits; returns the bit after it, or an error. */
APERCU_API int64_t apercu_map_huffman_get_table(const uint8_t *data, size_t n_data, uint64_t n_bits, void *workspace,
                                                size_t n_workspace);
/* Reads a scan at bit n_bits, with the table at bit table_at, into `symbols`, which begin as zeros; returns the bit after it,
 * or an error. */
APERCU_API int64_t apercu_map_huffman_get(size_t height, size_t width, const map_kind *maps, size_t n_maps, size_t first,
                                          size_t end, const uint8_t *data, size_t n_data, uint64_t table_at,
                                          uint64_t n_bits, void *workspace, size_t n_workspace, int16_t *symbols);
APERCU_API int64_t apercu_map_huffman_encoder_workspace(void);
APERCU_API int64_t apercu_map_huffman_decoder_workspace(void);

#endif
