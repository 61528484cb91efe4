"""Bits to bytes and back with the adaptive binary range coder (spec/FORMAT.md, "Range coder").

A codec calls the coder inside the kernel, next to its context modelling (`range_coder.h`). These two functions take
the contexts of all bits in advance: for experiments, and for streams whose contexts do not depend on their bits.
"""

import numpy as np
from numpy.typing import NDArray

from apercu.errors import OptionError
from apercu.kernel import address, checked, function
from apercu.stages.arguments import check_bytes, check_integers, check_number

BYPASS = 65535
"""The context of a bit that is as likely 0 as 1: it costs one bit and does not adapt."""

_CONTEXT_BYTES = 8  # sizeof(range_context)
_encode = function("apercu_range_encode", "aassaaas")
_decode = function("apercu_range_decode", "asassaaa")


def _contexts(
    contexts: NDArray[np.integer], n_contexts: int, starts: NDArray[np.integer] | None
) -> tuple[NDArray[np.uint16], NDArray[np.uint16] | None, NDArray[np.uint8]]:
    """Contexts and starts as the kernel takes them, and its workspace."""
    check_number("n_contexts", n_contexts, 0, BYPASS)
    check_integers("contexts", contexts)
    check_integers("starts", contexts if starts is None else starts)
    if contexts.ndim != 1 or np.any(((contexts < 0) | (contexts >= n_contexts)) & (contexts != BYPASS)):
        raise OptionError(f"contexts must be a list of numbers below n_contexts = {n_contexts}, or {BYPASS} for none")
    workspace = np.empty(n_contexts * _CONTEXT_BYTES, np.uint8)
    if starts is not None:
        lowest, highest = (1, 2, 1, 1), (65535, 128, 7, 7)
        if starts.shape != (n_contexts, 4) or np.any(starts < lowest) or np.any(starts > highest):
            raise OptionError(f"starts must have the shape ({n_contexts}, 4) and lie within {lowest} and {highest}")
    exact = None if starts is None else np.ascontiguousarray(starts, np.uint16)
    return np.ascontiguousarray(contexts, np.uint16), exact, workspace


def range_encode(
    bits: NDArray[np.integer] | NDArray[np.bool_],
    contexts: NDArray[np.integer],
    n_contexts: int,
    starts: NDArray[np.integer] | None = None,
) -> bytes:
    """The shortest bytes that `range_decode` turns into `bits`, given the same other arguments.

    bits: (n,), 0 or 1. contexts: (n,), the context of each bit, 0..n_contexts-1 or `BYPASS`. starts: (n_contexts, 4),
    the start of each context: probability of a 0 in 1/65536 (1..65535), the number of bits that it counts for (its age,
    2..128), fast and slow shift (1..7); None means (32768, 3, 4, 7), a context without prior knowledge.
    Raises OptionError if an argument is not as described.

    >>> bits = np.arange(100) % 10 == 0
    >>> data = range_encode(bits, np.zeros(100, int), 1)
    >>> len(data)
    7
    >>> bool(np.all(range_decode(data, np.zeros(100, int), 1) == bits))
    True
    """
    chosen, exact, workspace = _contexts(contexts, n_contexts, starts)
    check_integers("bits", bits)
    if bits.shape != chosen.shape or np.any((bits != 0) & (bits != 1)):
        raise OptionError("bits must be 0 or 1, one for each of contexts")
    plain = np.ascontiguousarray(bits, np.uint8)
    # A bit costs 16.006 bits at most: its share of the range is 1/65536 or more, rounded down to 256/(2^24 + 65535).
    out = np.empty(2 * bits.size + bits.size // 1024 + 16, np.uint8)
    n_bytes = checked(
        _encode(
            address(plain),
            address(chosen),
            bits.size,
            n_contexts,
            None if exact is None else address(exact),
            address(workspace),
            address(out),
            out.size,
        )
    )
    return out[:n_bytes].tobytes()


def range_decode(
    data: bytes, contexts: NDArray[np.integer], n_contexts: int, starts: NDArray[np.integer] | None = None
) -> NDArray[np.uint8]:
    """The bits, (n,) uint8 of 0 and 1, from which `range_encode` made `data` with the same contexts and starts.

    Raises Truncated or CorruptStream if the bits that were read need more or fewer bytes than `data` has, and
    OptionError as `range_encode`. Damage is not always noticed, since wrong bits may have the same length: the
    container needs a checksum.
    """
    chosen, exact, workspace = _contexts(contexts, n_contexts, starts)
    check_bytes("data", data)
    stream = np.frombuffer(data, np.uint8)
    bits = np.empty(chosen.size, np.uint8)
    checked(
        _decode(
            address(stream),
            stream.size,
            address(chosen),
            chosen.size,
            n_contexts,
            None if exact is None else address(exact),
            address(workspace),
            address(bits),
        )
    )
    return bits
