"""Which rectangle of a job gets which charge: patterns in turn, lines and pits in turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from drivers.fib import Milling
from protocols.fib import Array, CleaningCrossSection, Pattern, Rectangle, extent
from simulators.fib.sputter import spot

Box = tuple[float, float, float, float]
"""Left, right, top, bottom in the ion image, m."""
LINES_MAX = 16
"""Lines of a cleaning cross-section that are told apart; they are a spot wide at least."""


@dataclass(frozen=True)
class Piece:
    """A rectangle that is milled on end."""

    pattern: Pattern
    box: Box
    before: float
    """Charge per area that it had before, C/m²."""
    after: float
    """And has now."""


def pieces(job: Milling, begin: float, end: float) -> Iterator[Piece]:
    """Yield what is milled between two charges of a job (C), in order.

    Patterns share the job's charge by their area. The lines of a cleaning cross-section and the
    rectangles of an array follow each other, each with an equal part of the pattern's charge.
    """
    whole = sum(_area(pattern) for pattern in job.patterns)
    start = 0.0
    for pattern in job.patterns:
        charge = job.charge * _area(pattern) / whole
        if start < end and start + charge > begin:
            yield from _of(pattern, charge, max(0.0, begin - start), end - start, job.current)
        start += charge


def _of(
    pattern: Pattern, charge: float, begin: float, end: float, current: float
) -> Iterator[Piece]:
    boxes = list(_boxes(pattern, current))
    passes = pattern.passes if isinstance(pattern, Array) else 1
    each = charge / (len(boxes) * passes)
    first = min(int(begin / each), len(boxes) * passes - 1)
    for index in range(first, len(boxes) * passes):
        began = index * each
        if began >= end:
            return
        box = boxes[index % len(boxes)]
        area = (box[1] - box[0]) * (box[3] - box[2])
        earlier = (index // len(boxes)) * each
        now = earlier + min(each, end - began)
        yield Piece(pattern, box, (earlier + max(0.0, begin - began)) / area, now / area)


def _area(pattern: Pattern) -> float:
    count = pattern.count if isinstance(pattern, Array) else 1
    return pattern.width * pattern.height * count


def _boxes(pattern: Pattern, current: float) -> Sequence[Box]:
    if isinstance(pattern, Rectangle):
        return [extent(pattern)]
    found = list(
        _lines(pattern, current) if isinstance(pattern, CleaningCrossSection) else _pits(pattern)
    )
    return found[::-1] if pattern.scan in ("bottom_to_top", "right_to_left") else found


def _lines(pattern: CleaningCrossSection, current: float) -> Iterator[Box]:
    left, right, top, bottom = extent(pattern)
    down = pattern.scan in ("top_to_bottom", "bottom_to_top")
    length = bottom - top if down else right - left
    count = max(1, min(LINES_MAX, int(length / spot(current))))
    for i in range(count):
        near, far = length * i / count, length * (i + 1) / count
        if down:
            yield (left, right, top + near, top + far)
        else:
            yield (left + near, left + far, top, bottom)


def _pits(pattern: Array) -> Iterator[Box]:
    for i in range(pattern.count):
        off = (i - (pattern.count - 1) / 2) * pattern.pitch
        x, y = (
            (pattern.x + off, pattern.y) if pattern.along == "x" else (pattern.x, pattern.y + off)
        )
        half_width, half_height = pattern.width / 2, pattern.height / 2
        yield (x - half_width, x + half_width, y - half_height, y + half_height)
