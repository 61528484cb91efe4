/* Masks: decoding of any bytes, and what is encoded comes back. */
#include "input.h"
#include "mask.h"

enum { MOST_SIDE = 100, MOST_MASKS = 5, MOST_BYTES = 2000 };

typedef struct {
    int32_t width, height, n_masks;
    size_t row, n_bits; /* bytes of a row, and of all masks */
    size_t n_workspace;
} size;

static size take_size(input *in)
{
    size s;
    s.width = 1 + (int32_t)(take(in) % MOST_SIDE);
    s.height = 1 + (int32_t)(take(in) % MOST_SIDE);
    s.n_masks = 1 + (int32_t)(take(in) % MOST_MASKS);
    s.row = ((size_t)s.width + 7) / 8;
    s.n_bits = s.row * (size_t)s.height * (size_t)s.n_masks;
    while (s.n_bits > MOST_BYTES && s.n_masks > 1)
        s.n_bits -= s.row * (size_t)s.height, s.n_masks--;
    const int64_t n_workspace = apercu_mask_workspace(s.width, s.height);
    claim(n_workspace > 0, "sizes that there may be are taken");
    s.n_workspace = (size_t)n_workspace;
    return s;
}

static int64_t decode(const size *s, const uint8_t *data, size_t n_data, uint8_t *bits)
{
    uint8_t *workspace = exact(s->n_workspace);
    const int64_t code = apercu_mask_decode(data, n_data, s->width, s->height, s->n_masks, workspace, s->n_workspace, bits);
    free(workspace);
    return code;
}

static int64_t encode(const size *s, const uint8_t *bits, size_t capacity, uint8_t **out)
{
    uint8_t *workspace = exact(s->n_workspace);
    *out = exact(capacity);
    const int64_t n = apercu_mask_encode(bits, s->width, s->height, s->n_masks, workspace, s->n_workspace, *out, capacity);
    free(workspace);
    return n;
}

/* What stages/mask.py has room for. */
static size_t room_for(const size *s)
{
    return 4 * s->n_bits + (1 << 17);
}

/* That the bits are masks, that they are encoded, in the room there is and not in less, and come back. */
static void check(const size *s, const uint8_t *bits)
{
    uint8_t *out, *small, *back = exact(s->n_bits);
    use(bits, s->n_bits);
    for (size_t i = s->row - 1; i < s->n_bits; i += s->row)
        claim((bits[i] & (0xff >> ((s->width - 1) % 8 + 1))) == 0, "nothing lies past the width");
    const int64_t n = encode(s, bits, room_for(s), &out);
    claim(n >= 0, "masks are encoded");
    use(out, (size_t)n);
    uint8_t *data = exact((size_t)n);
    memcpy(data, out, (size_t)n);
    claim(decode(s, data, (size_t)n, back) == 0, "what was encoded is read");
    claim(memcmp(bits, back, s->n_bits) == 0, "masks come back");
    if (n > 0) {
        claim(encode(s, bits, (size_t)n - 1, &small) == APERCU_ERROR_CAPACITY, "the capacity holds");
        free(small);
    }
    free(data);
    free(out);
    free(back);
}

void guided_mask_decode(input *in)
{
    const size s = take_size(in);
    const uint32_t how = take(in);
    size_t n_data = in->left;
    uint8_t *data = take_bytes(in, &n_data), *bits = exact(s.n_bits);
    const int64_t code = decode(&s, data, n_data, bits);
    claim(code == 0 || code == APERCU_ERROR_TRUNCATED || code == APERCU_ERROR_CORRUPT, "decoding says how it ended");
    if (code == 0 && how & 1)
        check(&s, bits);
    free(bits);
    free(data);
}

/* Areas between slanted lines, points and noise, the masks more or less alike. */
void guided_mask_encode(input *in)
{
    const size s = take_size(in);
    uint8_t *bits = exact_zeros(s.n_bits);
    uint32_t state = take(in) + 1;
    for (uint32_t parts = take(in) % 8; parts; parts--) {
        const uint32_t kind = take(in), own = take(in);
        const int32_t a = (int32_t)take(in) - 128, b = (int32_t)take(in) - 128, c = 16 * ((int32_t)take(in) - 128);
        for (int32_t m = 0; m < s.n_masks; m++)
            for (int32_t y = 0; y < s.height; y++)
                for (int32_t x = 0; x < s.width; x++) {
                    const int32_t u = x - s.width / 2, v = y - s.height / 2;
                    uint32_t set = kind % 4 == 0   ? a * u + b * v < c
                                   : kind % 4 == 1 ? u * u + v * v < c
                                   : kind % 4 == 2 ? next_random(&state) % 256 < kind
                                                   : (uint32_t)(x * a + y * b) % (1 + kind) == 0;
                    if (own & 1 && own % 8 != (uint32_t)m)
                        set = 0;
                    bits[((size_t)m * (size_t)s.height + (size_t)y) * s.row + (size_t)x / 8] ^= (uint8_t)(set << (7 - x % 8));
                }
    }
    for (size_t i = 0; in->left && i < s.n_bits; i++)
        if (i % s.row + 1 < s.row)
            bits[i] ^= (uint8_t)take(in);
    check(&s, bits);
    free(bits);
}
