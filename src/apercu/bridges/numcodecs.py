"""apercu as a codec of numcodecs, for arrays of Zarr format 2 and references to files: each chunk is an apercu file.

    zarr.create_array("scene.zarr", shape=(4096, 4096), chunks=(512, 512), dtype="uint16", zarr_format=2,
                      compressors=Apercu(bpp=0.2))

numcodecs finds it by the id `apercu`. The setting `apercu` of `zarr.config` says how chunks are decoded, as in
`apercu.bridges.zarr`.
"""

from typing import Any, Self

from apercu.bridges import array_chunks
from apercu.errors import ImageError, MissingExtra
from apercu.stages.colour import Samples

try:
    from numcodecs.abc import Codec
    from numcodecs.compat import ensure_bytes, ensure_ndarray, ndarray_copy
except ImportError as error:
    raise MissingExtra("apercu.bridges.numcodecs needs numcodecs: pip install 'apercu[arrays]'") from error


class Apercu(Codec):  # type: ignore[misc]  # numcodecs is not typed
    """An image of uint8 or uint16 for each chunk; `axes` and options are those of `apercu.bridges.zarr.Apercu`.

    Zarr puts chunks into the order and byte order of the array after this codec, without a look at what it gives: so
    chunks in column order, or in a byte order other than the machine's, are refused.
    """

    codec_id = "apercu"

    def __init__(self, *, axes: str = "yx", **options: Any) -> None:
        self.axes, self.options = array_chunks.checked(axes, options)

    def get_config(self) -> dict[str, Any]:
        """For the metadata of an array."""
        return {"id": self.codec_id, "axes": self.axes, **dict(self.options)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Of the metadata of an array."""
        return cls(**{name: value for name, value in config.items() if name != "id"})

    def encode(self, buf: object) -> bytes:
        """An array as an apercu file. Raises ImageError, OptionError or TargetUnreachable."""
        chunk = ensure_ndarray(buf)
        if not chunk.dtype.isnative:
            raise ImageError(f"chunks must be in the byte order of this machine, not {chunk.dtype.str}")
        if chunk.flags.f_contiguous and not chunk.flags.c_contiguous:
            raise ImageError("chunks must be in row order (order='C'): use numpy.ascontiguousarray")
        return array_chunks.encode(chunk, self.axes, self.options)

    def decode(self, buf: object, out: object = None) -> Samples:
        """The array of an apercu file, of the shape and dtype that the file says, or `out`, of as many bytes.

        Raises FormatError, ModelError, MissingExtra or OptionError; ValueError where `out` has another size.
        """
        found: Samples = ndarray_copy(array_chunks.decode(ensure_bytes(buf), self.axes, self.options), out)
        return found

    def __repr__(self) -> str:
        given = {name: value for name, value in self.get_config().items() if name != "id"}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in given.items())})"
