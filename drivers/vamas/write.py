"""Writing a VAMAS file, regular scans only: every item of every block, nothing left out.

Depth profiles are written in the mode NORM with the etch time as an experimental variable, as
CasaXPS itself writes them. The mode SDP says more (which ions), but the readers that are about do
not agree on it: `vamas` 0.2.0 passes over the ion gun of XPS blocks, others over its last line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from drivers.errors import InputError
from drivers.vamas.content import FORMAT, SPUTTERED, TERMINATOR, UNKNOWN, Block, Mode, VamasFile

END = "\r\n"


def write_vamas(path: Path, file: VamasFile) -> None:
    """Write a file; an existing one is overwritten.

    Raises:
        InputError: a text does not fit on one line, a figure is none, or a block is not regular.
    """
    path.write_bytes(vamas_text(file).encode("utf-8"))


def vamas_text(file: VamasFile) -> str:
    """Return a file as text."""
    lines = [*_header(file)]
    for block in file.blocks:
        lines += _block(block, file)
    return END.join([*lines, TERMINATOR, ""])


def _header(file: VamasFile) -> Iterator[str]:
    yield FORMAT
    yield from _texts((file.institute, file.instrument, file.operator, file.experiment))
    yield from _listed(_texts(file.comment))
    yield from (file.mode, "REGULAR")
    if file.mode in ("NORM", "SDP"):
        regions = {block.name for block in file.blocks}
        yield str(len(regions) if file.regions is None else file.regions)
    yield str(len(file.variables))
    for each in file.variables:
        yield from _texts((each.label, each.unit))
    yield from "0000"  # nothing left out, nothing entered by hand, nothing of a later edition
    yield str(len(file.blocks))


def _block(block: Block, file: VamasFile) -> Iterator[str]:
    """Yield the lines of a block, in the order of the file."""
    mode = file.mode
    yield from _texts((block.name, block.sample))
    yield from _date(block.taken)
    yield from _listed(_texts(block.comment))
    yield _text(block.technique)
    if len(block.variables) != len(file.variables):
        raise InputError(f"{block.name}: as many values as the file has variables, please")
    yield from map(_figure, block.variables)
    yield _text(block.source)
    yield from _ions(block, mode)
    figures = (block.source_energy, block.source_power, *block.source_width)
    yield from map(_figure, figures)
    if mode == "MAPSVDP":
        yield from map(_figure, (None,) * 2 + (1.0,) * 6)
    yield from map(_figure, (block.source_polar, block.source_azimuth))
    yield from _analyser(block)
    yield from _axis(block)
    yield from (_text(block.signal_mode), _figure(block.dwell), str(block.scans))
    yield _figure(block.time_correction)
    yield from _gun(block, mode)
    yield from map(_figure, (block.tilt_polar, block.tilt_azimuth, block.rotation))
    yield str(len(block.parameters))
    for each in block.parameters:
        yield from (_text(each.label), _text(each.unit), _figure(each.value))
    yield from _data(block)


def _date(taken: datetime | None) -> Iterator[str]:
    """Yield the date in UTC, to the second: some readers take no fraction, no other zone."""
    if taken is None:
        yield from ["-1"] * 6
    else:
        utc = taken.astimezone(UTC)
        yield from map(str, utc.timetuple()[:6])
    yield "0"


def _ions(block: Block, mode: Mode) -> Iterator[str]:
    if mode in SPUTTERED:
        if block.sputtering is None:
            raise InputError(f"{block.name}: in mode {mode} each block says what sputtered")
        ions = block.sputtering
        yield str(ions.atomic_number)
        yield from map(_figure, (ions.atoms, ions.charge))


def _gun(block: Block, mode: Mode) -> Iterator[str]:
    ions = block.sputtering
    if mode in SPUTTERED and ions is not None:
        figures = (ions.energy, ions.current, ions.width_x, ions.width_y, ions.polar, ions.azimuth)
        yield from map(_figure, figures)
        if ions.mode is not None:
            yield ions.mode


def _analyser(block: Block) -> Iterator[str]:
    yield from (_text(block.analyser_mode), _figure(block.pass_energy))
    if block.technique == "AES diff":
        yield _figure(block.differential_width)
    yield from map(
        _figure,
        (
            block.magnification,
            block.work_function,
            block.target_bias,
            *block.analysis_width,
            block.take_off_polar,
            block.take_off_azimuth,
        ),
    )
    yield from (_text(block.species), _text(block.transition), str(block.charge))


def _axis(block: Block) -> Iterator[str]:
    if block.step is None:
        raise InputError(f"{block.name}: only spectra with an even abscissa are written")
    yield from (_text(block.abscissa.label), _text(block.abscissa.unit))
    yield from map(_figure, (block.start, block.step))
    yield str(len(block.ordinates))
    for each in block.ordinates:
        yield from (_text(each.label), _text(each.unit))


def _data(block: Block) -> Iterator[str]:
    """Yield how many values there are, the range of each ordinate, and all interleaved."""
    values = np.column_stack([each.values for each in block.ordinates])
    if not values.size or not np.isfinite(values).all():
        raise InputError(f"{block.name}: a spectrum holds figures only, and at least one")
    yield str(values.size)
    for column in values.T:
        yield from map(_figure, (float(column.min()), float(column.max())))
    yield from map(_figure, values.ravel().tolist())


def _listed(lines: Iterable[str]) -> Iterator[str]:
    kept = list(lines)
    yield str(len(kept))
    yield from kept


def _texts(texts: Iterable[str]) -> Iterator[str]:
    return map(_text, texts)


def _text(text: str) -> str:
    if "\n" in text or "\r" in text:
        raise InputError(f"{text[:60]!r} does not fit on a line of a VAMAS file; write it shorter")
    return text.strip()


def _figure(value: float | None) -> str:
    """Return a number so that reading it gives the same, whole ones without a point."""
    if value is None:
        return "1E+37"
    if not abs(value) < UNKNOWN * 0.99:
        raise InputError(f"{value:g} is no figure of a VAMAS file; leave it out where not known")
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))
