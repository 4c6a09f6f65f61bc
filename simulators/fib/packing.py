"""A solid as bytes and back, exactly."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np

from simulators.fib.solid import COLUMNS, NX, NZ, Bond, Solid

BAND = ("front", "back", "cut", "film_front", "film_back")
SITE = ("floor", "fill")
_REST = ("held", "moved", "rolled", "ice")


def pack(solid: Solid) -> bytes:
    """Return a solid as bytes: a line of JSON, then its arrays as little-endian doubles."""
    rest = {name: getattr(solid, name) for name in _REST}
    rest["bonds"] = [asdict(bond) for bond in solid.bonds]
    arrays = (getattr(solid, name) for name in (*BAND, *SITE))
    return b"".join(
        [json.dumps(rest).encode(), b"\n", *(a.astype("<f8").tobytes() for a in arrays)]
    )


def unpack(packed: bytes) -> Solid:
    """Return the solid that `pack` made bytes of."""
    line, _, raw = packed.partition(b"\n")
    rest = json.loads(line)
    numbers = np.frombuffer(raw, "<f8").astype(np.float64)
    solid = Solid(
        bonds=[Bond(**bond) for bond in rest["bonds"]],
        held=rest["held"],
        moved=tuple(rest["moved"]),
        rolled=rest["rolled"],
        ice=rest["ice"],
    )
    at = 0
    for names, shape in ((BAND, (NX, NZ)), (SITE, (COLUMNS, COLUMNS))):
        for name in names:
            size = shape[0] * shape[1]
            setattr(solid, name, numbers[at : at + size].reshape(shape).copy())
            at += size
    return solid
