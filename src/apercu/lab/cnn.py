"""The network behind restore="cnn", and its training: a residual U of two scales on the planes that a decoder has.

It sees luma in squares of 4×4 samples and chroma in 2×2 (space to depth), and the quantiser step; it foretells what the
planes lack. Loss: the squared error of RGB and the dissimilarity of luma, each as a share of what it was before.
"""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

SEED = 2026
NEAR, FAR = 64, 96  # channels at a quarter and at an eighth of the size
BATCH, CROP = 16, 128
RATE, DECAY = 1e-3, 1e-4  # of AdamW; the rate rises for WARM steps and falls to zero like a cosine
WARM = 100
AVERAGED = 0.998  # weights are averaged over about 500 steps
SIMILARITY = 0.3  # weight of dissimilarity against squared error
GREY = 0.35  # share of crops shown without chroma
IN, OUT = 25, 24


class Block(nn.Module):
    """x + conv(relu(conv(x))), (N, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        more: Tensor = self.second(functional.relu(self.first(x)))
        return x + more


class Network(nn.Module):
    """(N, 25, H / 4, W / 4) to (N, 24, H / 4, W / 4); H and W are multiples of 8. 33,300 products a pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(IN, NEAR, 3, padding=1)
        self.before = nn.Sequential(Block(NEAR), Block(NEAR))
        self.down = nn.Conv2d(NEAR, FAR, 2, stride=2)
        self.far = nn.Sequential(Block(FAR), Block(FAR), Block(FAR))
        self.up = nn.Conv2d(FAR, 4 * NEAR, 1)
        self.after = nn.Sequential(Block(NEAR), Block(NEAR), Block(NEAR))
        self.tail = nn.Conv2d(NEAR, OUT, 3, padding=1)
        nn.init.zeros_(self.tail.weight)

    def forward(self, x: Tensor) -> Tensor:
        """What the planes lack, in their own unit."""
        near = self.before(self.head(x))
        far = functional.pixel_shuffle(self.up(self.far(self.down(near))), 2)
        lack: Tensor = 0.1 * self.tail(self.after(near + far))
        return lack


def to_input(luma: Tensor, chroma: Tensor, step: Tensor) -> Tensor:
    """Luma (N, 1, H, W), chroma (N, 2, H / 2, W / 2), both in -1 .. 1, and steps (N,), to (N, 25, H / 4, W / 4)."""
    near = functional.pixel_unshuffle(luma, 4)
    colour = functional.pixel_unshuffle(chroma, 2)
    plane = ((torch.log2(step) - 6) / 3)[:, None, None, None].expand(-1, 1, *near.shape[2:])
    return torch.cat([near, colour, plane], 1)


def to_rgb(luma: Tensor, chroma: Tensor) -> Tensor:
    """Planes in -1 .. 1 to RGB (N, 3, H, W) in the same unit: chroma by the triangle filter of the format."""
    h, w = chroma.shape[2:]
    full = functional.interpolate(chroma, size=(2 * h, 2 * w), mode="bilinear", align_corners=False)
    cb, cr = full[:, :1], full[:, 1:]
    return torch.cat([luma + 1.402 * cr, luma - 0.344136 * cb - 0.714136 * cr, luma + 1.772 * cb], 1)


def dissimilarity(a: Tensor, b: Tensor) -> Tensor:
    """1 - SSIM of luma (N, 1, H, W) in -1 .. 1, a number an image: Gaussian window of 1.5 samples."""
    x = torch.arange(-5, 6, dtype=a.dtype)
    g = torch.exp(-(x**2) / 4.5)
    g = g / g.sum()

    def blurred(v: Tensor) -> Tensor:
        return functional.conv2d(functional.conv2d(v, g[None, None, :, None]), g[None, None, None])

    ma, mb = blurred(a), blurred(b)
    va, vb, both = blurred(a * a) - ma * ma, blurred(b * b) - mb * mb, blurred(a * b) - ma * mb
    c1, c2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    # Luminance is compared around black: samples are centred here.
    ma, mb = ma + 1, mb + 1
    ssim = (2 * ma * mb + c1) * (2 * both + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    return 1 - ssim.mean((1, 2, 3))


Sample = tuple[NDArray[np.int16], NDArray[np.int16], float, NDArray[np.uint8]]
"""Luma (H, W), chroma (2, H / 2, W / 2), both with 5 fraction bits; the step; the original (H, W, 3)."""


def batch_of(samples: list[Sample], rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Crops of random samples: luma, chroma, steps, originals in -1 .. 1, and which of them are shown grey (N,)."""
    lumas, chromas, steps, originals = [], [], [], []
    for index in rng.integers(0, len(samples), BATCH):
        luma, chroma, step, original = samples[index]
        height, width = luma.shape
        y, x = (2 * int(rng.integers(0, (side - CROP) // 2 + 1)) for side in (height, width))
        parts = [
            luma[y : y + CROP, x : x + CROP],
            chroma[:, y // 2 : (y + CROP) // 2, x // 2 : (x + CROP) // 2].transpose(1, 2, 0),
            original[y : y + CROP, x : x + CROP],
        ]
        for flip in range(2):
            if rng.random() < 0.5:
                parts = [np.flip(part, flip) for part in parts]
        if rng.random() < 0.5:
            parts = [part.swapaxes(0, 1) for part in parts]
        lumas.append(parts[0][None].astype(np.float32))
        chromas.append(parts[1].transpose(2, 0, 1).astype(np.float32))
        steps.append(step)
        originals.append(parts[2].transpose(2, 0, 1).astype(np.float32))
    grey = torch.from_numpy(rng.random(BATCH) < GREY)
    luma_, chroma_ = torch.from_numpy(np.stack(lumas)) / 4080 - 1, torch.from_numpy(np.stack(chromas)) / 4080
    original_ = torch.from_numpy(np.stack(originals)) / 127.5 - 1
    luma_of = (original_ * torch.tensor([0.299, 0.587, 0.114])[None, :, None, None]).sum(1, keepdim=True)
    original_ = torch.where(grey[:, None, None, None], luma_of.expand(-1, 3, -1, -1), original_)
    chroma_ = torch.where(grey[:, None, None, None], torch.zeros(()), chroma_)
    return luma_, chroma_, torch.tensor(steps, dtype=torch.float32), original_, grey


def loss_of(network: nn.Module, batch: tuple[Tensor, ...]) -> tuple[Tensor, float, float]:
    """The loss, and the shares of squared error and of dissimilarity that are left."""
    luma, chroma, step, original, grey = batch
    with torch.autocast("cpu", torch.bfloat16):
        lack = network(to_input(luma, chroma, step).to(memory_format=torch.channels_last)).float()
    restored = luma + functional.pixel_shuffle(lack[:, :16], 4)
    colour = chroma + functional.pixel_shuffle(lack[:, 16:], 2) * ~grey[:, None, None, None]
    with torch.no_grad():
        before = (to_rgb(luma, chroma) - original).square().mean((1, 2, 3))
    after = (to_rgb(restored, colour) - original).square().mean((1, 2, 3))
    luma_of = (original * torch.tensor([0.299, 0.587, 0.114])[None, :, None, None]).sum(1, keepdim=True)
    with torch.no_grad():
        unlike = dissimilarity(luma, luma_of)
    still_unlike = dissimilarity(restored, luma_of)
    shares = [2 * (left / (was + was.mean())).mean() for left, was in ((after, before), (still_unlike, unlike))]
    error, structure = (left.detach().sum() / was.sum() for left, was in ((after, before), (still_unlike, unlike)))
    return shares[0] + SIMILARITY * shares[1], float(error), float(structure)


def train(
    samples: list[Sample], folder: Path, steps: int, seed: int = SEED, log: Callable[[str], None] = print
) -> Network:
    """Trains for so many steps; a checkpoint in `folder` is gone on from. Returns the averaged network."""
    torch.manual_seed(seed)
    network, averaged = Network(), Network()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing from the stubs
    averaged.load_state_dict(network.state_dict())
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
    checkpoint, start = folder / "checkpoint.pt", 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(state["network"])
        averaged.load_state_dict(state["averaged"])
        optimiser.load_state_dict(state["optimiser"])
        start = state["step"]
    begin, errors = time.monotonic(), []
    for step in range(start, steps):
        for group in optimiser.param_groups:
            group["lr"] = RATE * min((step + 1) / WARM, 0.5 * (1 + math.cos(math.pi * step / steps)))
        batch = batch_of(samples, np.random.default_rng((seed, step)))
        loss, error, structure = loss_of(network, batch)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # untyped in torch
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        with torch.no_grad():
            for mean, now in zip(averaged.parameters(), network.parameters(), strict=True):
                mean.lerp_(now, 1 - min(AVERAGED, (step + 1) / (step + 10)))
        errors.append((error, structure))
        if (step + 1) % 200 == 0 or step + 1 == steps:
            error, structure = np.mean(errors, 0)
            errors.clear()
            seconds = time.monotonic() - begin
            row = {"step": step + 1, "error": error, "dissimilarity": structure, "seconds": seconds}
            log(json.dumps({name: round(float(value), 4) for name, value in row.items()}))
            state = {"network": network.state_dict(), "averaged": averaged.state_dict(), "step": step + 1}
            torch.save({**state, "optimiser": optimiser.state_dict()}, checkpoint.with_suffix(".new"))
            checkpoint.with_suffix(".new").replace(checkpoint)
    return averaged


def export(network: Network, path: Path) -> None:
    """Writes an ONNX file: `planes` (1, 25, H / 4, W / 4) to `lack` (1, 24, H / 4, W / 4); weights in 16 bits.

    They are sums of 32 bits all the same. Half the size, and far finer than what a restored pixel is rounded to.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    program = torch.onnx.export(
        network.eval(),
        (torch.zeros(1, IN, 32, 32),),
        dynamo=True,
        input_names=["planes"],
        output_names=["lack"],
        dynamic_shapes=({2: 2 * torch.export.Dim("down", min=1), 3: 2 * torch.export.Dim("across", min=1)},),
        verbose=False,
    )
    assert program is not None
    model = program.model_proto
    casts = []
    for tensor in list(model.graph.initializer):
        if tensor.data_type != TensorProto.FLOAT:
            continue
        small = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name + "_16")
        casts.append(helper.make_node("Cast", [small.name], [tensor.name], to=TensorProto.FLOAT))
        model.graph.initializer.remove(tensor)
        model.graph.initializer.append(small)
    nodes = casts + list(model.graph.node)
    del model.graph.node[:], model.graph.value_info[:], model.metadata_props[:]
    for node in nodes:
        del node.metadata_props[:]
        node.doc_string = ""
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))
