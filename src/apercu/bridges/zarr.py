"""apercu as a codec of Zarr, format 3: each chunk of an array is an apercu file.

    array = zarr.create_array("scenes.zarr", shape=(20, 4096, 4096), chunks=(1, 512, 512), dtype="uint16",
                              serializer=Apercu(axes="...yx", bpp=0.2), compressors=None)

A serializer, alone or inside shards; Zarr finds it by the name `apercu` when it opens an array. How chunks are decoded
is no part of the array, but a setting of the process:

    zarr.config.set({"apercu.restore": "cnn"})       # or ZARR_APERCU__RESTORE=cnn in the environment

and so are `apercu.layers`, `apercu.damaged`, `apercu.model` and the options of the restorer.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Self

from apercu.bridges import array_chunks
from apercu.errors import MissingExtra, OptionError

try:
    from zarr.abc.codec import ArrayBytesCodec
    from zarr.core.array_spec import ArraySpec
    from zarr.core.buffer import Buffer, NDBuffer
except ImportError as error:
    raise MissingExtra("apercu.bridges.zarr needs zarr: pip install 'apercu[arrays]'") from error

NAME = "apercu"


@dataclass(frozen=True, init=False)
class Apercu(ArrayBytesCodec):
    """An image of uint8 or uint16 for each chunk, (H, W), (H, W, B) or (B, H, W).

    axes: what the axes of a chunk are: "yx", "yxb" or "byx", rows, columns and bands; "...yx", "...yxb" or "...byx"
        where others come before them, along which chunks have the length 1. Nothing else is taken for an image.
    options: those of `apercu.encode`, its target and what else it takes but `model` and `progress`. `n_bytes`
        is for each chunk. One band is "grey" by default, three are "rgb", four have to be given a name.

    nodata: samples of this value, in most cases the fill value, do not count: they cost little, spoil nothing around
        them, and come back as this value, which no other sample does. Where they would take more than a twentieth of
        `n_bytes` or `bpp`, their outlines are coarser by some pixels.

    What an array cannot have is refused as an OptionError when the codec is made, chunks that are no images as an
    ImageError when they are written, TargetUnreachable where a chunk does not fit into `n_bytes`.
    """

    axes: str
    options: array_chunks.Options
    is_fixed_size = False

    def __init__(self, *, axes: str = "yx", **options: Any) -> None:
        axes, plain = array_chunks.checked(axes, options)
        object.__setattr__(self, "axes", axes)
        object.__setattr__(self, "options", plain)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Of the metadata of an array."""
        configuration = data.get("configuration", {})
        if data.get("name") != NAME or not isinstance(configuration, dict):
            raise OptionError(f"not the configuration of the codec {NAME}: {data!r}")
        return cls(**configuration)

    def to_dict(self) -> dict[str, Any]:
        """For the metadata of an array."""
        return {"name": NAME, "configuration": {"axes": self.axes, **dict(self.options)}}

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        """Raises NotImplementedError, which Zarr expects of codecs whose output has no fixed size."""
        raise NotImplementedError

    def evolve_from_array_spec(self, array_spec: ArraySpec) -> Self:
        """Refuses an array whose chunks have not the axes, as soon as it is made or opened."""
        array_chunks.refuse_dimensions(array_spec.ndim, self.axes)
        return self

    def _encode_sync(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> Buffer:
        chunk = chunk_array.as_numpy_array().reshape(chunk_spec.shape)  # some filters give it flat
        data = array_chunks.encode(chunk, self.axes, self.options)
        return chunk_spec.prototype.buffer.from_bytes(data)

    def _decode_sync(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        expected = chunk_spec.shape, chunk_spec.dtype.to_native_dtype()
        chunk = array_chunks.decode(chunk_bytes.to_bytes(), self.axes, self.options, expected)
        return chunk_spec.prototype.nd_buffer.from_numpy_array(chunk)

    async def _encode_single(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> Buffer:
        return await asyncio.to_thread(self._encode_sync, chunk_array, chunk_spec)

    async def _decode_single(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        return await asyncio.to_thread(self._decode_sync, chunk_bytes, chunk_spec)
