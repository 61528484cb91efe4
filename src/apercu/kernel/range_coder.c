/* Arrays of bits through the range coder, each bit in a context that the caller has chosen. */
#include "range_coder.h"

enum { BYPASS = 65535, START_FIELDS = 4 };

/* stages/range_coding.py counts on it for the workspace: elsewhere, this array has a negative size. */
typedef char a_context_has_8_bytes[sizeof(range_context) == 8 ? 1 : -1];

static int start_contexts(range_context *contexts, size_t n_contexts, const uint16_t *starts)
{
    if (n_contexts > BYPASS)
        return APERCU_ERROR_ARGUMENT;
    for (size_t i = 0; i < n_contexts; i++) {
        if (starts == NULL) {
            contexts[i] = range_context_new();
            continue;
        }
        const uint16_t *s = starts + i * START_FIELDS;
        if (s[0] < 1 || s[1] < 2 || s[1] > RANGE_OLD_AGE || s[2] < 1 || s[2] > 7 || s[3] < 1 || s[3] > 7)
            return APERCU_ERROR_ARGUMENT;
        contexts[i] = range_context_at(s[0], s[1], s[2], s[3]);
    }
    return 0;
}

int64_t apercu_range_encode(const uint8_t *bits, const uint16_t *chosen, size_t n, size_t n_contexts,
                            const uint16_t *starts, range_context *workspace, uint8_t *out, size_t capacity)
{
    int error = start_contexts(workspace, n_contexts, starts);
    if (error)
        return error;
    range_encoder e = range_encoder_at(out, capacity);
    for (size_t i = 0; i < n; i++) {
        if (bits[i] > 1)
            return APERCU_ERROR_ARGUMENT;
        if (chosen[i] < n_contexts)
            range_put_adaptive(&e, &workspace[chosen[i]], bits[i]);
        else if (chosen[i] == BYPASS)
            range_put_bypass(&e, bits[i]);
        else
            return APERCU_ERROR_ARGUMENT;
    }
    return range_finish(&e);
}

int64_t apercu_range_decode(const uint8_t *data, size_t n_data, const uint16_t *chosen, size_t n, size_t n_contexts,
                            const uint16_t *starts, range_context *workspace, uint8_t *bits)
{
    int error = start_contexts(workspace, n_contexts, starts);
    if (error)
        return error;
    range_decoder d = range_decoder_at(data, n_data);
    for (size_t i = 0; i < n; i++) {
        if (chosen[i] < n_contexts)
            bits[i] = (uint8_t)range_get_adaptive(&d, &workspace[chosen[i]]);
        else if (chosen[i] == BYPASS)
            bits[i] = (uint8_t)range_get_bypass(&d);
        else
            return APERCU_ERROR_ARGUMENT;
    }
    return range_end(&d);
}
