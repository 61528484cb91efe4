/* apc2ppm FILE.apc > FILE.ppm: an image of grey or colours as a picture that most viewers open. */
#include "apercu.h"

#include <stdio.h>
#include <stdlib.h>

static uint8_t *read_all(const char *path, size_t *size)
{
    FILE *in = fopen(path, "rb");
    uint8_t *data = NULL, *more;
    size_t n = 1 << 16;
    *size = 0;
    while (in && (more = realloc(data, n)) != NULL) {
        data = more;
        *size += fread(data + *size, 1, n - *size, in);
        if (*size < n)
            break;
        n *= 2;
    }
    if (in)
        fclose(in);
    return data;
}

int main(int argc, char **argv)
{
    apc_file file;
    size_t size;
    if (argc != 2)
        return fprintf(stderr, "usage: apc2ppm FILE.apc > FILE.ppm\n"), 2;
    uint8_t *data = read_all(argv[1], &size);
    if (!data)
        return fprintf(stderr, "%s: cannot be read\n", argv[1]), 2;
    int fault = apc_open(&file, data, size, APC_MAX_PIXELS);
    if (!fault && (file.wide || (file.bands != 1 && file.bands != 3)))
        return fprintf(stderr, "%s: not an 8-bit image of grey or colours\n", argv[1]), 2;
    size_t n = (size_t)file.width * file.height * file.bands;
    uint8_t *memory = fault ? NULL : malloc(apc_memory(&file)), *pixels = fault ? NULL : malloc(n);
    if (!fault && (!memory || !pixels))
        return fprintf(stderr, "%s: no memory\n", argv[1]), 2;
    fault = fault ? fault : apc_decode(&file, apc_shipped_model(&file), memory, pixels, 0, APC_ALL_LAYERS);
    if (fault)
        return fprintf(stderr, "%s: %s\n", argv[1], apc_error_name(fault)), 2;
    printf("P%d\n%lu %lu\n255\n", file.bands == 1 ? 5 : 6, (unsigned long)file.width, (unsigned long)file.height);
    if (fwrite(pixels, 1, n, stdout) != n || fflush(stdout) != 0)
        return fprintf(stderr, "%s: the picture cannot be written\n", argv[1]), 2;
    free(memory), free(pixels), free(data);
    return 0;
}
