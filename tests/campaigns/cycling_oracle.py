"""Random cycling protocols against an oracle of its own: are safe ones accepted, unsafe refused?

    python -m tests.campaigns.cycling_oracle [PROTOCOLS]

The oracle knows a protocol as it is written (figures with units), a device and a lab, and was
written from the list of what endangers a cell, without looking at the models or the interlocks.
Asked: at least 99 % of those that it calls safe are accepted, and none that it calls unsafe.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydantic import ValidationError

from acquire.cycling.orders import Orders, refusals
from acquire.cycling.plan import cycling_plan
from acquire.cycling.potentiostat_rules import within_the_lab
from acquire.gate import Situation
from drivers.errors import InputError
from drivers.potentiostat import PotentiostatLimits, PotentiostatSetup
from protocols.cycling import Cycling
from protocols.units import WRITTEN

DEVICE = PotentiostatSetup(
    voltage_min=-6.0,
    voltage_max=6.0,
    current_ranges=(1e-7, 1e-6, 1e-5, 1e-4, 1e-3),
    shortest_interval=0.1,
    current_offset=2e-5,
    current_gain=5e-4,
    voltage_offset=5e-4,
    time_jitter=1e-3,
    ends_on_device=True,
)
LAB = PotentiostatLimits(voltage_min=-1.0, voltage_max=5.2, current_max=5e-4, hold_max=4 * 86400.0)
Written = dict[str, Any]
SAMPLE = 12


# -- the oracle -------------------------------------------------------------------------------


def figure(text: Any) -> float:
    """Return the number before a unit; NaN for what is none."""
    try:
        return float(str(text).split()[0])
    except (ValueError, IndexError):
        return math.nan


def rate_of(text: Any) -> float:
    """Return C/10 as 0.1 and 5C as 5; NaN for what is neither."""
    said = str(text).strip()
    if said.startswith("C/"):
        below = figure(said[2:])
        return 1 / below if below else math.nan
    return figure(said[:-1]) if said.endswith("C") else math.nan


@dataclass
class Judge:
    """Looks at one protocol: amounts in uA, uAh, V and h."""

    protocol: Written
    found: list[str] = field(default_factory=list)

    def verdict(self) -> str:
        """Return what is unsafe first; empty for a safe one."""
        capacity = self.positive("capacity", self.protocol["nominal"]["capacity"])
        safety = self.protocol["safety"]
        low, high = figure(safety["voltage_min"]), figure(safety["voltage_max"])
        most = self.positive("current_max", safety["current_max"])
        if not low < high:
            self.found.append("the window is empty or not a number")
        if not (LAB.voltage_min <= low and high <= LAB.voltage_max):
            self.found.append("the window is wider than the lab's")
        self.positive("every", self.protocol["record"]["every"])
        for move in self.moves(self.protocol["schedule"]):
            self.look(move, capacity, (low, high), most, float(safety["time_factor"]))
        return self.found[0] if self.found else ""

    def moves(self, schedule: Sequence[Written]) -> list[Written]:
        """Return every hold once."""
        found = []
        for move in schedule:
            if move["do"] == "loop":
                if not move["times"] >= 1:
                    self.found.append("a loop without end or beginning")
                found += self.moves(move["steps"])
            else:
                found.append(move)
        return found

    def positive(self, name: str, text: Any) -> float:
        """Return a figure, noting one that is not above zero and finite."""
        value = figure(text)
        if not (math.isfinite(value) and value > 0):
            self.found.append(f"{name} is not above zero and finite")
        return value

    def look(
        self,
        move: Written,
        capacity: float,
        window: tuple[float, float],
        most: float,
        time_factor: float,
    ) -> None:
        """Look at one hold."""
        if move["do"] == "rest":
            self.positive("duration", move["duration"])
            return
        ends = move["until"]
        if not ends:
            self.found.append("a hold that nothing ends")
        targets = [figure(end["voltage"]) for end in ends if "voltage" in end]
        targets += [figure(move["voltage"])] if "voltage" in move else []
        if not all(window[0] <= volts <= window[1] for volts in targets):
            self.found.append("a target outside the window")
        hours = [self.positive("time", end["time"]) for end in ends if "time" in end]
        for end in ends:
            if "current" in end:
                self.amount(end["current"], capacity)
        current = self.amount(move, capacity) if move["do"] != "hold voltage" else most
        if not current <= most * (1 + 1e-6):
            self.found.append("a current above the safety's")
        if not current <= 1e6 * min(LAB.current_max, DEVICE.current_ranges[-1]):
            self.found.append("a current above the lab's or the device's")
        if move["do"] in ("charge", "discharge") and current > 0:
            hours.append(capacity / current * time_factor)
        if not max(hours, default=0.0) <= LAB.hold_max / 3600:
            self.found.append("a hold for days on end, longer than the lab lets nobody look")

    def amount(self, size: Written, capacity: float) -> float:
        """Return a current in uA, noting one that is none."""
        if "rate" in size:
            current = rate_of(size["rate"]) * capacity
        elif "current" in size:
            current = figure(size["current"])
        else:
            current = math.nan
        if not (math.isfinite(current) and current > 0) or ("rate" in size) == ("current" in size):
            self.found.append("a current that is no amount")
        return current


# -- random protocols -------------------------------------------------------------------------


class Dice:
    """Draws protocols; most of their figures are sound, some are not."""

    def __init__(self, seed: int) -> None:
        self.draws = np.random.default_rng(seed)
        self.wrong = 0.0

    def one_of(self, *values: Any) -> Any:
        """Return one of some values."""
        return values[int(self.draws.integers(len(values)))]

    def spoilt(self, sound: str, *spoilt: str) -> str:
        """Return a sound value, or now and then one of the others."""
        return str(self.one_of(*spoilt)) if self.draws.random() < self.wrong else sound

    def number(self, low: float, high: float) -> float:
        """Return a number with three digits, its logarithm evenly distributed."""
        value = math.exp(self.draws.uniform(math.log(low), math.log(high)))
        return float(f"{value:.3g}")

    def protocol(self) -> Written:
        """Return a protocol as YAML would give it."""
        self.wrong = float(self.one_of(0.0, 0.0, 0.02, 0.1))
        capacity = self.number(0.5, 100.0)
        low = round(float(self.draws.uniform(2.0, 3.6)), 3)
        high = round(float(self.draws.uniform(4.0, 5.2)), 3)
        most = f"{min(self.number(3.0, 40.0) * capacity, 480.0):.4g} uA"
        window = (low, high)
        moves = [self.move(window, capacity) for _ in range(self.one_of(1, 2, 3, 4))]
        times = int(self.spoilt(str(self.one_of(1, 3, 535)), "0", "-2"))
        return {
            "kind": "cycling",
            "nominal": {
                "capacity": self.spoilt(f"{capacity} uAh", "0 uAh", "-1 uAh", "nan uAh", "inf uAh"),
                "basis": "by area",
                "source": "drawn",
            },
            "record": {"every": self.spoilt("7 s", "0 s", "-1 s", "nan s")},
            "safety": {
                "voltage_min": self.spoilt(
                    f"{low} V", "nan V", "-inf V", "-3 V", f"{high + 0.1} V"
                ),
                "voltage_max": self.spoilt(f"{high} V", "nan V", "inf V", "1e9 V", "7 V"),
                "current_max": self.spoilt(most, "nan A", "-1 uA", "0 A", "inf A", "1e6 uA"),
                "time_factor": self.one_of(1.2, 1.5, 3.0),
            },
            "schedule": self.one_of(moves, [{"do": "loop", "times": times, "steps": moves}]),
        }

    def move(self, window: tuple[float, float], capacity: float) -> Written:
        """Return a hold."""
        do = self.one_of(
            "rest", "charge", "charge", "discharge", "discharge", "hold voltage", "charge and hold"
        )
        if do == "rest":
            long = f"{self.number(0.01, 200.0)} h"
            return {"do": do, "duration": self.spoilt(long, "0 h", "-1 h", "inf h")}
        target = round(float(self.draws.uniform(window[0] + 0.01, window[1] - 0.01)), 3)
        above = f"{window[1] + 0.05:.3f} V"
        volts = self.spoilt(f"{target} V", "-3 V", "1e9 V", "nan V", above)
        time = {
            "time": self.spoilt(f"{self.number(0.01, 60.0)} h", "-1 h", "0 h", "nan h", "900 h")
        }
        less = {"current": {"rate": self.spoilt("C/20", "C/0", "nan C", "-C/20")}}
        charge = {"charge": f"{self.number(0.1, 1.0) * capacity:.4g} uAh"}
        if do == "hold voltage":
            return {"do": do, "voltage": volts, "until": self.one_of([time], [less, time])}
        if do == "charge and hold":
            ends = self.one_of([less], [less, time])
            return {"do": do, "voltage": volts, "until": ends, **self.size(capacity)}
        sound = self.one_of(
            [{"voltage": volts}], [{"voltage": volts}, time], [charge], [time, charge]
        )
        empty = self.draws.random() < self.wrong / 4
        return {"do": do, "until": [] if empty else sound, **self.size(capacity)}

    def size(self, capacity: float) -> Written:
        """Return an amount of current."""
        rate = self.number(0.03, 3.0)
        written = f"C/{1 / rate:.4g}" if rate < 1 else f"{rate}C"
        by_rate = {
            "rate": self.spoilt(written, "1/0", "C/0", "-5C", "nanC", "infC", "1e9C", "fast")
        }
        amount = f"{rate * capacity:.4g} uA"
        by_current = {"current": self.spoilt(amount, "-7 uA", "0 A", "inf A", "nan A", "9e3 uA")}
        if self.draws.random() < self.wrong / 4:
            return self.one_of({}, {**by_rate, **by_current})
        return self.one_of(by_rate, by_current)


# -- what is made of them ---------------------------------------------------------------------


def refusal(written: Mapping[str, Any]) -> str:
    """Return why a protocol is refused before the cell is connected; empty if it is accepted."""
    try:
        step = Cycling.model_validate(written, context=WRITTEN)
    except ValidationError as error:
        return str(error.errors()[0]["msg"])
    planned = cycling_plan(0, step, {"potentiostat": LAB}).refusals
    told = [*planned, *refusals(step, DEVICE)]
    if told:
        return told[0]
    orders = Orders(step, DEVICE)
    for move in step.moves():
        try:
            now = _beginning(orders.order(move), step)
        except InputError as error:
            return str(error)
        if text := within_the_lab(now):
            return text
    return ""


def _beginning(order: Any, step: Cycling) -> Situation:
    nobody: Callable[[str], Any] = {}.__getitem__
    facts: Any = None
    return Situation("potentiostat.hold", (order,), False, None, LAB, step, nobody, facts)


@dataclass
class Tally:
    """How many of how many, and which went wrong."""

    safe: int = 0
    accepted: int = 0
    unsafe: int = 0
    refused: int = 0
    wrongly_refused: Counter[str] = field(default_factory=Counter)
    let_through: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)


def tally(number: int, seed: int = 0) -> Tally:
    """Draw protocols and count what is made of them."""
    dice, counted = Dice(seed), Tally()
    for _ in range(number):
        written = dice.protocol()
        why, said = Judge(written).verdict(), refusal(written)
        if why:
            counted.unsafe += 1
            counted.refused += bool(said)
            counted.reasons[why] += 1
            if not said:
                counted.let_through[why] += 1
        else:
            counted.safe += 1
            counted.accepted += not said
            if said:
                counted.wrongly_refused[said] += 1
    return counted


if __name__ == "__main__":
    counted = tally(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
    print(f"safe by the oracle: {counted.accepted} of {counted.safe} accepted (asked: 99 %)")
    print(f"unsafe by the oracle: {counted.refused} of {counted.unsafe} refused (asked: all)")
    for name in ("wrongly_refused", "let_through", "reasons"):
        for text, times in getattr(counted, name).most_common(SAMPLE):
            print(f"  {name.replace('_', ' ')}: {times} x {text}")
