"""A night of many cells for virtual weeks, some of them bad: the good complete, the bad are told.

python -m tests.campaigns.nights FOLDER [CELLS] [CYCLES] [SEED]

A fault of a random kind befalls a random third of the cells at a random time. Wrong is: a good cell
that does not complete or is flagged; a bad one that nothing is said of, or for another reason; and
anything of a bad cell's that changes a good one (each good cell's efficiencies are compared with
those of the same cell alone).
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acquire.night.begin import go
from acquire.record import RunRecord
from acquire.show import show

REASONS: Mapping[str, tuple[str, ...]] = {
    "soft_short": ("soft short", "short", "efficiency"),
    "hard_short": ("short", "contact lost", "range", "V, outside"),
    "contact_lost": ("contact lost", "contact", "open", "V, outside"),
    "resistance_rises": ("resistance",),
    "lithium_depletes": ("efficiency", "fade"),
    "overloads": ("overload",),
    "nan_samples": ("NaN",),
    "stale_samples": ("old",),
    "trips": ("0032",),
}
"""What may be said of each fault: in a flag, or in the reason why the cell stopped."""
SCHEDULE = """\
kind: cycling
nominal: {{capacity: 1.47 uAh, basis: by area, source: the paper}}
record: {{every: 60 s, voltage_change: 20 mV}}
safety: {{voltage_min: 3.3 V, voltage_max: 5.2 V, current_max: 15 uA}}
pre_flight: {{voltage_min: 2.5 V, voltage_max: 5.0 V, pulse: {{rate: C/10}}}}
schedule:
  - do: loop
    times: {cycles}
    steps:
      - {{do: charge, rate: 5C, until: [{{voltage: 5.1 V}}]}}
      - {{do: discharge, rate: 5C, until: [{{voltage: 3.5 V}}]}}
"""


@dataclass(frozen=True)
class Ended:
    """A cell after the night."""

    name: str
    fault: str | None
    state: str
    reason: str
    flags: tuple[str, ...]
    efficiencies: tuple[float | None, ...]

    def wrong(self, alone: tuple[float | None, ...] | None) -> str:
        """Return what is wrong with it; empty where nothing is."""
        said = " ".join([self.reason, *self.flags])
        if self.fault is None:
            if self.state != "done" or self.flags:
                return f"a good cell is {self.state}: {said}"
            return "" if alone is None or alone == self.efficiencies else "differs from it alone"
        if not any(reason in said for reason in REASONS[self.fault]):
            return f"{self.fault}: said is {said!r}"
        return ""


def plan(folder: Path, count: int, cycles: int, seed: int) -> tuple[Path, dict[str, str]]:
    """Write a night's plan; return it and the faults by cell."""
    draw = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    protocol = folder / "schedule.yaml"
    protocol.write_text(SCHEDULE.format(cycles=cycles), encoding="utf-8")
    names = [f"cell-{number:02d}" for number in range(count)]
    bad = {name: draw.choice(sorted(REASONS)) for name in draw.sample(names, max(1, count // 3))}
    length = cycles * 1440.0
    cells: list[dict[str, Any]] = []
    for number, name in enumerate(names):
        at = draw.uniform(0.15, 0.6) * length
        faults = [{"kind": bad[name], "at": at}] if name in bad else []
        settings = {"faults": faults}
        cells.append(
            {"name": name, "protocol": str(protocol), "seed": number, "settings": settings}
        )
    path = folder / "plan.yaml"
    path.write_text(json.dumps({"name": "night", "cells": cells}), encoding="utf-8")
    return path, bad


def ended(folder: Path, name: str, fault: str | None) -> Ended:
    """Read a cell's record."""
    entries = json.loads((folder / "night" / "summary.json").read_text(encoding="utf-8"))
    entry = next(each for each in entries if each["cell"] == name)
    (run,) = [path.parent for path in (folder / "night" / name).glob("*/run.db")]
    with RunRecord(run) as record:
        view = show(record)
    flags = tuple(f"{flag['kind']}: {flag['note']}" for flag in view["flags"])
    efficiencies = tuple(view["results"][0].get("efficiency", ())) if view["results"] else ()
    return Ended(name, fault, entry["state"], entry["reason"], flags, efficiencies)


def alone(folder: Path, path: Path, name: str) -> tuple[float | None, ...]:
    """Return the efficiencies of one cell of a plan when nobody is beside it."""
    asked = json.loads(path.read_text(encoding="utf-8"))
    asked["cells"] = [cell for cell in asked["cells"] if cell["name"] == name]
    folder.mkdir(parents=True, exist_ok=True)
    other = folder / "plan.yaml"
    other.write_text(json.dumps(asked), encoding="utf-8")
    go(other, folder, say=lambda text: None, as_json=False)
    return ended(folder, name, None).efficiencies


def campaign(folder: Path, count: int, cycles: int, seed: int) -> list[tuple[Ended, str]]:
    """Run the night; return each cell and what is wrong with it."""
    path, bad = plan(folder, count, cycles, seed)
    go(path, folder, say=lambda text: None, as_json=False)
    cells = [
        ended(folder, f"cell-{number:02d}", bad.get(f"cell-{number:02d}"))
        for number in range(count)
    ]
    first = next(cell.name for cell in cells if cell.fault is None)
    by_itself = alone(folder / "alone", path, first)
    return [(cell, cell.wrong(by_itself if cell.name == first else None)) for cell in cells]


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[2:]] + [16, 1260, 1][len(sys.argv) - 2 :]
    found = campaign(Path(sys.argv[1]), *numbers)
    for cell, wrong in found:
        told = cell.reason or "; ".join(cell.flags[:2])
        print(f"{cell.name} {cell.fault or 'good':16} {cell.state:6} {told[:90]} {wrong and '***'}")
        if wrong:
            print(f"    WRONG: {wrong}")
    print(f"{len(found)} cells, {sum(bool(wrong) for _, wrong in found)} wrong")
    sys.exit(any(wrong for _, wrong in found))
