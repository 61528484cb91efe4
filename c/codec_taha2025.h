/* What the entropy coders of taha2025 share. */
#ifndef APERCU_CODEC_TAHA2025_H
#define APERCU_CODEC_TAHA2025_H

#include "dual_ae.h"
#include "inside.h"

#define taha2025_takes_weights apc_taha2025_takes_weights
#define taha2025_takes_tables_of_range apc_taha2025_takes_tables_of_range
#define taha2025_show apc_taha2025_show

enum { TAHA2025_WEIGHTS = 2 * DUAL_ROWS * DUAL_PIXELS };

/* Whether the autoencoders' weights are sound; tables of the range coder follow them in a longer array. */
int taha2025_takes_weights(const int16_t *weights);
int taha2025_takes_tables_of_range(const apc_model *model);
/* The samples of a plane from groups and symbols of its blocks. */
void taha2025_show(const apc_file *file, const apc_model *model, const band_plane *of, const uint8_t *groups, const int16_t *symbols,
                   int16_t *plane);

#endif
