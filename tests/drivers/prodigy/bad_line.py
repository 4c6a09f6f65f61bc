"""A wire that spoils lines: loses, doubles, adds and changes bytes, cuts, splits and delays."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from drivers.clock import wait_a_moment
from drivers.prodigy.wire import Wire

Spoil = Callable[[bytes, random.Random], list[bytes]]
"""(line with its end, draws) -> what comes instead, in pieces."""


def _place(line: bytes, draws: random.Random) -> int:
    return draws.randrange(len(line))


def drop(line: bytes, draws: random.Random) -> list[bytes]:
    """Lose one byte to eight, the end of the line perhaps among them."""
    at = _place(line, draws)
    return [line[:at] + line[at + draws.randint(1, 8) :]]


def insert(line: bytes, draws: random.Random) -> list[bytes]:
    """Add a printable byte: a digit, a comma, a quote, a space ..."""
    at = _place(line, draws)
    return [line[:at] + bytes([draws.choice(b'0123456789,,:" []!?-.\nAe')]) + line[at:]]


def double(line: bytes, draws: random.Random) -> list[bytes]:
    """Double a stretch of the line, or all of it."""
    if draws.random() < 0.3:
        return [line, line]
    at = _place(line, draws)
    end = at + draws.randint(1, 12)
    return [line[:end] + line[at:]]


def split(line: bytes, draws: random.Random) -> list[bytes]:
    """Bring the line in pieces."""
    cuts = sorted(draws.randrange(len(line)) for _ in range(3))
    return [line[a:b] for a, b in zip([0, *cuts], [*cuts, len(line)], strict=True)]


def truncate(line: bytes, draws: random.Random) -> list[bytes]:
    """Lose the rest of the line, its end kept or lost too, or all of it."""
    kept = line[: _place(line, draws)]
    return [draws.choice([kept, kept + b"\n", b""])]


def delay(line: bytes, draws: random.Random) -> list[bytes]:
    """Be late: the line waits for the next one."""
    return [b"\0LATE" + line]


def strange(line: bytes, draws: random.Random) -> list[bytes]:
    """Put bytes outside the grammar in the place of others."""
    at = _place(line, draws)
    odd = bytes(draws.choice(b"\x00\x07\x1b\x7f\x80\xb2\xe4\xff\t\r;{}~") for _ in range(2))
    return [line[:at] + odd + line[at + draws.randint(0, 2) :]]


def another_digit(line: bytes, draws: random.Random) -> list[bytes]:
    """Change one digit of the data into another digit."""
    digits = [i for i in range(line.find(b"["), len(line)) if line[i : i + 1].isdigit()]
    if b"Data:[" not in line or not digits:
        return [line]
    at = draws.choice(digits)
    other = draws.choice([d for d in b"0123456789" if d != line[at]])
    return [line[:at] + bytes([other]) + line[at + 1 :]]


def any_digit(line: bytes, draws: random.Random) -> list[bytes]:
    """Change one digit, wherever it is, into another one: of an id, a state, a value."""
    digits = [i for i in range(len(line)) if line[i : i + 1].isdigit()]
    at = draws.choice(digits)
    other = draws.choice([d for d in b"0123456789" if d != line[at]])
    return [line[:at] + bytes([other]) + line[at + 1 :]]


ALL: tuple[Spoil, ...] = (drop, insert, double, split, truncate, delay, strange)


@dataclass
class BadLine:
    """Spoils lines in both directions."""

    draws: random.Random
    share: float
    """Of the lines that are spoiled."""
    ways: tuple[Spoil, ...] = ALL
    requests_too: bool = True
    done: Counter[str] = field(default_factory=Counter)
    on: bool = True

    def spoiled(self, line: bytes) -> list[bytes]:
        if not self.on or self.draws.random() > self.share:
            return [line]
        way = self.draws.choice(self.ways)
        pieces = way(line, self.draws)
        if pieces != [line]:
            self.done[way.__name__] += 1
        return pieces

    def around(self, connect: Callable[[], Wire]) -> Callable[[], Wire]:
        """Return a `connect` whose wires are bad."""
        return lambda: BadWire(connect(), self)


class BadWire:
    """One connection over a bad line."""

    def __init__(self, inner: Wire, line: BadLine) -> None:
        self._inner = inner
        self._line = line
        self._in = b""
        self._ready: list[bytes] = []
        self._late: list[bytes] = []

    def send(self, data: bytes) -> None:
        if not self._line.requests_too:
            self._inner.send(data)
            return
        for piece in self._line.spoiled(data):
            if piece.startswith(b"\0LATE"):
                wait_a_moment(0.002)
                piece = piece[5:]
            if piece:
                self._inner.send(piece)

    def receive(self, timeout: float) -> bytes:
        if self._ready:
            return self._ready.pop(0)
        data = self._inner.receive(timeout)
        if not data:
            late, self._late = self._late, []
            return b"".join(late)
        *lines, self._in = (self._in + data).split(b"\n")
        for line in lines:
            self._take(line + b"\n")
        return self._ready.pop(0) if self._ready else b""

    def _take(self, line: bytes) -> None:
        pieces = self._line.spoiled(line)
        if pieces[0].startswith(b"\0LATE"):
            self._late.append(line)
            return
        self._ready += [piece for piece in pieces if piece] + self._late
        self._late = []

    def close(self) -> None:
        self._inner.close()
