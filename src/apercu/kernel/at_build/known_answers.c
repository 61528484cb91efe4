/* Runs once the kernel is compiled: ends the build where the compiler made a wrong kernel. `known_answers --print` prints the
 * checksums of self_test.c. */
#include "../self_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const NAMES[TEST_PARTS] = {
    "samples", "wavelet", "bands", "range coder", "dual autoencoder", "Huffman coder", "fill", "symbol maps", "DCT",
    "prediction", "masks"};

int main(int argc, char **argv)
{
    size_t size = (size_t)apercu_self_test_workspace();
    uint8_t *workspace = malloc(size);
    int wrong = 0, printing = argc > 1 && strcmp(argv[1], "--print") == 0;
    if (!workspace) {
        fprintf(stderr, "apercu: no memory to test the kernel with\n");
        return 1;
    }
    memset(workspace, 0xA5, size);
    for (int part = 0; part < TEST_PARTS; part++) {
        uint32_t sum = self_test_sum(part, workspace, size);
        if (printing)
            printf("0x%08lX%s", (unsigned long)sum, part + 1 < TEST_PARTS ? ", " : "\n");
        else if (sum != self_test_known(part))
            fprintf(stderr, "%s%s", wrong++ ? ", " : "apercu: the compiler made wrong code of the kernel: ", NAMES[part]);
    }
    free(workspace);
    if (wrong)
        fprintf(stderr, ". Take another compiler (CC=...) or a newer one. Nothing is built.\n");
    return wrong > 0;
}
