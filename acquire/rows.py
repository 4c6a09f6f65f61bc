"""What the rows of a journal hold, and how values with arrays stand in them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

COMPRESS_ABOVE = 1024
"""Bytes above which an array is compressed."""


@dataclass(frozen=True)
class Stamp:
    """A moment: seconds since the run began, and the date."""

    time: float
    utc: str


@dataclass(frozen=True)
class Entry:
    """One thing that the procedure did."""

    id: int
    step: int | None
    kind: str
    name: str
    request: str
    value: str | None
    time: float
    utc: str


@dataclass(frozen=True)
class Attempt:
    """One try of an action."""

    entry: int
    n: int
    request: str
    meter: float | None
    reserved: list[Any]
    advance: float | None
    spent: list[Any] | None
    begun: float
    ended: float | None
    ended_by: str | None


def attempt_of(row: Sequence[Any]) -> Attempt:
    """Return the attempt that a row of the journal's table holds."""
    entry, n, request, meter, reserved, advance, spent, *rest = row
    held = None if spent is None else json.loads(spent)
    return Attempt(entry, n, request, meter, json.loads(reserved), advance, held, *rest)


@dataclass(frozen=True)
class Question:
    """A question to the operator, and its answer if there is one."""

    id: int
    about: str
    """What of its entry it is about: the procedure's own question, a fault, an unknown extent."""
    text: str
    choices: list[str]
    safe: str
    answer: str | None


@dataclass(frozen=True)
class Packed:
    """A value as it stands in a row: JSON and the blob of its arrays."""

    text: str
    blob: bytes | None


def pack_row(tree: Any, arrays: Sequence[Any], files: Sequence[str | None] = ()) -> Packed:
    """Return tree and arrays as JSON text and one blob; an array with a file name stays out."""
    if not arrays:
        return Packed(json.dumps({"v": tree}, separators=(",", ":")), None)
    layout: list[list[Any]] = []
    parts: list[bytes] = []
    for index, array in enumerate(arrays):
        if index < len(files) and files[index] is not None:
            layout.append(["file", files[index]])
            continue
        raw = array.tobytes()
        coding = ""
        if len(raw) > COMPRESS_ABOVE:
            raw, coding = zlib.compress(raw, 1), "z"
        layout.append([array.dtype.str, array.shape, coding, len(raw)])
        parts.append(raw)
    text = json.dumps({"v": tree, "a": layout}, separators=(",", ":"))
    return Packed(text, b"".join(parts))


def unpack_row(
    text: str, blob: bytes | None, read_file: Callable[[str], np.ndarray[Any, Any]]
) -> tuple[Any, list[Any]]:
    """Return the tree and arrays of a row; `read_file` loads an array that stands in a file."""
    row = json.loads(text)
    layout = row.get("a")
    if layout is None:
        return row["v"], []
    import numpy as np

    arrays, at = [], 0
    for item in layout:
        if item[0] == "file":
            arrays.append(read_file(item[1]))
            continue
        dtype, shape, coding, size = item
        raw = (blob or b"")[at : at + size]
        at += size
        arrays.append(np.frombuffer(zlib.decompress(raw) if coding else raw, dtype).reshape(shape))
    return row["v"], arrays
