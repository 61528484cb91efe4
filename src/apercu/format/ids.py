"""Every number in a file that identifies something, typed by hand. Append only: a number is never reused."""

from typing import NamedTuple

MAGIC = b"\xae\x70"
VERSION = 1
SCENE_VERSION = 2
"""Of a file that is a prefix and then a file of version 1."""

INTERPRETATION_IDS = {"grey": 0, "rgb": 1, "rgba": 2, "spectral": 3}

CODECS = {
    "apercu": ("range",),
    "taha2025": ("huffman", "range"),
    "dct": ("range", "huffman"),
    "predictive": ("range",),
    "stacked_ae": ("range", "huffman"),
    "rnn": ("range",),
}
"""The codecs, each a module of `apercu.codecs`, with the entropy coders that each has; its default comes first."""

CODEC_IDS = {
    ("taha2025", "huffman"): 1,
    ("apercu", "range"): 2,
    ("dct", "range"): 3,
    ("dct", "huffman"): 4,
    ("predictive", "range"): 5,
    ("stacked_ae", "range"): 6,
    ("taha2025", "range"): 7,
    ("stacked_ae", "huffman"): 8,
    ("rnn", "range"): 9,
}
"""By codec and entropy coder. 10, a second model of `apercu`, is left out: so the number of any other model is that of
its codec, too."""

CHUNK_IDS = {
    "geo": 0x01,
    "gcps": 0x02,
    "rpcs": 0x03,
    "bands": 0x04,
    "tags": 0x05,
    "samples": 0x81,
    "mask": 0x82,
    "rotation": 0x83,
    "reduced": 0x84,
}
"""Chunks of a prefix, by field of `apercu.format.chunks.Scene`. Bit 7: who does not know it refuses the file."""

USER_MODEL = 0
"""Model id of tables that are not shipped: the id of the codec and its entropy coder and eight bytes of the tables'
SHA-256 follow in the stream."""


class Model(NamedTuple):
    """Shipped tables: their codec and its entropy coder, their file under apercu/weights, and SHA-256 of the array's
    little-endian bytes."""

    codec: str
    entropy: str
    file: str
    sha256: str


MODELS = {
    1: Model("taha2025", "huffman", "taha2025.npy", "b34b70d5f525cc9bdf5c974a5da08c343b9adecae28c128a1ae5b03854b114df"),
    2: Model("apercu", "range", "apercu.npy", "c35fb02ae3cf46933c9c1a9a82e7a2d20283c3f1d4a5464080b8f8b5f26594d4"),
    3: Model("dct", "range", "dct.npy", "d5de1fbfcef4224e791f29dbde25e5d988609120804ff7803731ccd673ccb2af"),
    4: Model("dct", "huffman", "dct.npy", "d5de1fbfcef4224e791f29dbde25e5d988609120804ff7803731ccd673ccb2af"),
    5: Model(
        "predictive", "range", "predictive.npy", "f2eda66cbfaaa07fa71777ce33ecabb412549dd337131106f7d2b3abb418a74c"
    ),
    6: Model(
        "stacked_ae", "range", "stacked_ae.npy", "118c37757385e8ecabe971bded3a7993a31e7eac6184a3520360c80897f4e940"
    ),
    7: Model(
        "taha2025", "range", "taha2025_range.npy", "dce94d2ffcf536f9c5946eb8d622272dba178956ca2dcd2e68aa575cd48f65ea"
    ),
    8: Model(
        "stacked_ae", "huffman", "stacked_ae.npy", "118c37757385e8ecabe971bded3a7993a31e7eac6184a3520360c80897f4e940"
    ),
    9: Model("rnn", "range", "rnn_codec.npy", "7dfceef74d9a2543002b74ccbe887db674dc0bc70d0e7ba759daf81ac983ba33"),
    10: Model(
        "apercu", "range", "apercu_small.npy", "fa6721972929cdba022c192ed128313c4d694e4c6c443b6e049c1a1495d43197"
    ),
}

NAMED_MODELS = {"apercu_small": 10}
"""Shipped tables that are no codec's default: an encoder takes them by these names."""


PLACEHOLDER_TABLES = Model(
    "apercu", "range", "placeholder.npy", "e29a3ab1efa5b7f0a59088c0743f33b9d5c8f3594a9e197a0d225c6e541aa47e"
)
"""Of placeholders (spec/PLACEHOLDER.md), which name none: they have no number."""


class Network(NamedTuple):
    """A shipped network: its file under apercu/weights, SHA-256 of the file."""

    file: str
    sha256: str


NETWORKS = {
    "cnn": Network("cnn.onnx", "65947dc5f608746f139bd9d263d12f242d04769a5b5ca7fb883b853e499eeba1"),
    "cnn_blocks": Network("cnn_blocks.onnx", "4947e82105935e67c701cde37d06dd78d8bdcc5eda64d64d2f6bbb407b5e90fc"),
    "rnn": Network("rnn.onnx", "4a01eef3f696f0ad8eaba996a0cf213f8bd4f398d2161fce95688d3521bc98b9"),
    "gan": Network("gan.onnx", "fa261adda57c5be7a08a34f317756b8fcd2141e17086d9cf0ca5e09d6b861bba"),
    "diffusion": Network("diffusion.onnx", "c79d5725ccaad8fe22f6004e8e1a2d5b27e4d6590e50cfb5141ba4256e161ecc"),
}
"""By name. The receiver chooses one: no file names it. A better network takes the name of the one before. If a
conformance vector names the older one, that stays as `cnn-1`, `cnn-2` and so on, and keeps its inputs and its trust."""

DEFAULT_MODEL_IDS = dict(CODEC_IDS)
"""The model that each codec encodes with by default, by codec and entropy coder: its first, which has its number, until
a better one comes."""
