"""A line that spoils what a device sends: bytes lost, added, doubled, cut, split, changed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

from drivers.methodscript.wire import Wire

ALPHABET = b"0123456789ABCDEF;,P\n u pnimZeTM*+-!nabdjef"
OUTSIDE = bytes([0, 7, 27, 127, 128, 200, 255]) + b"?~xyz\r\t"
DIGITS = b"0123456789ABCDEF"
Spoil = Callable[[bytes, random.Random], bytes]


def drop(data: bytes, draws: random.Random) -> bytes:
    at = draws.randrange(len(data))
    return data[:at] + data[at + draws.randint(1, 8) :]


def insert(data: bytes, draws: random.Random) -> bytes:
    at = draws.randrange(len(data) + 1)
    more = bytes(draws.choice(ALPHABET) for _ in range(draws.randint(1, 4)))
    return data[:at] + more + data[at:]


def double(data: bytes, draws: random.Random) -> bytes:
    at = draws.randrange(len(data))
    part = data[at : at + draws.randint(1, 80)]
    return data[: at + len(part)] + part + data[at + len(part) :]


def split(data: bytes, draws: random.Random) -> bytes:
    at = draws.randrange(len(data) + 1)
    return data[:at] + b"\n" + data[at:]


def cut(data: bytes, draws: random.Random) -> bytes:
    return data[: draws.randrange(len(data))]


def foreign(data: bytes, draws: random.Random) -> bytes:
    at = draws.randrange(len(data))
    return data[:at] + bytes([draws.choice(OUTSIDE)]) + data[at + 1 :]


def another_digit(data: bytes, draws: random.Random) -> bytes:
    """Change a digit of a package into another one: nothing in the grammar can tell."""
    places = [at for at, byte in enumerate(data) if byte in DIGITS and data[:1] == b"P"]
    if not places:
        return data
    at = draws.choice(places)
    return (
        data[:at] + bytes([draws.choice(DIGITS.replace(data[at : at + 1], b""))]) + data[at + 1 :]
    )


ALL: dict[str, Spoil] = {
    "dropped": drop,
    "inserted": insert,
    "doubled": double,
    "split": split,
    "cut": cut,
    "foreign": foreign,
}


class BadLine:
    """Between a device and its host: spoils a share of the lines that come."""

    def __init__(
        self, draws: random.Random, share: float, ways: dict[str, Spoil], *, on: bool = True
    ) -> None:
        self.draws, self.share, self.ways, self.on = draws, share, ways, on
        self.done: Counter[str] = Counter()
        self.clean = b""
        """All that came, as it was sent."""

    def around(self, wire: Wire) -> Wire:
        """Put the line around a wire."""
        return _Spoiled(self, wire)

    def spoil(self, data: bytes) -> bytes:
        """Return whole lines, some of them spoiled."""
        self.clean += data
        if not self.on:
            return data
        return b"".join(self._line(line) for line in data.splitlines(keepends=True))

    def _line(self, line: bytes) -> bytes:
        if self.draws.random() >= self.share:
            return line
        name = self.draws.choice(sorted(self.ways))
        self.done[name] += 1
        return self.ways[name](line, self.draws)


class _Spoiled:
    def __init__(self, line: BadLine, wire: Wire) -> None:
        self._line, self._wire = line, wire
        self._half = b""

    def send(self, data: bytes) -> None:
        self._wire.send(data)

    def receive(self, timeout: float) -> bytes:
        data = self._half + self._wire.receive(timeout)
        whole, end, self._half = data.rpartition(b"\n")
        return self._line.spoil(whole + end)

    def close(self) -> None:
        self._wire.close()
