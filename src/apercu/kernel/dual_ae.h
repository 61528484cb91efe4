/* The two linear autoencoders of Taha et al. 2025: G1, 64-1-64, for plain blocks and G2, 64-8-64, for detailed ones. */
#ifndef APERCU_DUAL_AE_H
#define APERCU_DUAL_AE_H

#include "samples.h"

enum {
    DUAL_BLOCK = 8,   /* pixels a side */
    DUAL_PIXELS = 64, /* inputs of an autoencoder */
    DUAL_ROWS = 9,    /* row 0 is G1's latent, rows 1 to 8 are G2's */
    DUAL_LATENTS = 8, /* latents of a block as coded; a block of G1 uses the first */
    DUAL_LATENT_LIMIT = 16384
};

/* Latents and G1 errors of all blocks of a plane.
 * plane    int16 samples with 5 fraction bits, |sample| < 2^13, `stride` samples a row, at least 8 blocks_x by 8 blocks_y
 * weights  int16 [2][9][64] with 14 fraction bits: analysis rows, then synthesis rows
 * latents  int16 [blocks][9] with 3 fraction bits
 * mse_q4   uint32 [blocks]: mean squared error of the unquantised G1 reconstruction, 1/16 of an 8-bit unit squared, floor
 * The latents of G2 are computed where mse_q4 > threshold_q4 only, and are zero elsewhere. */
APERCU_API int64_t apercu_dual_analyse(const int16_t *plane, size_t stride, size_t blocks_x, size_t blocks_y,
                                       const int16_t *weights, int64_t threshold_q4, int16_t *latents,
                                       uint32_t *mse_q4);

/* Groups and symbols of all blocks: a block with mse_q4 > threshold_q4 goes to G2.
 * groups   uint8 [blocks]: 0 for G1, 1 for G2
 * symbols  int16 [blocks][8]: latents divided by step_q3 and rounded, halves away from zero; zero where not used */
APERCU_API int64_t apercu_dual_quantise(const int16_t *latents, const uint32_t *mse_q4, size_t blocks,
                                        int64_t threshold_q4, int32_t step_q3, uint8_t *groups, int16_t *symbols);

/* The plane that groups and symbols stand for, int16 with 5 fraction bits, held within +-8191. */
APERCU_API int64_t apercu_dual_synthesise(const uint8_t *groups, const int16_t *symbols, size_t blocks_x,
                                          size_t blocks_y, const int16_t *weights, int32_t step_q3, int16_t *plane,
                                          size_t stride);

/* Groups into the stream at bit `n_bits` of `out`: two bits (0: all G1, 1: all G2, 2: mixed), then one flag a block
 * where mixed. Returns the number of bits now in `out`. */
APERCU_API int64_t apercu_dual_put_groups(const uint8_t *groups, size_t blocks, uint8_t *out, size_t capacity,
                                          uint64_t n_bits);
APERCU_API int64_t apercu_dual_get_groups(const uint8_t *data, size_t size, uint64_t n_bits, size_t blocks,
                                          uint8_t *groups);

/* Rate-distortion optimisation between quantiser and entropy coder, an encoder's choice that no decoder sees. Against the
 * code lengths of the symbols as quantised, each symbol is chosen again for the least squared error + price * step^2 / 16 a
 * bit; then a latent is dropped (zero in all blocks of its group) where that costs less than its bits. `symbols` is changed
 * in place. `tables` as below; latents of G2 are dropped only where each can have a table of its own, and G1's only if
 * `drop_g1`: a plane of chroma may be left without any, one of luma not.
 * cost     int64: 16 * squared error in latents' units, less that of all zeros, + price * step^2 * bits. It compares
 *          two ways to group and code the same blocks. */
APERCU_API int64_t apercu_dual_optimise(const uint8_t *groups, const int16_t *latents, size_t blocks, int tables,
                                        int drop_g1, int32_t step_q3, int32_t bit_price_q4, void *workspace,
                                        size_t workspace_size, int16_t *symbols, int64_t *cost);

/* Code tables and symbols of one plane. `tables`: 0 takes the cheaper of one table for all latents of G2 and one for
 * each, 1 forces one table, 2 one for each. */
enum { DUAL_TABLES_CHEAPER = 0, DUAL_TABLES_GROUP = 1, DUAL_TABLES_LATENT = 2 };
APERCU_API int64_t apercu_dual_put_symbols(const uint8_t *groups, const int16_t *symbols, size_t blocks, int tables,
                                           void *workspace, size_t workspace_size, uint8_t *out, size_t capacity,
                                           uint64_t n_bits);
APERCU_API int64_t apercu_dual_get_symbols(const uint8_t *data, size_t size, uint64_t n_bits, const uint8_t *groups,
                                           size_t blocks, void *workspace, size_t workspace_size, int16_t *symbols);
/* Bytes of workspace, aligned to 8, that optimise and put_symbols ask for, of so many blocks, and get_symbols. */
APERCU_API int64_t apercu_dual_encoder_workspace(size_t blocks);
APERCU_API int64_t apercu_dual_decoder_workspace(void);

#endif
