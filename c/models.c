/* The shipped tables by number, all together: a program that knows which it needs names them, and links no others. */
#include "apercu.h"

const apc_model *apc_shipped_model(const apc_file *file)
{
    static const apc_model *const MODELS[] = {&apc_model_1, &apc_model_2, &apc_model_3, &apc_model_4, &apc_model_5,
                                             &apc_model_6, &apc_model_7, &apc_model_8, &apc_model_9,
                                             &apc_model_10};
    for (size_t i = 0; i < sizeof MODELS / sizeof *MODELS; i++)
        if (MODELS[i]->number == file->model)
            return MODELS[i];
    return NULL;
}
