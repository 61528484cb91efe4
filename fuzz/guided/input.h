/* What the coverage-guided harnesses share: numbers and buffers taken from the input, and claims about what comes back.
 *
 * Every buffer is a block of its own of exactly the size that the contract of the kernel asks for, so that the sanitisers
 * see the first byte beyond. What a function is to fill in is left uninitialised. */
#ifndef GUIDED_INPUT_H
#define GUIDED_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#include <sanitizer/msan_interface.h>
#define GUIDED_MSAN 1
#endif
#endif

typedef struct {
    const uint8_t *at;
    size_t left;
} input;

/* Zero past the end. */
static inline uint32_t take(input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->at++;
}

static inline uint32_t take_number(input *in, int n_bytes)
{
    uint32_t number = 0;
    for (int i = 0; i < n_bytes; i++)
        number |= take(in) << 8 * i;
    return number;
}

/* Numbers that depend on a seed alone (xorshift): content that coverage need not find byte by byte. */
static inline uint32_t next_random(uint32_t *state)
{
    uint32_t x = *state ? *state : 1;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

static inline void *exact(size_t n_bytes)
{
    void *block = malloc(n_bytes ? n_bytes : 1);
    if (block == NULL)
        abort();
    return block;
}

static inline void *exact_zeros(size_t n_bytes)
{
    return memset(exact(n_bytes), 0, n_bytes);
}

/* The next `n` bytes, fewer at the end; `n` becomes their number. */
static inline uint8_t *take_bytes(input *in, size_t *n)
{
    *n = *n < in->left ? *n : in->left;
    uint8_t *block = exact(*n);
    memcpy(block, in->at, *n);
    in->at += *n;
    in->left -= *n;
    return block;
}

/* Ends the process with a line that the report quotes. */
static inline void claim(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "CLAIM BROKEN: %s\n", what);
    abort();
}

/* Whatever a caller may look at has to be initialised. */
static inline void use(const void *block, size_t n_bytes)
{
#ifdef GUIDED_MSAN
    __msan_check_mem_is_initialized(block, n_bytes);
#endif
    (void)block;
    (void)n_bytes;
}

/* The families of cases; the first byte of an input chooses one. */
void guided_bands_decode(input *in);
void guided_bands_encode(input *in);
void guided_dual_decode(input *in);
void guided_dual_encode(input *in);
void guided_range_coder(input *in);
void guided_wavelet(input *in);
void guided_samples(input *in);
void guided_fill(input *in);
void guided_maps_decode(input *in);
void guided_maps_encode(input *in);
void guided_maps_huffman(input *in);
void guided_dct(input *in);
void guided_predict_decode(input *in);
void guided_predict_encode(input *in);
void guided_mask_decode(input *in);
void guided_mask_encode(input *in);
void guided_rotation(input *in);
void guided_file(input *in);

#endif
