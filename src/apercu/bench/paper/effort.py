"""How much work a reproduction takes, and what its page says of how it was made."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """How much work is put in.

    every: one of so many training images is taken. per_image: blocks of each for Tables 1 and 2. steps, starts: of the
    training of a network. grid: steps, thresholds and places of the path in the search for the smallest file.
    """

    every: int
    per_image: int
    steps: int
    starts: int
    grid: tuple[int, int, int]


FULL = Effort(1, 600, 12_000, 3, (40, 36, 201))
QUICK = Effort(8, 400, 1_000, 1, (20, 16, 81))


def notes(effort: Effort, names: list[str], n_files: int) -> list[str]:
    """What the page says of how it was made, and of what the paper leaves open."""
    quick = ["A quick run: little training, a coarse search. The numbers of a full run are better."]
    lines = quick if effort == QUICK else []
    lines.append(f"Measured on {', '.join(names)}: grey, 512 × 512.")
    if n_files:
        lines.append(
            f"Trained on {n_files} other photographs. The paper trains on the Waterloo set, which holds its three test "
            "images."
        )
        lines.append(
            f"The paper leaves training open. Taken here for Tables 1 and 2: {effort.per_image} blocks of each image, "
            f"samples from 0 to 1, Adam from 0.01 down a cosine, batches of 1024, {effort.steps:,} steps, float32, "
            f"Glorot's start, no biases (the parameter counts leave no room for any), activation after every layer but "
            f"the last; of {effort.starts} starts the one of least training error is shown."
        )
    lines.append(
        "The paper leaves open the quantiser, the cost of the Huffman tables and how threshold and step are chosen. "
        "Taken here: whole files of the codec, headers and tables included; the smallest of "
        f"{effort.grid[0] * effort.grid[1]:,} pairs of step and threshold, and of finer ones around the best, that "
        "reaches the PSNR."
    )
    lines.append(
        '"As published": nearest multiples of the step, one Huffman code for each autoencoder. "Table per latent": a '
        'Huffman code for each of the latents. "Default path": what `encode(quality=)` does, with symbols chosen for '
        'rate and error together. "Fitted to the image": as published, with the principal subspaces of the very image '
        "that is measured: a bound, no codec."
    )
    lines.append(
        "Files with 4 and 6 outputs are made with weights whose last rows are zero. A latent that is always zero takes "
        "no bits where it has a table of its own, and one bit a block where it shares one: hence no numbers as "
        "published there."
    )
    return lines
