/* The codecs that this library has. */
#include "inside.h"

#ifndef APERCU_CODEC

extern const struct apc_codec apc_codec_apercu, apc_codec_taha2025, apc_codec_taha2025_range, apc_codec_dct, apc_codec_dct_huffman, apc_codec_predictive,
    apc_codec_stacked_ae, apc_codec_stacked_ae_huffman, apc_codec_rnn;

static const struct apc_codec *const CODECS[] = {&apc_codec_apercu, &apc_codec_taha2025, &apc_codec_taha2025_range, &apc_codec_dct, &apc_codec_dct_huffman,
                                                &apc_codec_predictive, &apc_codec_stacked_ae, &apc_codec_stacked_ae_huffman,
                                                &apc_codec_rnn};

int choose_codec(apc_file *file, uint8_t number)
{
    for (size_t i = 0; i < sizeof CODECS / sizeof *CODECS; i++)
        if (CODECS[i]->number == number) {
            file->codec = CODECS[i];
            return 0;
        }
    return APC_UNKNOWN_MODEL;
}

int is_written(const apc_file *file)
{
    return file->codec->write != NULL;
}
#endif
