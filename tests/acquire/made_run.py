"""A folder of a run made by hand, row by row as `acquire.run` writes it, for tests that read."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from acquire.flags import Flag
from acquire.journal import Journal
from acquire.pictures import Pictures
from acquire.rows import Stamp, pack_row
from drivers.codec import canonical, pack
from drivers.lab import Identity
from drivers.stem import Area, EnergyAxis, Image, Spectrum, StemSetup
from protocols.eds import EdsLineScan

BEGAN = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
POINTS, PITCH, CHANNELS = 60, 2e-9, 512
N_FROM, P_FROM = 25, 35
"""Positions from which each element is there."""
TWICE = (50, 51)
"""Positions that `a_run_folder` exposes twice."""
STEP = EdsLineScan.model_validate(
    {
        "name": "a line",
        "survey": {"field": 400e-9, "pixels": 64, "dwell": 2e-6, "probe_current": 25e-12},
        "start": {"x": -60e-9, "y": 10e-9, "angle": 0.1},
        "length": (POINTS - 1) * PITCH,
        "points": POINTS,
        "strip": 100e-9,
        "probe_current": 100e-12,
        "dwell": 0.1,
        "dose_limit": 2000.0,
        "watch": [{"element": "N"}, {"element": "P"}],
        "background_points": 10,
    }
)
SETUP = StemSetup(
    beam_energy=200e3,
    energy_axis=EnergyAxis(0.0, 10.0, CHANNELS),
    resolution=130.0,
    elevation_angle=0.3839724354387525,
    azimuth_angle=0.0,
    solid_angle=0.95,
    probe_size=1e-9,
    largest_field=1e-6,
)
RISES: dict[str, Any] = {
    "onsets": {
        "N": {
            "position_m": 50e-9,
            "interval_m": [46e-9, 52e-9],
            "confidence": 0.95,
            "midpoint_m": 60e-9,
        },
        "P": {"position_m": 70e-9, "interval_m": [66e-9, 73e-9], "confidence": 0.95},
    },
    "plateaus": {
        "N": {"position_m": 70e-9, "interval_m": [66e-9, 76e-9], "confidence": 0.95},
        "P": {"position_m": 86e-9, "interval_m": [80e-9, 92e-9], "confidence": 0.95},
    },
    "width": {
        "value_m": 36e-9,
        "interval_m": [30e-9, 44e-9],
        "confidence": 0.95,
        "from": "N",
        "to": "P",
        "shapes": {
            "erf": {"width_m": 40e-9, "nats": 1.5},
            "linear": {"width_m": 36e-9, "nats": 0.0},
        },
        "spread_m": 4e-9,
    },
    "order": "N before P",
    "detection_limits": {
        "N": {"net_counts_per_s": 34.2, "net_counts": 6.15},
        "P": {"net_counts_per_s": 25.0, "net_counts": 4.5},
    },
    "electrons": 1.3e9,
}
"""What a result says of a scan whose elements rise and end rising."""
REFINED: dict[str, Any] = {
    "passes": 3,
    "electrons": 1.3e9,
    "uniform_electrons": 3.9e9,
    "reached": {"width": 7e-9},
    "expected_interval_m": {"width": 6.8e-9},
    "same_electrons_evenly_interval_m": {"width": 9.9e-9},
    "uniform_interval_m": {"width": 7.5e-9},
}


class MadeRun:
    """Writes a run; `close` it before it is read as one that ended."""

    def __init__(
        self, folder: Path, *, simulated: bool = True, recorded: bool = False, title: str = ""
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.journal = Journal(folder / "run.db")
        self.pictures = Pictures(folder, simulated=simulated)
        self.seconds = 0.0
        facts = {
            "name": "test/line",
            "seed": "7",
            "version": "0.1.0",
            "begun_utc": self.stamp().utc,
        }
        facts |= {"simulated": json.dumps(simulated), "title": title, "origin": "run"}
        for key, value in facts.items():
            self.journal.set_meta(key, value)
        lab = {"instruments": {"stem": {"driver": "simulated-stem"}}}
        (folder / "lab.yaml").write_text(json.dumps(lab), encoding="utf-8")
        (folder / "protocol.yaml").write_text("kind: eds_line_scan\n", encoding="utf-8")
        self.event("session", state="running", reason="", gap_s=0.0)
        identity = Identity("acme", "T<1>", "42", simulated=simulated, recorded=recorded)
        self.do("stem.identity", [], identity, step=None)

    def stamp(self) -> Stamp:
        return Stamp(self.seconds, (BEGAN + timedelta(seconds=self.seconds)).isoformat())

    def event(self, kind: str, **value: Any) -> None:
        self.journal.add_event(kind, value, self.stamp())

    def do(
        self,
        name: str,
        arguments: list[Any],
        result: Any,
        *,
        step: int | None = 0,
        ended_by: str | None = None,
    ) -> int:
        self.seconds += 0.2
        entry = self.journal.add_entry(step, "do", name, canonical(arguments), self.stamp())
        arrays: list[Any] = []
        tree = pack(result, arrays)
        files = self.pictures.save(entry, name, result)
        self.journal.add_outcome(entry, ended_by, pack_row(tree, arrays, files), self.stamp())
        return entry

    def decide(self, name: str, value: Any) -> None:
        text = canonical(value)
        self.journal.add_entry(0, "decide", name, "null", self.stamp(), text)

    def begin_scan(self, step: EdsLineScan = STEP, setup: StemSetup = SETUP) -> None:
        self.journal.add_entry(0, "step", step.kind, canonical(step), self.stamp())
        self.do("stem.setup", [], setup)
        ramp = np.linspace(0, 60000, 64 * 64).reshape(64, 64).astype(np.uint16)
        self.do("stem.image", [step.survey, 0.0, 0.0], Image(ramp, 400e-9 / 64, 0.0, 0.0, 0.5))
        line = {"x0": -60e-9, "y0": 10e-9, "angle": 0.1, "pitch": PITCH, "points": step.points}
        self.decide("line", line)

    def expose(self, place: float, *, lost: bool = False, empty: bool = False) -> int:
        """Measure at `place` pitches along the line."""
        distance = place * PITCH
        area = Area(
            -60e-9 + distance * np.cos(0.1), 10e-9 + distance * np.sin(0.1), PITCH, 100e-9, 0.1
        )
        counts = np.zeros(0 if empty else CHANNELS, np.uint16)
        if not (lost or empty):
            counts[39] = 1 + (20 if place >= N_FROM else 0)
            counts[201] = 1 + (30 if place >= P_FROM else 0)
        gone = lost or empty
        spectrum = Spectrum(counts, 0.0 if gone else 0.1, 0.1, 6.2e7)
        return self.do("stem.spectrum", [area, 100e-12, 0.1], spectrum)

    def skip(self) -> None:
        """A spectrum that the operator skipped."""
        self.do("stem.spectrum", [Area(0.0, 0.0, PITCH, 0.0, 0.0), 1e-10, 0.1], None)

    def flag(self, of: str, index: int, at: float, low: float, high: float) -> None:
        """Raise an onset of `of`; places in pitches."""
        place = {
            "position_m": at * PITCH,
            "interval_m": (low * PITCH, high * PITCH),
            "raised_position_m": index * PITCH,
        }
        flag = Flag("onset", of, index, place, 0.95, 12.3, 9.4, f"note of <{of}>")
        raised = {"action": 1, "index": index, "time_utc": self.stamp().utc}
        value = {"flag": json.loads(canonical(asdict(flag))), "raised_at": raised, "policy": "note"}
        text = json.dumps(value)
        self.journal.add_entry(0, "flag", f"onset {of}", "null", self.stamp(), text)

    def whole_scan(self, lost: tuple[int, ...] = ()) -> None:
        self.begin_scan()
        for index in range(POINTS):
            self.expose(index, lost=index in lost)

    def result(self, **changed: Any) -> None:
        found = {"position_m": 50e-9, "interval_m": [46e-9, 52e-9], "confidence": 0.95}
        result = {
            "onsets": {"N": found, "P": {"none": "no significant rise in 60 positions"}},
            "order": "undecided",
            "points": POINTS,
            "dose_e_per_angstrom2": 1234.5678,
            **changed,
        }
        text = json.dumps({"result": result, "ended_by": None})
        self.journal.add_entry(0, "result", "result", "null", self.stamp(), text)

    def close(self, state: str = "finished", reason: str = "every step is done") -> Path:
        self.event("session", state=state, reason=reason)
        self.journal.finish()
        self.journal.close()
        return self.folder
