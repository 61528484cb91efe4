"""Products of `taha2025`: the rows of weights that blocks meet. On the way there these are G1's latent, its error (the
block's energy and the synthesis row) and, where that is above the threshold, G2's eight; on the way back one for every
latent that is not zero. Contexts: with the range coder, and what is expected.
"""

import numpy as np

from apercu.bench.arithmetic import Work, layers, layouts, symbol_maps
from apercu.codecs import tables, taha2025
from apercu.codecs.content import to_content
from apercu.format.container import Header
from apercu.stages import dual_maps
from apercu.stages.colour import Samples


def work(image: Samples, data: bytes, header: Header, model: str | None) -> Work:
    """See above."""
    found = tables.of_file(header, model)
    setting = taha2025.setting_of(header)
    samples = image.reshape(header.height, header.width, header.n_bands)
    row = found.weights.shape[2]
    ranged = header.entropy == "range"
    to_latents, to_pixels, contexts = 0, 0, 0.0
    for tile, ((top, left, height, width), layout) in enumerate(layouts(header)):
        planes, _ = to_content(samples[top : top + height, left : left + width], header)
        for latents, _ in taha2025.analyse(planes, layout, setting, found).planes:
            detailed = np.any(latents[:, 1:], axis=1)  # where they were not computed, they are zero
            to_latents += row * (3 * len(latents) + (found.weights.shape[1] - 1) * int(np.count_nonzero(detailed)))
        for _, symbols in taha2025.read(layers(data, header, tile), layout, setting, found, 1):
            to_pixels += row * int(np.count_nonzero(symbols))
        for plane in layout.planes if ranged else ():
            n_blocks = plane.blocks[0] * plane.blocks[1]
            contexts += symbol_maps.products(plane, n_blocks, dual_maps.MAPS)
            contexts += n_blocks * dual_maps.N_EXPECTED * dual_maps.N_SUMS
    return Work(to_latents, to_pixels, contexts)
