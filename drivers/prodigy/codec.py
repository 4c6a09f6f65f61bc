"""SPECS Prodigy's Remote In protocol, sans I/O: bytes in, requests or replies out, and back.

The driver and the simulated server share it. What is outside the grammar comes out as `Garbage`,
never as a reply. A reply is data only for the request whose id it bears, and only if it holds as
many values as were asked for: `numbers` refuses another count.

Errors may span several lines, with or without quotes: lines that follow an error and begin no
reply come out as `More`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from drivers.prodigy.grammar import (
    NUMBER,
    Bare,
    GrammarError,
    UnfinishedError,
    Values,
    quoted,
    read_quoted,
    read_values,
    write_values,
)

UNKNOWN_ID = "FFFF"
"""Id of the reply to a request whose own cannot be read. Source: public servers' behaviour."""
LONGEST_LINE = 64 * 2**20
"""Bytes; what has no end of line by then is garbage."""
LONGEST_HELD = 64 * 1024
"""Characters of a quoted text over several lines; more is a quote that was lost."""

_REPLY = re.compile(r"!([0-9A-Fa-f]{4}) (OK|OK: (.+)|Error: (\d{1,5})(?: (.*))?)", re.DOTALL)
_REPLY_BEGINS = re.compile(r"![0-9A-Fa-f]{4} (?:OK|Error)")
_REQUEST = re.compile(r'\?([0-9A-Fa-f]{4}) ("[^"]*"|\w+)(?: (.*))?', re.ASCII)
_REQUEST_ID = re.compile(r"\?([0-9A-Fa-f]{4}) ")


@dataclass(frozen=True)
class Request:
    """What a client asks for."""

    id: str
    """Four hexadecimal digits, as upper case."""
    command: str
    arguments: Values = field(default_factory=dict)

    def written(self) -> bytes:
        """Return its bytes.

        Raises:
            GrammarError: an argument cannot be written.
        """
        command = self.command if self.command.isalnum() else quoted(self.command)
        parts = [f"?{self.id} {command}", *([write_values(self.arguments)] * bool(self.arguments))]
        return " ".join(parts).encode("ascii") + b"\n"


@dataclass(frozen=True)
class Done:
    """The reply OK, with its values."""

    id: str
    values: Values = field(default_factory=dict)

    def written(self) -> bytes:
        """Return its bytes."""
        values = f": {write_values(self.values)}" if self.values else ""
        return f"!{self.id} OK{values}\n".encode("ascii")


@dataclass(frozen=True)
class Refused:
    """The reply Error."""

    id: str
    code: int
    text: str = ""

    def written(self, *, in_quotes: bool = False) -> bytes:
        """Return its bytes; a text of several lines spans several lines."""
        text = quoted(self.text) if in_quotes else self.text
        return f"!{self.id} Error: {self.code} {text}".rstrip().encode("ascii") + b"\n"


@dataclass(frozen=True)
class More:
    """A further line of the error before it."""

    text: str


@dataclass(frozen=True)
class Garbage:
    """Bytes outside the grammar."""

    raw: bytes
    why: str
    id: str = UNKNOWN_ID
    """That of the request, where it could be read."""


Reply = Done | Refused | More | Garbage


class _Lines:
    """Bytes cut into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def cut(self, data: bytes) -> Iterator[bytes]:
        """Yield the lines that are whole now, without their end."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            lines, self._rest = [*lines, self._rest], b""
        yield from lines


class Replies:
    """The client's side: bytes from the server become replies."""

    def __init__(self) -> None:
        """Begin with an empty buffer; a new connection needs a new one."""
        self._lines = _Lines()
        self._held = ""
        self._after_error = False

    def feed(self, data: bytes) -> list[Reply]:
        """Take bytes as they come, in pieces of any size, and return what is whole."""
        return [reply for line in self._lines.cut(data) for reply in self._take(line)]

    def _take(self, raw: bytes) -> Iterator[Reply]:
        try:
            line = _plain(raw)
        except GrammarError as error:
            if self._after_error and not raw.startswith(b"!"):
                yield More(raw.decode("ascii", "replace"))
                return
            yield from self._drop()
            yield self._error_with_odd_text(raw) or Garbage(raw, str(error))
            return
        if self._held and not _REPLY_BEGINS.match(line):
            line = f"{self._held}\n{line}"
            self._held = ""
        elif self._after_error and not line.startswith("!"):
            yield More(line)
            return
        yield from self._drop()
        self._after_error = False
        try:
            reply = _read_reply(line)
        except UnfinishedError as error:
            if len(line) > LONGEST_HELD:
                yield Garbage(line.encode(), str(error))
            else:
                self._held = line
            return
        except GrammarError as error:
            yield Garbage(line.encode(), str(error))
            return
        self._after_error = isinstance(reply, Refused)
        yield reply

    def _drop(self) -> Iterator[Garbage]:
        """Give up quotes that never ended."""
        if self._held:
            yield Garbage(self._held.encode(), "quotes that do not end before the next reply")
            self._held = ""

    def _error_with_odd_text(self, raw: bytes) -> Refused | None:
        """Return an error whose text is not ASCII: it is told to a person, and never data."""
        match = re.match(rb"!([0-9A-Fa-f]{4}) Error: (\d{1,5}) (.*)", raw)
        if match is None:
            return None
        self._after_error = True
        text = match.group(3).decode("ascii", "replace")
        return Refused(match.group(1).decode().upper(), int(match.group(2)), text)


class Requests:
    """The server's side: bytes from the client become requests."""

    def __init__(self) -> None:
        """Begin with an empty buffer; a new connection needs a new one."""
        self._lines = _Lines()

    def feed(self, data: bytes) -> list[Request | Garbage]:
        """Take bytes as they come, in pieces of any size, and return what is whole."""
        return [_read_request(line) for line in self._lines.cut(data)]


def _plain(raw: bytes) -> str:
    """Return a line as text: printable ASCII."""
    line = raw.decode("ascii", "replace")
    if not line.isascii() or not (line.isprintable() or not line):
        raise GrammarError("bytes that are not printable ASCII")
    return line


def _read_reply(line: str) -> Done | Refused:
    match = _REPLY.fullmatch(line.rstrip(" "))
    if match is None:
        raise GrammarError("neither OK nor Error with an id")
    id_, _, values, code, text = match.groups()
    if code is not None:
        return Refused(id_.upper(), int(code), _error_text(text or ""))
    return Done(id_.upper(), read_values(values) if values else {})


def _error_text(text: str) -> str:
    if not text.startswith('"'):
        return text
    inside, end = read_quoted(text, 0)
    return inside if end == len(text) else text


def _read_request(raw: bytes) -> Request | Garbage:
    known = _REQUEST_ID.match(raw.decode("ascii", "replace"))
    id_ = known.group(1).upper() if known else UNKNOWN_ID
    try:
        match = _REQUEST.fullmatch(_plain(raw).rstrip(" "))
        if match is None:
            raise GrammarError("no request: it is ?<4 hex digits> <Command> [Key:Value ...]")
        _, command, arguments = match.groups()
        return Request(id_, command.strip('"'), read_values(arguments) if arguments else {})
    except GrammarError as error:
        return Garbage(raw, str(error), id_)


def number(values: Values, key: str) -> float:
    """Return a value that must be a finite number, without quotes.

    Raises:
        GrammarError: there is none of that name, or it is something else.
    """
    value = _value(values, key)
    if not isinstance(value, Bare) or not NUMBER.fullmatch(value):
        raise GrammarError(f"{key} is {value!r}, not a number")
    return _finite(value)


def whole(values: Values, key: str) -> int:
    """Return a value that must be a whole number, not negative.

    Raises:
        GrammarError: it is something else.
    """
    value = _value(values, key)
    if not isinstance(value, Bare) or not (value.isascii() and value.isdigit()):
        raise GrammarError(f"{key} is {value!r}, not a whole number")
    return int(value)


def word(values: Values, key: str) -> str:
    """Return a value that must be a text, with quotes or without.

    Raises:
        GrammarError: it is something else.
    """
    value = _value(values, key)
    if isinstance(value, tuple):
        raise GrammarError(f"{key} is a list, not a text")
    return str(value)


def words(values: Values, key: str) -> tuple[str, ...]:
    """Return a list of texts.

    Raises:
        GrammarError: it is something else.
    """
    value = _value(values, key)
    if not isinstance(value, tuple):
        raise GrammarError(f"{key} is {value!r}, not a list")
    return tuple(map(str, value))


def numbers(values: Values, key: str, count: int) -> npt.NDArray[np.float64]:
    """Return a list of exactly `count` finite numbers, shape (count,).

    Raises:
        GrammarError: another count, or something that is not a number.
    """
    value = _value(values, key)
    if not isinstance(value, tuple) or len(value) != count:
        held = len(value) if isinstance(value, tuple) else "no list"
        raise GrammarError(f"{key} holds {held} values where {count} were asked for")
    if not all(isinstance(item, Bare) and NUMBER.fullmatch(item) for item in value):
        raise GrammarError(f"{key} holds something that is not a number")
    return np.array([_finite(item) for item in value], np.float64)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise GrammarError(f"{text} is beyond any number")
    return value


def _value(values: Values, key: str) -> str | tuple[str, ...]:
    if key not in values:
        raise GrammarError(f"no {key} among {', '.join(values) or 'no values'}")
    return values[key]
