/* The exports. Memory lies so, and grows by what a tile takes:
 *
 *     statics | stack | what the page puts in: segments one after the other | what decoding takes | pixels
 */
#include "decoder.h"

#include <string.h>

#define EXPORT(name) __attribute__((export_name(#name)))
enum { PAGE = 65536 };

extern uint8_t __heap_base;

/* What the page writes and reads: see ../src/wasm.js, which knows the order. */
static struct {
    uint32_t sizes[APC_MOST_LAYERS]; /* of segments, in bytes */
    uint32_t pixels;                 /* where they are */
    uint32_t faulty;                 /* the layer that has the fault */
    placeholder placeholder;
    uint16_t numbers[N_NUMBERS]; /* weights of the model, then the starts of contexts; the page has checked them */
} shared;

static uint64_t after(uint64_t at, uint64_t n)
{
    return (at + n + 7) & ~(uint64_t)7;
}

/* Room for memory up to `end`: 0 or APC_TOO_LARGE. */
static int grow_to(uint64_t end)
{
    uint64_t has = (uint64_t)__builtin_wasm_memory_size(0) * PAGE;
    if (end <= has)
        return 0;
    if (end > UINT32_MAX - PAGE || __builtin_wasm_memory_grow(0, (size_t)((end - has + PAGE - 1) / PAGE)) == (size_t)-1)
        return APC_TOO_LARGE;
    return 0;
}

EXPORT(a) void *shared_at(void)
{
    return &shared;
}

/* Where `n` bytes of segments go; NULL: there is no room for them. */
EXPORT(b) uint8_t *room(uint32_t n)
{
    return grow_to(after((uint64_t)(size_t)&__heap_base, n)) ? NULL : &__heap_base;
}

/* A tile of a file. `kind`: its interpretation, + 4 if wide, + 8 for a user's model. Of `n_layers` layers the first `n_shown`
 * lie where room() said, and behind them the codes of levels, if wide. */
EXPORT(c) int decode_tile(uint32_t kind, uint32_t bands, uint32_t width, uint32_t height, int32_t step_q8, uint32_t n_layers,
                          uint32_t n_shown)
{
    static apc_file file;
    file.interpretation = kind & 3;
    file.wide = kind >> 2 & 1;
    file.model = kind & 8 ? MODEL_OF_USER : MODEL_WAVELET;
    file.bands = bands;
    file.width = width;
    file.height = height;
    file.tile = width > height ? width : height;
    file.step_q8 = step_q8;
    file.n_layers = n_layers;
    apc_model model = {file.model, {0}, shared.numbers, N_NUMBERS};
    tile_layers layers;
    const uint8_t *at = &__heap_base;
    for (uint32_t i = 0; i < n_shown; at += shared.sizes[i++]) {
        layers.at[i] = at;
        layers.size[i] = shared.sizes[i];
    }
    file.levels = at;
    size_t n_memory = apc_memory(&file);
    if (n_memory == SIZE_MAX)
        return APC_TOO_LARGE;
    uint64_t memory = after((uint64_t)(size_t)at, 2 * (uint64_t)bands), pixels = after(memory, n_memory);
    int fault = grow_to(pixels + (((uint64_t)width * height * bands) << file.wide));
    shared.pixels = (uint32_t)pixels;
    return fault ? fault
                 : tile_decode(&file, &model, (void *)(size_t)memory, width, height, &layers, n_shown, (void *)(size_t)pixels,
                               (size_t)width * bands, &shared.faulty);
}

/* The placeholder that the page described, whose segment of `n` bytes lies where room() said, at a size in pixels: RGBA. */
EXPORT(d) int decode_placeholder(uint32_t n, uint32_t width, uint32_t height)
{
    uint64_t memory = after((uint64_t)(size_t)&__heap_base, n);
    uint64_t pixels = memory + placeholder_memory(&shared.placeholder, width);
    int fault = grow_to(pixels + (uint64_t)width * height * 4);
    shared.pixels = (uint32_t)pixels;
    return fault ? fault
                 : placeholder_decode(&shared.placeholder, shared.numbers, &__heap_base, n, (uint8_t *)(size_t)memory, width,
                                      height, (uint8_t *)(size_t)pixels);
}
