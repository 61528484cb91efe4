/* Pixels to a file, as the page calls it. Memory lies so:
 *
 *     statics | stack | pixels, which the page puts in | what encoding takes | the file
 */
#include "apercu.h"

#define EXPORT(name) __attribute__((export_name(#name)))
enum { PAGE = 65536, N_WEIGHTS = 270, N_STARTS = 22332 };

extern uint8_t __heap_base;

/* See ../src/encode.js. */
static struct {
    uint32_t file; /* where it is */
    uint8_t levels[4];
    uint16_t starts[N_STARTS];
    uint8_t weights[N_WEIGHTS];
} shared;

static int grow_to(uint64_t end)
{
    uint64_t has = (uint64_t)__builtin_wasm_memory_size(0) * PAGE;
    return end <= has || (end < UINT32_MAX - PAGE &&
                          __builtin_wasm_memory_grow(0, (size_t)((end - has + PAGE - 1) / PAGE)) != (size_t)-1);
}

EXPORT(a) void *shared_at(void)
{
    return &shared;
}

/* Where `n` bytes of pixels go; NULL: there is no room for them. */
EXPORT(b) uint8_t *room(uint32_t n)
{
    return grow_to((uint64_t)(size_t)&__heap_base + n) ? &__heap_base : NULL;
}

/* Grey or RGB of 8 bits, or of 16 with the levels in `shared`, in tiles of `tile` pixels a side, or in one where that is 0. The size
 * of the file, or an error. */
EXPORT(c) int32_t encode(uint32_t width, uint32_t height, uint32_t bands, uint32_t wide, uint32_t quality_q8, uint32_t n_layers,
                         uint32_t number, uint32_t tile)
{
    apc_model model = {(uint8_t)number, {0}, shared.weights, shared.starts, NULL, NULL, 0};
    apc_image image = {width, height, bands, bands == 3 ? APC_RGB : APC_GREY, (uint8_t)wide, 0, (uint8_t)n_layers,
                       (uint16_t)quality_q8, tile, shared.levels, 0, 0, {0, 0}};
    uint64_t n = ((uint64_t)width * height * bands) << wide, pixels = (size_t)&__heap_base, memory = (pixels + n + 7) & ~(uint64_t)7;
    size_t n_memory = apc_encode_memory(&image);
    if (n_memory == SIZE_MAX || !n_memory)
        return n_memory ? APC_TOO_LARGE : APC_ARGUMENT;
    uint64_t n_tiles = tile ? (uint64_t)((width - 1) / tile + 1) * ((height - 1) / tile + 1) : 1;
    uint64_t file = memory + n_memory, capacity = 2 * (2 * n + 4096 + 16 * n_tiles * n_layers); /* twice, to put layers in order */
    if (!grow_to(file + capacity))
        return APC_TOO_LARGE;
    shared.file = (uint32_t)file;
    return (int32_t)apc_encode(&image, &model, (void *)(size_t)memory, (const void *)(size_t)pixels, 0, (uint8_t *)(size_t)file,
                               (size_t)capacity);
}

EXPORT(d) void level_codes(uint32_t low, uint32_t high)
{
    apc_level_codes((uint16_t)low, (uint16_t)high, shared.levels);
}
