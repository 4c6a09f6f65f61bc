"""Numbers as MethodSCRIPT writes them: packages one way, literals the other.

Source: PalmSens' public READMEs and examples, as the reference sheet gives them in 5.4 to 5.7.
"""

from __future__ import annotations

import math
import re

ZERO = 1 << 27
"""What a package adds to each count: 28 bits, so +-134,217,728 counts."""
PREFIXES = {
    "a": -18, "f": -15, "p": -12, "n": -9, "u": -6, "m": -3, " ": 0, "k": 3, "M": 6, "G": 9,
    "T": 12, "P": 15, "E": 18, "i": 0,
}  # fmt: skip
"""Powers of ten; `i` is an integer."""
NAN = "     nan"
_DIGITS = re.compile(r"[0-9A-F]{7}")
_LITERAL = ("G", "M", "k", "", "m", "u", "n", "p", "f", "a")
_LARGEST = 2**31 - 1
"""Of a literal's integer; ours, to verify."""


def decoded(text: str) -> float:
    """Return the number of eight characters: seven hex digits and a prefix, or NaN.

    Raises:
        ValueError: they are neither.
    """
    if text == NAN:
        return math.nan
    digits, prefix = text[:7], text[7:]
    if _DIGITS.fullmatch(digits) is None or prefix not in PREFIXES or not prefix:
        raise ValueError(f"{text!r} is no number: it has seven hex digits and a prefix")
    counts, power = int(digits, 16) - ZERO, PREFIXES[prefix]
    return counts * 10.0**power if power >= 0 else counts / 10.0**-power


def encoded(value: float, *, integer: bool = False) -> str:
    """Return the eight characters of a number: with the smallest prefix that holds it."""
    if integer:
        return f"{int(value) + ZERO:07X}i"
    if not math.isfinite(value):
        return NAN
    for prefix, power in PREFIXES.items():
        counts = round(value * 10.0**-power)
        if abs(counts) < ZERO and prefix != "i":
            return f"{counts + ZERO:07X}{prefix}" if counts else f"{ZERO:07X} "
    return NAN


def literal(value: float) -> str:
    """Return a number as a script writes it: a whole number and a prefix, no decimals.

    1.4703e-6 is `1470300p`. What cannot be written exactly is within 3e-7 of it.

    Raises:
        ValueError: it is not finite, or beyond what a script can hold.
    """
    if not math.isfinite(value):
        raise ValueError(f"{value!r} cannot be written into a script")
    best = "0"
    for prefix in _LITERAL:
        counts = value * 10.0 ** -PREFIXES[prefix or " "]
        whole = round(counts)
        if abs(whole) > _LARGEST:
            break
        if whole:
            best = f"{whole}{prefix}"
        if abs(counts - whole) <= 1e-9 * abs(counts):
            return best
    if best == "0":
        raise ValueError(f"{value!r} cannot be written into a script")
    return best


def number_of(written: str) -> float:
    """Return what a script's literal stands for.

    Raises:
        ValueError: it is none.
    """
    match = re.fullmatch(r"([-+]?\d+)([afpnumkMGTPEi]?)", written)
    if match is not None:
        whole, power = int(match[1]), PREFIXES[match[2] or " "]
        return whole * 10.0**power if power >= 0 else whole / 10.0**-power
    match = re.fullmatch(r"0x([0-9A-Fa-f]+)i?|0b([01]+)i?", written)
    if match is None:
        raise ValueError(f"{written!r} is no literal")
    return float(int(match[1], 16) if match[1] else int(match[2], 2))
