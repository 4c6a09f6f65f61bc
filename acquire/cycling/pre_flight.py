"""What a cell must look like before a current is put through it."""

from __future__ import annotations

import numpy as np

from acquire.cycling.orders import REST_LONGEST, Orders
from acquire.endings import RunStopped
from acquire.flags import Flag
from acquire.run import Run
from drivers.potentiostat import HoldOrder, Potentiostat, PotentiostatSetup, Samples
from protocols.cycling import Cycling, PreFlight
from protocols.model import FlagPolicy

PULSE, SAMPLE = 5.0, 0.5
"""Seconds of the small current, and between two samples; ours. One that was cut off is given
anew: what it passes is nothing beside the cell's capacity."""


class _Kept:
    """Keeps the samples of a hold; flags nothing."""

    def __init__(self) -> None:
        self.blocks: list[Samples] = []

    def see(self, block: Samples) -> tuple[tuple[Flag, FlagPolicy], ...]:
        """Keep a block."""
        self.blocks.append(block)
        return ()

    def column(self, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Return one column of all blocks, without samples of bad status."""
        kept = [getattr(block, name)[block.status == 0] for block in self.blocks]
        return np.concatenate(kept) if kept else np.zeros(0)


# its holds are done again where they were cut off: half of their samples would tell nothing


def pre_flight(
    step: Cycling, potentiostat: Potentiostat, setup: PotentiostatSetup, run: Run
) -> float | None:
    """Look at the cell and return its resistance, ohm; None where no pulse was asked for.

    Raises:
        RunStopped: open, short, reversed or drifting; the message says which, and what to do.
    """
    asked = step.pre_flight
    if asked is None:
        return None
    rest = _rest(step, asked, setup)
    seen = _Kept()
    run.watching(seen).do(potentiostat.hold, rest)
    _check_rest(asked, seen)
    if asked.pulse is None:
        return None
    amount = step.amperes(asked.pulse)
    pulse = HoldOrder(
        "current",
        current=amount,
        end_seconds=PULSE,
        seconds_max=2 * PULSE,
        voltage_min=step.safety.voltage_min,
        voltage_max=step.safety.voltage_max,
        current_range=Orders(step, setup).range_for(amount),
        every=max(SAMPLE, setup.shortest_interval),
        on_resume="again",
    )
    before = float(np.median(seen.column("voltage")))
    driven = _Kept()
    run.watching(driven).do(potentiostat.hold, pulse)
    return _check_pulse(asked, amount, before, driven)


def _rest(step: Cycling, asked: PreFlight, setup: PotentiostatSetup) -> HoldOrder:
    """Return the rest for which the open cell is watched; any voltage is allowed in it."""
    return HoldOrder(
        "rest",
        end_seconds=asked.rest,
        seconds_max=asked.rest * REST_LONGEST + 1.0,
        voltage_min=setup.voltage_min,
        voltage_max=setup.voltage_max,
        every=max(SAMPLE, setup.shortest_interval),
        on_resume="again",
    )


def _check_rest(asked: PreFlight, seen: _Kept) -> None:
    times, volts = seen.column("seconds"), seen.column("voltage")
    if len(volts) < 3:
        raise RunStopped("pre-flight: fewer than 3 good samples of the open cell; check the leads")
    open_circuit = float(np.median(volts))
    window = f"{asked.voltage_min:g} to {asked.voltage_max:g} V"
    if -asked.voltage_max <= open_circuit <= -asked.voltage_min:
        raise RunStopped(
            f"pre-flight: the open cell has {open_circuit:.3f} V: its leads are reversed; exchange "
            "them"
        )
    if abs(open_circuit) < 0.05:
        raise RunStopped(
            f"pre-flight: the open cell has {open_circuit:.3f} V: a short, or no cell; check it"
        )
    if not asked.voltage_min <= open_circuit <= asked.voltage_max:
        raise RunStopped(
            f"pre-flight: the open cell has {open_circuit:.3f} V, outside {window}; is it the "
            "right cell, and charged as expected?"
        )
    drift = float(np.polyfit(times, volts, 1)[0])
    if abs(drift) > asked.drift_max:
        raise RunStopped(
            f"pre-flight: the open cell drifts by {drift * 1e3:.3g} mV/s, above "
            f"{asked.drift_max * 1e3:.3g}; no cell, a bad contact, or it has not rested"
        )


def _check_pulse(asked: PreFlight, amount: float, before: float, driven: _Kept) -> float:
    volts = driven.column("voltage")
    if not len(volts):
        raise RunStopped(
            "pre-flight: the pulse gave no good sample: the cell is open; check the leads"
        )
    resistance = (float(volts[0]) - before) / amount
    if resistance > asked.resistance_max:
        raise RunStopped(
            f"pre-flight: {resistance:.3g} ohm is above {asked.resistance_max:.3g}: the cell is "
            "open, or a contact is lost; check the leads"
        )
    return resistance
