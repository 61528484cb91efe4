/* Known answers, which show whether the compiler made right code of the kernel. Tests on another machine cannot. */
#ifndef APERCU_SELF_TEST_H
#define APERCU_SELF_TEST_H

#include "api.h"

/* Part p of the answer of apercu_self_test is bit p. */
enum { TEST_SAMPLES, TEST_WAVELET, TEST_BANDS, TEST_RANGE_CODER, TEST_DUAL_AE, TEST_HUFFMAN, TEST_FILL, TEST_MAPS, TEST_DCT,
       TEST_PREDICT, TEST_MASK, TEST_PARTS };

/* Runs every part of the kernel on made-up samples, forward and back, and compares checksums of all results with known
 * ones: 0 where they agree, else a bit for each part that is wrong, or below 0 (APERCU_ERROR_CAPACITY) where the workspace
 * is too small. Less than a millisecond on a desktop computer. Call it once after each start. `workspace` is 8-byte aligned
 * and may hold anything. */
APERCU_API int64_t apercu_self_test(uint8_t *workspace, size_t n_workspace);
/* Bytes of its workspace, 4 million: mostly those of the tables of apercu_dual_put_symbols, of which few are touched. */
APERCU_API int64_t apercu_self_test_workspace(void);

/* The checksum of a part, and the known one. */
uint32_t self_test_sum(int part, uint8_t *workspace, size_t n_workspace);
uint32_t self_test_known(int part);

#endif
