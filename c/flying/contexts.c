/* How contexts begin: by the tables of the encoder. */
#include "inside.h"

#ifdef APERCU_SMALL_TABLES
#include "band_small.h"

extern const uint8_t apercu_codes[];

void apercu_begin_context(range_context *c)
{
    *c = small_start(apercu_codes, (int32_t)(c - apercu_contexts), 1);
}
#else
extern const uint16_t apercu_starts[]; /* as apercu_bands_start takes them */

void apercu_begin_context(range_context *c)
{
    const uint16_t *start = apercu_starts + 2 * (c - apercu_contexts);
    *c = range_context_at(start[0], start[1], RANGE_FAST_SHIFT, RANGE_SLOW_SHIFT);
}
#endif
