"""Random draws that depend on what is drawn, not on what was drawn before.

Every draw has a generator of its own, keyed by the world's seed, the instrument and what the draw
is for. So a run that was cut off and resumed gets the same numbers as one that was not, and a
reading of the instrument's state never disturbs the data.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

Part = str | int | float


def key_of(*parts: Part) -> str:
    """Return a stable name, 16 hexadecimal digits, of what is drawn for."""
    return blake2b(repr(parts).encode(), digest_size=8).hexdigest()


def generator(seed: int, instrument: str, *parts: Part) -> np.random.Generator:
    """Return the generator of the draw named by `parts`.

    Source: Philox is a counter-based generator: any key gives an independent stream (Salmon et al.,
    SC11, 2011); the key is a hash of the parts.
    """
    digest = blake2b(repr((seed, instrument, parts)).encode(), digest_size=16).digest()
    key = np.frombuffer(digest, np.uint64)
    return np.random.Generator(np.random.Philox(key=key))


def picometres(metres: float) -> int:
    """Return a length in whole picometres: two places closer than that are the same place."""
    return round(metres * 1e12)
