"""A short line scan for tests of crashes, and what is compared afterwards."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from acquire.flags import Flag
from acquire.launch import RunEnd, begin_run
from acquire.record import RunRecord
from acquire.share import Desk
from drivers.action import result_of
from drivers.clock import JumpingClock
from drivers.lab import simulated_lab
from drivers.open_lab import open_lab
from drivers.stem import Area, Spectrum
from protocols.eds import EdsLineScan
from protocols.loader import load_protocol
from protocols.units import ELEMENTARY_CHARGE
from simulators.truth import exposures, ledger

PROTOCOL = """
kind: eds_line_scan
survey: {{field: 1 um, pixels: 128, dwell: 20 us, probe_current: 25 pA}}
start: {{edge_of: dark_field, offset: -100 nm}}
length: 200 nm
points: {points}
strip: 500 nm
probe_current: 100 pA
dwell: {dwell} ms
dose_limit: 1e5 e/angstrom^2
background_points: 5
watch: [{{element: N}}, {{element: P}}]
drift:
  every: 7
  largest_step: 20 nm
  image: {{field: 1 um, pixels: 128, dwell: 10 us, probe_current: 25 pA}}
"""
SEED = 5


@dataclass
class Silent:
    """An observer that only remembers."""

    said: list[str] = field(default_factory=list)

    def progress(self, done: int, total: int, text: str) -> None:
        pass

    def flag(self, flag: Flag) -> None:
        pass

    def say(self, text: str) -> None:
        self.said.append(text)


def write_protocol(folder: Path, points: int, dwell_ms: int) -> Path:
    """Write the protocol into `folder`."""
    path = folder / "scan.yaml"
    path.write_text(PROTOCOL.format(points=points, dwell=dwell_ms), encoding="utf-8")
    return path


def desk(boundary: Callable[[str], None] | None = None) -> Desk:
    """Return a desk with nobody at it."""
    return Desk(Silent(), boundary=boundary)


def start(protocol: Path, out: Path, boundary: Callable[[str], None] | None = None) -> RunEnd:
    """Run the protocol on the simulated microscope."""
    lab = simulated_lab({"stem": {}})
    return begin_run(load_protocol(protocol), lab, out, seed=SEED, desk=desk(boundary))


@dataclass(frozen=True)
class Kept:
    """What a run folder holds of its positions."""

    names: list[str]
    """Place of each position, in order."""
    counts: list[npt.NDArray[np.uint32]]
    beam: list[float]
    """Seconds of beam whose counts were kept."""
    raw: dict[str, tuple[str, bytes | None]]
    """Place of each position that has an outcome: the row as it stands in the journal."""
    gaps: int
    state: str


def kept(folder: Path) -> Kept:
    """Read a run folder."""
    with RunRecord(folder) as record:
        done = list(record.done(0, "stem.spectrum", Spectrum))
        gaps = len(record.events("interrupted"))
        state = record.state
    db = sqlite3.connect(folder / "run.db")
    rows = db.execute(
        "SELECT e.request, o.value, o.arrays FROM entry e JOIN outcome o ON o.entry=e.id"
        " WHERE e.name='stem.spectrum' ORDER BY e.id"
    ).fetchall()
    db.close()
    names = [str(Area(**each.arguments[0]).place) for each in done]
    raw = {str(name): (value, arrays) for name, (_, value, arrays) in zip(names, rows, strict=True)}
    return Kept(
        names,
        [each.result.counts for each in done],
        [each.result.real_time for each in done],
        raw,
        gaps,
        state,
    )


def uninterrupted(folder: Path) -> dict[str, npt.NDArray[np.uint32]]:
    """Return the counts of each place if the same exposures were made at the same times at once.

    A new simulated microscope of the same seed gets the ledger's exposures and shifts of the scan,
    with nothing in between cut off.
    """
    step = load_protocol(folder / "protocol.yaml").steps[0]
    assert isinstance(step, EdsLineScan)
    assert step.drift is not None
    clock = JumpingClock()
    counts: dict[str, npt.NDArray[np.uint32]] = {}
    with open_lab(simulated_lab({"stem": {}}), clock=clock, seed=SEED) as opened:
        stem: Any = opened.drivers["stem"]
        settle = stem.setup().overhead
        for effect in ledger(folder / "world-stem.db"):
            if effect.kind == "shift":
                clock.sleep(effect.t - clock.now())
                stem.shift_scan(*effect.place[:2])
            if effect.kind != "unblank":
                continue
            clock.sleep(effect.t - settle - clock.now())
            if effect.place[4] == 0 and effect.place[2] == effect.place[3]:
                survey = abs(effect.seconds - step.survey.duration) < 1e-9
                settings = step.survey if survey else step.drift.image
                result_of(stem.image(settings, *effect.place[:2]))
            else:
                area = Area(*effect.place)
                spectrum = result_of(stem.spectrum(area, effect.current, effect.seconds))
                before = counts.get(str(effect.place))
                counts[str(effect.place)] = spectrum.counts + (0 if before is None else before)
    return counts


def compare(folder: Path, reference: Path, before: Kept | None) -> list[str]:
    """Return what is wrong with a resumed run beside an uninterrupted one.

    Where only positions were cut off, or nothing was, every complete position equals that of the
    uninterrupted `reference`. Where an image had to be taken again, times and dose differ from
    there on, and positions equal those of an uninterrupted run with that dose map and those times.
    """
    ours, theirs = kept(folder), kept(reference)
    wrong = [] if ours.state == "finished" else [f"state is {ours.state}"]
    for name, row in ({} if before is None else before.raw).items():
        if ours.raw.get(name) != row:
            wrong.append(f"a position that was kept has changed: {name}")
    again = _images(folder) != _images(reference)
    if not again and ours.names != theirs.names:
        return [*wrong, "the positions differ though no image was taken again"]
    should = uninterrupted(folder)
    for index, (name, mine) in enumerate(zip(ours.names, ours.counts, strict=True)):
        whole = ours.beam[index] > theirs.beam[index] - 1e-9
        others = [should[name]] if again else [should[name], theirs.counts[index]]
        for other in others:
            if whole and not np.array_equal(mine, other):
                wrong.append(f"position {index} differs from the uninterrupted run")
            if mine.size and bool((mine > other).any()):
                wrong.append(f"position {index} has counts that the uninterrupted run has not")
    lost = sum(a < b - 1e-9 for a, b in zip(ours.beam, theirs.beam, strict=True))
    if lost > ours.gaps or (again and not ours.gaps):
        wrong.append(f"{lost} positions lost data, the record tells of {ours.gaps} gaps")
    return wrong + _overdosed(folder)


def _images(folder: Path) -> int:
    return sum(each.place[2] == each.place[3] for each in exposures(folder / "world-stem.db"))


def _overdosed(folder: Path) -> list[str]:
    """Return the places that really received more than one exposure of their kind should give."""
    step = load_protocol(folder / "protocol.yaml").steps[0]
    assert isinstance(step, EdsLineScan)
    planned = step.probe_current * step.dwell / ELEMENTARY_CHARGE * (1 + 1e-9)
    found: dict[str, float] = {}
    for each in exposures(folder / "world-stem.db"):
        if each.place[2] != each.place[3]:
            found[each.key] = found.get(each.key, 0.0) + each.electrons
    return [
        f"{key} received {electrons:.6g} electrons, {planned:.6g} planned"
        for key, electrons in found.items()
        if electrons > planned
    ]
