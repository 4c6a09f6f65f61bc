"""What a MethodSCRIPT device sends, bytes in and events out; nothing here does I/O.

The grammar is strict: a line outside it is `Garbage`, counted and never data, since the protocol
has no checksum. Source: the reference sheet, 5.1 to 5.5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from drivers.methodscript.values import decoded

LONGEST_LINE = 1000
"""Bytes of a package at most."""
FLOW = b"\x11\x13"
"""XON and XOFF, which devices with software flow control send in between."""
TECHNIQUES = {
    0x00: "LSV", 0x01: "DPV", 0x02: "SWV", 0x03: "NPV", 0x04: "ACV", 0x05: "CV",
    0x06: "CP stripping", 0x07: "CA", 0x08: "PAD", 0x09: "FCA", 0x0A: "CP", 0x0B: "OCP",
    0x0D: "EIS", 0x0E: "GEIS", 0x0F: "LSP", 0x10: "FCV",
}  # fmt: skip
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def _series(group: str, first: str, last: str) -> Iterator[str]:
    begin, end = _LETTERS.index(first), _LETTERS.index(last)
    return (group + each for each in _LETTERS[begin : end + 1])


def _units() -> dict[str, str]:
    units = {"aa": "", "ea": "", "ec": "", "ee": "", "eb": "s", "ed": "degC", "ef": "degC"}
    units |= {"da": "V", "db": "A", "dc": "Hz", "dd": "", "eg": "V/s"}
    units |= dict.fromkeys([*_series("a", "b", "i"), *_series("a", "s", "z")], "V")
    units |= dict.fromkeys(["ba", "bb", "ha", "hb", "hc", "hd"], "A")
    units |= dict.fromkeys(["ia", "ib", "ic", "id"], "V")
    units |= dict.fromkeys(_series("j", "a", "d"), "")
    units |= dict.fromkeys(_series("c", "a", "k"), "") | dict.fromkeys(_series("c", "l", "z"), "")
    return units | {"cb": "ohm", "cc": "ohm", "cd": "ohm", "cg": "Hz"}


UNITS = _units()
"""Of each type of variable; a type that is not here is outside the grammar."""


@dataclass(frozen=True)
class Variable:
    """One number of a package."""

    kind: str
    """Two letters, such as `ba`, the current of the working electrode."""
    value: float
    """NaN where the device says so."""
    status: int = 0
    """Bits: 1 timing, 2 overload, 4 underload, 8 overload warning; 0 is good."""
    range_index: int | None = None
    noise: int | None = None


@dataclass(frozen=True)
class Package:
    """One line of data."""

    variables: tuple[Variable, ...]


@dataclass(frozen=True)
class Accepted:
    """The script is accepted and runs, or has been loaded."""

    command: str = "e"


@dataclass(frozen=True)
class NotAccepted:
    """The script has a mistake; nothing of it ran."""

    code: int
    line: int | None
    column: int | None


@dataclass(frozen=True)
class Refused:
    """A command is refused."""

    command: str
    code: int


@dataclass(frozen=True)
class Failed:
    """The script ended by an error; its `on_finished:` was not done."""

    code: int
    line: int | None


@dataclass(frozen=True)
class Echo:
    """A command is taken: Z abort, Y end the loop, h halt, H resume."""

    command: str


@dataclass(frozen=True)
class Mark:
    """A loop begins or ends."""

    what: str
    """measurement, measurement ended, loop, loop ended, scan, scan ended."""
    number: int | None = None
    """Technique of a measurement, number of a scan."""


@dataclass(frozen=True)
class Text:
    """What the script says by `send_string`."""

    text: str


@dataclass(frozen=True)
class Ended:
    """The script is over."""


@dataclass(frozen=True)
class Firmware:
    """First line of the reply to `t`."""

    device: str
    """Six characters, such as es4_hr."""
    version: str
    """Digits, such as 1300."""
    build: str


@dataclass(frozen=True)
class Release:
    """Last line of the reply to `t`: R for a release, B for a beta."""

    text: str


@dataclass(frozen=True)
class Serial:
    """The device's serial number."""

    number: str


@dataclass(frozen=True)
class Language:
    """The version of MethodSCRIPT that the device knows."""

    version: str


@dataclass(frozen=True)
class Garbage:
    """A line outside the grammar."""

    line: bytes
    why: str


Event = (
    Package | Accepted | NotAccepted | Refused | Failed | Echo | Mark | Text | Ended | Firmware
    | Release | Serial | Language | Garbage
)  # fmt: skip

_MARKS = {
    "*": Mark("measurement ended"),
    "L": Mark("loop"),
    "+": Mark("loop ended"),
    "-": Mark("scan ended"),
}
_ECHOES = {each: Echo(each) for each in ("Z", "Y", "h", "H")}
_HEX4 = r"([0-9A-F]{4})"
_NOT_ACCEPTED = re.compile(rf"e!{_HEX4}(?:: Line (\d+)(?:, Col (\d+))?)?")
_REFUSED = re.compile(rf"([!-~])!{_HEX4}")
_FAILED = re.compile(rf"!{_HEX4}(?:: Line (\d+)(?:, Col \d+)?)?")
_NUMBERED = re.compile(rf"([MC]){_HEX4}")
_FIRMWARE = re.compile(r"t([a-z][a-z0-9_]{5})(\d+)#([ -~]*)")
_RELEASE = re.compile(r"([RB][ -)+-~]*)\*")
_WORD = re.compile(r"([iv])([ -~]+)")
_STATUS = re.compile(r"1([0-9A-F])")
_RANGE = re.compile(r"2([0-9A-F]{2})")
_NOISE = re.compile(r"4([0-9A-F])")


class Replies:
    """Takes bytes as they come and gives whole events."""

    def __init__(self) -> None:
        self._rest = b""
        self._too_long = False
        self.garbage = 0
        """Lines outside the grammar so far."""

    def feed(self, data: bytes) -> list[Event]:
        """Return the events of all lines that are whole now."""
        *lines, self._rest = (self._rest + data.translate(None, FLOW)).split(b"\n")
        events = [event for line in lines if (event := self._event(line)) is not None]
        if len(self._rest) > LONGEST_LINE:
            self._rest, self._too_long = self._rest[:1], True
        return events

    @property
    def unfinished(self) -> bool:
        """True while a line has begun."""
        return bool(self._rest) or self._too_long

    def forget(self) -> None:
        """Drop what has come of a line that will not be finished."""
        self._rest, self._too_long = b"", False

    def _event(self, line: bytes) -> Event | None:
        if self._too_long:
            self._too_long = False
            event: Event = Garbage(line, f"it is longer than {LONGEST_LINE} bytes")
        else:
            event = event_of(line)
        self.garbage += isinstance(event, Garbage)
        return event


def event_of(line: bytes) -> Event:
    """Return what one line, without its line end, says."""
    if len(line) > LONGEST_LINE:
        return Garbage(line, f"it is longer than {LONGEST_LINE} bytes")
    try:
        text = line.decode("ascii")
    except UnicodeDecodeError:
        return Garbage(line, "it is not ASCII")
    if not text:
        return Ended()
    if not text.isprintable():
        return Garbage(line, "it has control characters")
    try:
        event = _package(text[1:]) if text[0] == "P" else _other(text)
    except ValueError as error:
        return Garbage(line, str(error))
    return event or Garbage(line, "no device sends such a line")


def _package(text: str) -> Package:
    return Package(tuple(_variable(part) for part in text.split(";")))


def _variable(part: str) -> Variable:
    head, *metadata = part.split(",")
    kind = head[:2]
    if len(head) != 10:
        raise ValueError(f"{head!r} has {len(head)} characters, not 10")
    if kind not in UNITS:
        raise ValueError(f"{kind!r} is no type of a variable")
    return Variable(kind, decoded(head[2:]), *_metadata(metadata))


def _metadata(items: list[str]) -> tuple[int, int | None, int | None]:
    """Return status, range and noise of a variable, each at most once and in this order."""
    found: list[int | None] = [None, None, None]
    last = -1
    for item in items:
        for place, pattern in enumerate((_STATUS, _RANGE, _NOISE)):
            match = pattern.fullmatch(item)
            if match is not None and place > last:
                found[place], last = int(match[1], 16), place
                break
        else:
            raise ValueError(f"{item!r} is no metadata")
    return found[0] or 0, found[1], found[2]


def _other(text: str) -> Event | None:
    if text in _MARKS:
        return _MARKS[text]
    if text in _ECHOES:
        return _ECHOES[text]
    if text in ("e", "l", "r"):
        return Accepted(text)
    if text[0] == "T":
        return Text(text[1:])
    return _numbered(text) or _error(text) or _about(text)


def _numbered(text: str) -> Event | None:
    match = _NUMBERED.fullmatch(text)
    if match is None:
        return None
    number = int(match[2], 16)
    if match[1] == "C":
        return Mark("scan", number)
    return Mark("measurement", number) if number in TECHNIQUES else None


def _error(text: str) -> Event | None:
    if match := _NOT_ACCEPTED.fullmatch(text):
        line, column = (None if each is None else int(each) for each in match.groups()[1:])
        return NotAccepted(int(match[1], 16), line, column)
    if match := _FAILED.fullmatch(text):
        return Failed(int(match[1], 16), None if match[2] is None else int(match[2]))
    match = _REFUSED.fullmatch(text)
    return Refused(match[1], int(match[2], 16)) if match else None


def _about(text: str) -> Event | None:
    if match := _FIRMWARE.fullmatch(text):
        return Firmware(match[1], match[2], match[3])
    if match := _RELEASE.fullmatch(text):
        return Release(match[1])
    match = _WORD.fullmatch(text)
    if match is None:
        return None
    return Serial(match[2]) if match[1] == "i" else Language(match[2])
