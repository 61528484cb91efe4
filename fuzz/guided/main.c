/* The entry of libFuzzer; with GUIDED_ALONE also a main() that runs the files it is given, for builds without libFuzzer. */
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef void family(input *in);

static family *const FAMILIES[] = {guided_bands_decode, guided_bands_encode, guided_dual_decode, guided_dual_encode,
                                   guided_range_coder,  guided_wavelet,      guided_samples,     guided_fill,
                                   guided_maps_decode,  guided_maps_encode,  guided_maps_huffman, guided_dct,
                                   guided_predict_decode, guided_predict_encode, guided_mask_decode,  guided_mask_encode,
                                   guided_rotation,     guided_file};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input in = {data, size};
    FAMILIES[take(&in) % (sizeof FAMILIES / sizeof FAMILIES[0])](&in);
    return 0;
}

#ifdef GUIDED_ALONE
int main(int n, char **paths)
{
    for (int i = 1; i < n; i++) {
        FILE *file = fopen(paths[i], "rb");
        if (file == NULL)
            return 2;
        static uint8_t data[1 << 16];
        size_t size = fread(data, 1, sizeof data, file);
        fclose(file);
        LLVMFuzzerTestOneInput(data, size);
    }
    printf("%d files\n", n - 1);
    return 0;
}
#endif
