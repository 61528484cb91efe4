/* What every file of the kernel shares: the export macro and the error codes.
 *
 * The kernel is portable C99: no allocation, no globals, no floating point, no dependency. The caller passes every
 * buffer with its capacity. A function returns a count or a position (zero or more), or one of the errors below.
 */
#ifndef APERCU_API_H
#define APERCU_API_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define APERCU_API __declspec(dllexport)
#elif defined(__GNUC__)
#define APERCU_API __attribute__((visibility("default")))
#else
#define APERCU_API
#endif

/* GCC 12.0 to 12.2 makes wrong code of loops that multiply, where the processor has no vectors: it packs samples into plain
 * words (GCC's bug 106322, mended in 12.3). On RISC-V and 32-bit x86 most sizes of the wavelet come out wrong. Without vectors
 * nothing is lost if loops stay as they are. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ == 12 && __GNUC_MINOR__ < 3 && !defined(__SSE2__) && \
    !defined(__ARM_NEON) && !defined(__ALTIVEC__) && !defined(__VEC__)
#pragma GCC optimize("no-tree-vectorize")
#endif

/* Microsoft's compiler knows C99's keyword by another name, except in C11 and later. */
#if defined(_MSC_VER) && !defined(__clang__) && !defined(__STDC_VERSION__)
#define restrict __restrict
#endif

/* Compiled twice, for any x86-64 and for those with AVX2; the loader takes the one that fits. Integers are the same either
 * way. Elsewhere the compiler knows the vectors that every machine of its kind has. For static functions only: clang 14 to
 * 17 leave out the name of an exported one. */
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(APERCU_ONE_TARGET)
#include <features.h>
#if defined(__GLIBC__)
#define APERCU_VECTORISED __attribute__((target_clones("avx2", "default")))
#endif
#endif
#ifndef APERCU_VECTORISED
#define APERCU_VECTORISED
#endif

/* A function that is not made part of those that call it; and one that is, however large. */
#ifdef __GNUC__
#define APERCU_APART __attribute__((noinline))
#define APERCU_PART static inline __attribute__((always_inline))
#else
#define APERCU_APART
#define APERCU_PART static inline
#endif

/* Apart where small code is asked for (-Os), part of its callers elsewhere; and one that is apart in a small encoder too, whatever
 * is asked for. */
#ifdef __GNUC__
#define APERCU_ONCE __attribute__((noinline, unused)) static
#else
#define APERCU_ONCE static inline
#endif
#ifdef __OPTIMIZE_SIZE__
#define APERCU_SMALL APERCU_ONCE
#else
#define APERCU_SMALL static inline
#endif
#ifdef APERCU_SMALL_ENCODER
#define APERCU_LARGE APERCU_ONCE
#else
#define APERCU_LARGE APERCU_SMALL
#endif

enum {
    APERCU_ERROR_CAPACITY = -1,  /* an output buffer or workspace is too small */
    APERCU_ERROR_TRUNCATED = -2, /* the data end before the content does */
    APERCU_ERROR_CORRUPT = -3,   /* the content breaks a rule of the format */
    APERCU_ERROR_ARGUMENT = -4   /* the caller broke the contract of the function */
};

/* Floor of v / 2^n, n from 1 to 31. C99 leaves the right shift of a negative number to the compiler; adding 2^31 first
 * makes it a shift of an unsigned one, which compilers also vectorise. */
static inline int32_t floor_shift32(int32_t v, unsigned n)
{
    return (int32_t)(((uint32_t)v + 0x80000000u) >> n) - (int32_t)(0x80000000u >> n);
}

static inline int32_t clamp32(int32_t v, int32_t lo, int32_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

#endif
