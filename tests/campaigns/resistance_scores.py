"""How surely a resistance that rises is flagged, and how often one that does not.

    python -m tests.campaigns.resistance_scores [CELLS] [CYCLES]

Random cells and instruments (as in `cycling_trust`) at 5C; ohmic and interface resistances rise
evenly from the first cycle to the last, by nothing, 20, 30 or 50 %. Once with charges and
discharges only, where all of the polarisation is watched, of which those resistances are a part;
once with a pulse at half charge in each cycle. Every fifth run of either kind has a cycle at C/2
among each 25. The simulator knows neither temperatures nor a wear of the resistances.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.campaigns.cycling_runs import Cycled, cycled
from tests.campaigns.cycling_trust import cell_file, random_cell

RISES = (0.0, 0.2, 0.3, 0.5)
CYCLE = 1440.0
"""s, about, of one at 5C."""
HEAD = """\
kind: cycling
nominal: {capacity: 1.47 uAh, basis: by area, source: the paper}
record: {every: 60 s, voltage_change: 20 mV}
safety: {voltage_min: 3.3 V, voltage_max: 5.2 V, current_max: 15 uA, charge_factor: 1.5}
schedule:
"""
PULSE = """\
      - {do: charge, rate: RATE, until: [{charge: 0.7 uAh}, {voltage: 5.1 V}]}
      - {do: rest, duration: 60 s}
      - {do: charge pulse, rate: 5C, duration: 2 s, rest: 30 s}
"""
CYCLES = """\
      - {do: charge, rate: RATE, until: [{voltage: 5.1 V}]}
      - {do: discharge, rate: RATE, until: [{voltage: 3.5 V}]}
"""


def protocol(cycles: int, *, pulses: bool, rates: bool) -> str:
    """Return a schedule: all at 5C, or each 25th cycle at C/2."""
    text, begun = HEAD, 0
    while begun < cycles:
        slow = rates and begun % 25 == 24
        times = 1 if slow else min(24, cycles - begun) if rates else cycles
        body = (PULSE if pulses else "") + CYCLES
        text += f"  - do: loop\n    times: {times}\n    steps:\n"
        text += body.replace("RATE", "C/2" if slow else "5C")
        begun += times
    return text


def run(seed: int, cycles: int, rise: float, *, pulses: bool) -> Cycled:
    """Cycle one random cell."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "protocol.yaml"
        path.write_text(protocol(cycles, pulses=pulses, rates=seed % 5 == 4), encoding="utf-8")
        per_day = rise * 86400.0 / (cycles * CYCLE)
        faults = [{"kind": "resistance_rises", "at": 1.0, "per_day": per_day}] if rise else []
        cell = cell_file(folder, random_cell(seed))
        return cycled(path, folder / "out", seed=seed, cell=str(cell), faults=faults)


def flagged_at(made: Cycled) -> list[int]:
    """Return the cycles in which the resistance was flagged."""
    return [int(flag.place["cycle"]) for flag in made.heard.flags if flag.kind == "resistance"]  # type: ignore[arg-type]


def main(cells: int, cycles: int) -> None:
    """Print how many of the cells were flagged, and when."""
    for pulses in (False, True):
        for rise in RISES:
            found, others = [], []
            for seed in range(cells * (1 if rise else 2)):
                made = run(seed, cycles, rise, pulses=pulses)
                found.append(flagged_at(made))
                others += [kind for kind in made.flags() if kind != "resistance"]
            first = [each[0] for each in found if each]
            when = f", in cycle {np.median(first):.0f} of {cycles} in the median" if first else ""
            how = "pulses" if pulses else "no pulses"
            print(f"{how}, +{rise:.0%}: {len(first)} of {len(found)} flagged{when}; {others=}")


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:]]
    main(*(given or [20, 300]))
