/* Whole files of any bytes through the C library, in memory of exactly the size that it asks for. Checksums are not looked at
 * in this build: no input would get past them.
 *
 * What the ways to read a file show has to agree. */
#include "apercu.h"
#include "input.h"

enum { MOST_PIXELS = 1 << 14, STRICT = 0, DAMAGED = 1, SHOWN = 0xA5 };

typedef struct {
    apc_file file;
    uint8_t *data;
    size_t row, n_bytes; /* samples of a row, bytes of the image */
} opened;

static size_t bytes_of(const apc_file *file, size_t width, size_t height)
{
    return (width * height * file->bands) << file->wide;
}

static uint8_t *decode(const opened *o, uint32_t n_layers, int how, uint8_t *shown, int *fault)
{
    uint8_t *memory = exact(apc_memory(&o->file)), *pixels = exact(o->n_bytes);
    *fault = how == STRICT ? apc_decode(&o->file, apc_shipped_model(&o->file), memory, pixels, 0, n_layers)
                           : apc_decode_damaged(&o->file, apc_shipped_model(&o->file), memory, pixels, 0, n_layers, shown);
    claim(*fault <= 0 && *fault != APC_CAPACITY && *fault != APC_ARGUMENT, "a fault of the file, not of the caller");
    if (!*fault)
        use(pixels, o->n_bytes);
    free(memory);
    return pixels;
}

/* Every tile by itself is its part of the image. */
static void check_tiles(const opened *o, uint32_t n_layers, const uint8_t *image, const uint8_t *shown)
{
    const apc_file *file = &o->file;
    uint8_t *memory = exact(apc_memory(file));
    for (uint32_t tile = 0; tile < file->n_tiles && tile < 4; tile++) {
        apc_place place = apc_tile_place(file, tile);
        size_t n = bytes_of(file, place.width, 1), pitch = (size_t)file->width * file->bands << file->wide;
        uint8_t *part = exact(bytes_of(file, place.width, place.height));
        int fault = 0, n_shown = apc_decode_tile(file, apc_shipped_model(file), memory, tile, n_layers, part, 0, &fault);
        claim(n_shown == shown[tile], "a tile by itself has as many layers");
        for (size_t y = 0; y < place.height; y++)
            claim(memcmp(part + y * n, image + (place.top + y) * pitch + (((size_t)place.left * file->bands) << file->wide), n) == 0,
                  "a tile by itself is its part of the image");
        free(part);
    }
    free(memory);
}

void guided_file(input *in)
{
    opened o;
    uint32_t n_layers = take(in) % 7;
    size_t size = in->left;
    o.data = take_bytes(in, &size);
    int opens = apc_open(&o.file, o.data, size, MOST_PIXELS);
    claim(apc_error_name(opens)[0] != 'a' && opens > APC_CHECKSUM_ERROR - 1, "an error has a name");
    if (opens == 0 && o.file.model) {
        o.n_bytes = bytes_of(&o.file, o.file.width, o.file.height);
        uint8_t *shown = exact(o.file.n_tiles);
        memset(shown, SHOWN, o.file.n_tiles);
        int strict, damaged;
        uint8_t *whole = decode(&o, n_layers, STRICT, NULL, &strict), *parts = decode(&o, n_layers, DAMAGED, shown, &damaged);
        claim(strict || !damaged, "a sound file can be shown");
        claim(strict || memcmp(whole, parts, o.n_bytes) == 0, "a sound file is shown as it is");
        if (!damaged)
            check_tiles(&o, n_layers, parts, shown);
        free(whole), free(parts), free(shown);
    }
    free(o.data);
}
