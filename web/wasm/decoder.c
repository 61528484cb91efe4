/* The exports. Memory lies so, and grows by what a tile takes:
 *
 *     statics | stack | what the page puts in: segments one after the other | what decoding takes | pixels
 */
#include "decoder.h"

#define EXPORT(name) __attribute__((export_name(#name)))
enum { PAGE = 65536, N_WEIGHTS = BANDS_IN_ALL * PAST };

extern uint8_t __heap_base;

/* What the page writes and reads: see ../src/wasm.js, which knows the order. */
static struct {
    uint32_t sizes[APC_MOST_LAYERS]; /* of segments, in bytes */
    uint32_t pixels;                 /* where they are */
    uint32_t faulty;                 /* the layer that has the fault */
    int32_t means[4];                /* of a placeholder */
    uint16_t starts[2 * N_CONTEXTS]; /* of contexts, by the model, which the page has checked */
    uint8_t weights[N_WEIGHTS];
} shared;

static apc_file file;
static const apc_model model = {apc_codec_apercu_number, {0}, shared.weights, shared.starts, NULL, NULL, 0}; /* small ones come expanded */

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

/* A tile as if it were a file. `kind`: the interpretation, + 4 if wide, + 8 for a user's model. */
EXPORT(c) void describe(uint32_t kind, uint32_t bands, uint32_t width, uint32_t height, int32_t step_q8, uint32_t n_layers)
{
    file.interpretation = kind & 3;
    file.wide = kind >> 2 & 1;
    file.model = kind & 8 ? MODEL_OF_USER : apc_codec_apercu_number;
    file.bands = bands;
    file.width = width;
    file.height = height;
    file.tile = width > height ? width : height;
    file.n_tiles = 1;
    file.step_q8 = step_q8;
    file.n_layers = n_layers;
}

/* Where decoding may begin to write, behind `n` bytes that the page has put in, with room for `more` and for pixels besides; 0:
 * there is none. */
static uint8_t *memory_for(uint64_t n, uint64_t more, uint64_t n_pixels)
{
    size_t n_memory = tile_memory(&file, file.width, file.height);
    uint64_t memory = after((uint64_t)(size_t)&__heap_base, n), pixels = after(memory, n_memory + more);
    shared.pixels = (uint32_t)pixels;
    return n_memory == SIZE_MAX || grow_to(pixels + n_pixels) ? NULL : (uint8_t *)(size_t)memory;
}

/* The tile, of whose layers the first `n_layers` lie where room() said, and behind them the codes of levels, if wide. */
EXPORT(d) int decode_tile(uint32_t n_layers)
{
    tile_layers layers;
    const uint8_t *at = &__heap_base;
    for (uint32_t i = 0; i < n_layers; at += shared.sizes[i++]) {
        layers.at[i] = at;
        layers.size[i] = shared.sizes[i];
    }
    file.levels = at;
    uint64_t n_samples = (uint64_t)file.width * file.height * file.bands;
    uint8_t *memory = memory_for((uint64_t)(at - &__heap_base) + 2 * (uint64_t)file.bands, 0, n_samples << file.wide);
    return memory ? tile_decode(&file, &model, memory, file.width, file.height, &layers, n_layers,
                                (void *)(size_t)shared.pixels, (size_t)file.width * file.bands, &shared.faulty)
                  : APC_TOO_LARGE;
}

/* The placeholder of that tile, whose segment of `n` bytes lies where room() said, at a size in pixels: RGBA. */
EXPORT(e) int decode_placeholder(uint32_t n, uint32_t width, uint32_t height)
{
    uint8_t *memory = memory_for(n, placeholder_memory(&file, width), (uint64_t)width * height * 4);
    return memory ? placeholder_decode(&file, &model, shared.means, &__heap_base, n, memory, width, height,
                                       (uint8_t *)(size_t)shared.pixels)
                  : APC_TOO_LARGE;
}
