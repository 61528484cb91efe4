"""Canonical Huffman coding of groups and symbols of the planes of a tile (Taha et al. 2025).

All groups come first, so that the share of detailed blocks is known without decoding a symbol; then, plane by plane,
the code tables and the symbols.
"""

import numpy as np
from numpy.typing import NDArray

from apercu.errors import CorruptStream, OptionError
from apercu.kernel import address, checked, function
from apercu.stages.arguments import INT16, UINT8, check_array, check_bytes, check_number

_put_groups = function("apercu_dual_put_groups", "asasl")
_get_groups = function("apercu_dual_get_groups", "aslsa")
_put_symbols = function("apercu_dual_put_symbols", "aasiasasl")
_get_symbols = function("apercu_dual_get_symbols", "aslasasa")
_optimise = function("apercu_dual_optimise", "aasiiiiasaa")
_encoder_workspace = function("apercu_dual_encoder_workspace", "s")
_DECODER_WORKSPACE = function("apercu_dual_decoder_workspace", "")()

TABLES = {None: 0, "group": 1, "latent": 2}
"""One code table for all latents of G2, as published, or one for each; None takes the smaller for every plane."""

Groups = NDArray[np.uint8]
Symbols = NDArray[np.int16]


def workspace_bytes(n_blocks: int) -> int:
    """Memory that an encoder of a plane of so many blocks takes besides."""
    return _encoder_workspace(n_blocks)


def dual_optimise(
    groups: Groups,
    symbols: Symbols,
    latents: NDArray[np.int16],
    step_q3: int,
    bit_price_q4: int,
    tables: str | None = None,
    drop_g1: bool = False,
) -> int:
    """Chooses the symbols (n, 8) of a plane again, in place, for rate and distortion together; returns their cost.

    Against the code lengths of the symbols as they come, each takes the value of least squared error + price a bit,
    the price being `bit_price_q4` (0 to 16) sixteenths of the squared step; then a latent becomes zero in all blocks
    of its group where that costs less than its bits; G1's only if `drop_g1`. An encoder's choice: `latents` (n, 9)
    and the step, with 3 fraction bits, are those of `dual_quantise`. The cost compares two ways to group and code the
    same blocks. Raises OptionError for arrays of another kind and for numbers out of range.
    """
    _check(groups, symbols, tables, written=True)
    check_array("latents", latents, INT16, (len(groups), 9))
    check_number("step_q3", step_q3, 1, 65535)
    check_number("bit_price_q4", bit_price_q4, 0, 16)
    workspace = np.empty(_encoder_workspace(len(groups)), np.uint8)
    cost = np.empty(1, np.int64)
    inputs = (address(groups), address(latents), len(groups), TABLES[tables], int(drop_g1), step_q3, bit_price_q4)
    checked(_optimise(*inputs, address(workspace), workspace.size, address(symbols), address(cost)))
    return int(cost[0])


def _check(groups: Groups, symbols: Symbols, tables: str | None, written: bool = False) -> None:
    check_array("groups", groups, UINT8, getattr(groups, "shape", ())[:1])
    check_array("symbols", symbols, INT16, (len(groups), 8), written)
    # A tuple, since names that cannot be hashed are to be refused too.
    if tables is not None and tables not in tuple(TABLES):
        raise OptionError(f"tables must be one of {', '.join(map(repr, TABLES))}, not {tables!r}")


def dual_encode(planes: list[tuple[Groups, Symbols]], tables: str | None = None) -> bytes:
    """Groups (n,) and symbols (n, 8) of every plane of a tile to bytes; the last byte is filled up with zeros.

    Raises OptionError for arrays of another kind, and for symbols that are more than 32,767 apart.
    """
    for groups, symbols in planes:
        _check(groups, symbols, tables)
    # A symbol costs at most 16 bits and, in a table, at most 43.
    out = np.empty(64 + sum(64 * len(groups) for groups, _ in planes), np.uint8)
    workspace = np.empty(_encoder_workspace(max(len(groups) for groups, _ in planes)), np.uint8)
    n_bits = 0
    for groups, _ in planes:
        n_bits = checked(_put_groups(address(groups), len(groups), address(out), out.size, n_bits))
    for groups, symbols in planes:
        inputs = (address(groups), address(symbols), len(groups), TABLES[tables], address(workspace), workspace.size)
        n_bits = checked(_put_symbols(*inputs, address(out), out.size, n_bits))
    return out[: (n_bits + 7) // 8].tobytes()


def dual_decode(data: bytes, n_blocks: list[int]) -> list[tuple[Groups, Symbols]]:
    """The inverse of `dual_encode`; `n_blocks` counts the blocks of every plane. Raises CorruptStream or Truncated, and
    OptionError for other arguments than described."""
    check_bytes("data", data)
    source = np.frombuffer(data, np.uint8)
    workspace = np.empty(_DECODER_WORKSPACE, np.uint8)
    all_groups, n_bits = _decode_groups(source, n_blocks)
    planes = []
    for groups in all_groups:
        symbols = np.empty((len(groups), 8), np.int16)
        inputs = (
            address(source),
            source.size,
            n_bits,
            address(groups),
            len(groups),
            address(workspace),
            workspace.size,
        )
        n_bits = checked(_get_symbols(*inputs, address(symbols)))
        planes.append((groups, symbols))
    if (n_bits + 7) // 8 != source.size or (n_bits % 8 and data[-1] & 0xFF >> n_bits % 8):
        raise CorruptStream("data follow the last symbol")
    return planes


def dual_decode_groups(data: bytes, n_blocks: list[int]) -> list[Groups]:
    """The groups (n,) of every plane alone."""
    check_bytes("data", data)
    return _decode_groups(np.frombuffer(data, np.uint8), n_blocks)[0]


def _decode_groups(source: NDArray[np.uint8], n_blocks: list[int]) -> tuple[list[Groups], int]:
    n_bits = 0
    found = []
    for n in n_blocks:
        check_number("n_blocks", n, 1, 1 << 40)
        groups = np.empty(n, np.uint8)
        n_bits = checked(_get_groups(address(source), source.size, n_bits, n, address(groups)))
        found.append(groups)
    return found, n_bits
