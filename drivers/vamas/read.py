"""Reading a VAMAS file: the order of its lines, as ISO 14976 has it.

A file may leave out items of its blocks that are those of the first block; the numbers by which it
does so are the standard's numbers of the items, as they stand here. Maps are refused: they are no
depth profile of one place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast, get_args

from drivers.errors import CutOffError, RecordingError
from drivers.vamas.content import (
    FORMAT,
    SPUTTERED,
    Block,
    Label,
    Mode,
    Ordinate,
    Parameter,
    Sputtering,
    VamasFile,
    evenly,
)
from drivers.vamas.lines import Lines

T = TypeVar("T")
ITEMS = 40
"""The items of a block that may be left out have the numbers 1 to 40."""
ION_TECHNIQUES = (
    "FABMS",
    "FABMS energy spec",
    "ISS",
    "SIMS",
    "SIMS energy spec",
    "SNMS",
    "SNMS energy spec",
)
"""Techniques that themselves sputter: their blocks say with which ions, in every mode."""
OTHER_TECHNIQUES = ("AES diff", "AES dir", "EDX", "ELS", "UPS", "XPS", "XRF")
"""Techniques beside which an ion gun may sputter."""
GUN = ("energy", "current", "width", "width", "polar angle", "azimuth")


def read_vamas(path: Path) -> VamasFile:
    """Read a file.

    Raises:
        RecordingError: `file:line: what`; it is none, is broken, or holds maps.
        CutOffError: it ends in the middle.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror or error}") from error
    return parse_vamas(decoded(raw), path)


def decoded(raw: bytes) -> str:
    """Return the text of a file: the standard's ASCII, or what vendors add to it."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def parse_vamas(text: str, path: Path) -> VamasFile:
    """Read the text of a file; `path` is named in what goes wrong."""
    whole, cut = parse_whole_blocks(text, path)
    if cut is not None:
        raise cut
    return whole


def parse_whole_blocks(text: str, path: Path) -> tuple[VamasFile, CutOffError | None]:
    """Read a file that may still grow: its whole blocks, and where it was cut off, if it was.

    Raises:
        RecordingError: it is broken.
        CutOffError: it ends before its first block.
    """
    lines = Lines(text, path)
    header = _header(lines)
    blocks: list[Block] = []
    cut = None
    first: dict[int, Any] | None = None
    try:
        for _ in range(header.blocks):
            items = _Items(lines, header, first)
            blocks.append(_block(items))
            first = first or items.seen
        lines.end()
    except CutOffError as error:
        cut = error
    return header.file(tuple(blocks)), cut


class _Header(NamedTuple):
    """What stands before the blocks, and says how they are to be read."""

    file: Callable[[tuple[Block, ...]], VamasFile]
    mode: Mode
    regular: bool
    variables: tuple[Label, ...]
    included: frozenset[int]
    """Items that every block has; the others are those of the first."""
    future: int
    """Lines of a block that a later edition of the standard may add."""
    blocks: int


def _header(lines: Lines) -> _Header:
    if (first := lines.text("the name of the format")) != FORMAT:
        raise lines.wrong(f"a VAMAS file begins with {FORMAT!r}, not {first[:60]!r}")
    institute, instrument, operator, experiment = lines.texts(4, "institute to experiment")
    comment = lines.texts(lines.whole("number of comment lines", 0), "the comment")
    mode = _mode(lines)
    regular = _regular(lines)
    regions = lines.whole("number of spectral regions") if mode in ("NORM", "SDP") else None
    variables = tuple(
        lines.label("experimental variable")
        for _ in range(lines.whole("number of experimental variables", 0))
    )
    included = _included(lines)
    lines.texts(lines.whole("number of manually entered items", 0), "item entered by hand")
    future = lines.whole("number of future upgrade experiment entries", 0)
    future_block = lines.whole("number of future upgrade block entries", 0)
    lines.texts(future, "future upgrade experiment entry")
    count = lines.whole("number of blocks", 0)

    def file(blocks: tuple[Block, ...]) -> VamasFile:
        return VamasFile(
            institute, instrument, operator, experiment, comment, mode, variables, blocks, regions
        )

    return _Header(file, mode, regular, variables, included, future_block, count)


def _mode(lines: Lines) -> Mode:
    mode = lines.text("experiment mode")
    if mode not in get_args(Mode):
        raise lines.wrong(
            f"experiment mode {mode!r} holds no spectra of one place, such as "
            f"{', '.join(get_args(Mode))} do"
        )
    return cast(Mode, mode)


def _regular(lines: Lines) -> bool:
    scan = lines.text("scan mode")
    if scan not in ("REGULAR", "IRREGULAR"):
        raise lines.wrong(f"scan mode {scan!r} is neither REGULAR nor IRREGULAR")
    return scan == "REGULAR"


def _included(lines: Lines) -> frozenset[int]:
    """Return the items that every block has: those listed, or all but those listed."""
    count = lines.whole("number of entries in the inclusion or exclusion list")
    listed = frozenset(lines.whole("number of an item", 1) for _ in range(abs(count)))
    return listed if count > 0 else frozenset(range(1, ITEMS + 1)) - listed


class _Items:
    """The items of one block; those that are left out are the first block's."""

    def __init__(self, lines: Lines, header: _Header, first: dict[int, Any] | None) -> None:
        self.lines = lines
        self.header = header
        self.first = first
        self.seen: dict[int, Any] = {}

    def item(self, number: int, read: Callable[[], T]) -> T:
        """Return item `number` of the standard's list."""
        if self.first is not None and number not in self.header.included:
            if number not in self.first:
                raise self.lines.wrong(f"item {number} is left out, and the first block has none")
            value: T = self.first[number]
        else:
            value = read()
        self.seen[number] = value
        return value

    def number(self, number: int, what: str) -> float | None:
        """Return an item that is one number."""
        return self.item(number, lambda: self.lines.number(what))

    def pair(self, number: int, what: str) -> tuple[float | None, float | None]:
        """Return an item that is two numbers."""
        return self.item(number, lambda: (self.lines.number(what), self.lines.number(what)))

    def text(self, number: int, what: str) -> str:
        """Return an item that is one line of text."""
        return self.item(number, lambda: self.lines.text(what))


def _block(items: _Items) -> Block:
    """Return the next block; what is read here stands in the order of the file."""
    lines, header = items.lines, items.header
    name, sample = lines.text("block identifier"), lines.text("sample identifier")
    fields: dict[str, Any] = {"name": name, "sample": sample, "taken": _taken(items)}
    fields["comment"] = items.item(
        8, lambda: lines.texts(lines.whole("number of comment lines", 0), "the block's comment")
    )
    fields["technique"] = technique = items.text(9, "technique")
    fields["variables"] = items.item(
        11, lambda: tuple(lines.number(f"value of {each.label}") for each in header.variables)
    )
    sputters = header.mode in SPUTTERED
    fields["source"] = items.text(12, "label of the source")
    ions = _ions(items) if sputters or technique in ION_TECHNIQUES else None
    fields |= _source(items) | _analyser(items, technique)
    axis, ordinates = _axis(items), _ordinates(items)
    fields |= _counting(items)
    if ions is not None and sputters and technique in OTHER_TECHNIQUES:
        ions = _gun(items, ions)
    fields |= {"sputtering": ions} | _sample(items)
    lines.texts(header.future, "future upgrade block entry")
    return Block(**fields, **_data(items, axis, ordinates))


def _taken(items: _Items) -> datetime | None:
    """Return the date; a part of -1 is one that is not known."""
    names = ("year", "month", "day", "hour", "minute", "second", "hours ahead of GMT")
    parts = [items.number(number, name) for number, name in enumerate(names, 1)]
    *date, second, ahead = [-1.0 if part is None else part for part in parts]
    if min(*date, second) < 0:
        return None
    try:
        zone = timezone(timedelta(hours=ahead)) if ahead else UTC
        year, month, day, hour, minute = map(int, date)
        begun = datetime(year, month, day, hour, minute, tzinfo=zone)
        return begun + timedelta(seconds=second)
    except (ValueError, OverflowError):
        return None  # vendors write what they like; the spectrum is no worse for it


def _ions(items: _Items) -> Sputtering:
    lines = items.lines
    return items.item(
        13,
        lambda: Sputtering(
            lines.whole("atomic number of the ions"),
            lines.number("atoms of an ion"),
            lines.number("charge of an ion"),
        ),
    )


def _source(items: _Items) -> dict[str, Any]:
    """Return energy, power, beam and direction of the source; places of maps are passed over."""
    lines = items.lines
    fields = {
        "source_energy": items.number(14, "energy of the source"),
        "source_power": items.number(15, "power of the source"),
        "source_width": items.pair(16, "width of the source's beam"),
    }
    if items.header.mode == "MAPSVDP":
        items.pair(17, "field of view")
        items.item(18, lambda: lines.texts(6, "coordinate of a line scan"))
    fields["source_polar"] = items.number(19, "polar angle of the source")
    fields["source_azimuth"] = items.number(20, "azimuth of the source")
    return fields


def _analyser(items: _Items, technique: str) -> dict[str, Any]:
    lines = items.lines
    fields: dict[str, Any] = {
        "analyser_mode": items.text(21, "mode of the analyser"),
        "pass_energy": items.number(22, "pass energy"),
    }
    if technique == "AES diff":
        fields["differential_width"] = items.number(23, "differential width")
    fields |= {
        "magnification": items.number(24, "magnification"),
        "work_function": items.number(25, "work function"),
        "target_bias": items.number(26, "bias of the sample"),
        "analysis_width": items.pair(27, "width of the analysed area"),
    }
    polar, azimuth = items.pair(28, "take-off angle")
    fields |= {"take_off_polar": polar, "take_off_azimuth": azimuth}
    fields["species"] = items.text(29, "species")
    fields["transition"], fields["charge"] = items.item(
        30, lambda: (lines.text("transition"), lines.whole("charge of the detected particle"))
    )
    return fields


class _Axis(NamedTuple):
    label: Label
    start: float | None
    step: float | None


def _axis(items: _Items) -> _Axis:
    """Return the abscissa; where it is not regular, its values are among the data."""
    lines = items.lines
    if not items.header.regular:
        return _Axis(Label("", ""), None, None)
    return items.item(
        31,
        lambda: _Axis(
            lines.label("abscissa"), lines.known("abscissa start"), lines.known("abscissa step")
        ),
    )


def _ordinates(items: _Items) -> tuple[Label, ...]:
    """Return what was measured; where the abscissa is not regular, it is the first of them."""
    lines = items.lines
    return items.item(
        32,
        lambda: tuple(
            lines.label("ordinate") for _ in range(lines.whole("number of ordinates", 1))
        ),
    )


def _counting(items: _Items) -> dict[str, Any]:
    lines = items.lines
    return {
        "signal_mode": items.text(33, "signal mode"),
        "dwell": items.number(34, "dwell"),
        "scans": items.item(35, lambda: lines.whole("number of scans")),
        "time_correction": items.number(36, "time correction"),
    }


def _gun(items: _Items, ions: Sputtering) -> Sputtering:
    """Return the ions with what is said of their gun; some leave out whether it rests."""
    lines = items.lines

    def read() -> tuple[Any, ...]:
        figures = [lines.number(f"{each} of the ion gun") for each in GUN]
        return (*figures, lines.maybe_text(("continuous", "cyclic")))

    energy, current, width_x, width_y, polar, azimuth, mode = items.item(37, read)
    return replace(
        ions,
        energy=energy,
        current=current,
        width_x=width_x,
        width_y=width_y,
        polar=polar,
        azimuth=azimuth,
        mode=mode,
    )


def _sample(items: _Items) -> dict[str, Any]:
    lines = items.lines
    tilt = items.pair(38, "tilt of the sample")
    return {
        "tilt_polar": tilt[0],
        "tilt_azimuth": tilt[1],
        "rotation": items.number(39, "rotation of the sample"),
        "parameters": items.item(
            40,
            lambda: tuple(
                _parameter(lines) for _ in range(lines.whole("number of additional parameters", 0))
            ),
        ),
    }


def _parameter(lines: Lines) -> Parameter:
    name = lines.label("additional parameter")
    return Parameter(name.label, name.unit, lines.number(f"value of {name.label}"))


def _data(items: _Items, axis: _Axis, names: tuple[Label, ...]) -> dict[str, Any]:
    """Return abscissa and ordinates; the values of all stand interleaved."""
    lines = items.lines
    count = lines.whole("number of ordinate values", 1)
    if count % len(names):
        raise lines.wrong(f"{count} values are no whole number for each of {len(names)} ordinates")
    lines.numbers(2 * len(names), "smallest or largest value of an ordinate")
    values = lines.numbers(count, "an ordinate value").reshape(-1, len(names))
    columns = [
        Ordinate(name.label, name.unit, column)
        for name, column in zip(names, values.T.copy(), strict=True)
    ]
    if axis.start is not None and axis.step is not None:
        points = evenly(axis.start, axis.step, len(values))
        kept = {"abscissa": axis.label, "start": axis.start, "step": axis.step}
        return {**kept, "points": points, "ordinates": tuple(columns)}
    first, *rest = columns
    if not rest:
        raise lines.wrong("an IRREGULAR block has an abscissa and at least one ordinate")
    kept = {"abscissa": names[0], "start": float(first.values[0]), "step": None}
    return {**kept, "points": first.values, "ordinates": tuple(rest)}
