"""Cycling a cell: rests, currents, voltages and loops, with the limits that keep it safe.

Positive currents charge the cell. A nominal capacity says where it is from, because "1C" alone is
ambiguous: the paper's own numbers give 1.47 or 1.91 µAh for one cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from protocols.model import FlagPolicy, Step, Written, wrong
from protocols.units import (
    Amperes,
    AmperesPerSquareMetre,
    Coulombs,
    Seconds,
    SquareMetres,
    Volts,
    VoltsPerSecond,
)

CHARGE = "charge_throughput_C"
"""Name of the budget of charge passed, either way."""
_RATE = re.compile(r"^\s*(?:C\s*/\s*(\d+\.?\d*)|(\d+\.?\d*)\s*C)\s*$")
_RATE_EXAMPLE = "write it like C/10 or 5C"


def _rate(value: Any) -> float:
    """Return a C-rate per hour of the nominal capacity: 0.1 for C/10."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise wrong(f"{value!r} is not a C-rate; {_RATE_EXAMPLE}")
    if isinstance(value, str):
        match = _RATE.match(value)
        if match is None:
            raise wrong(f"{value!r} is not a C-rate; {_RATE_EXAMPLE}")
        if match[1] is not None and float(match[1]) == 0:
            raise wrong(f"{value!r} divides by nothing; {_RATE_EXAMPLE}")
        value = 1.0 / float(match[1]) if match[1] is not None else float(match[2])
    if not 0 < value < 1000:
        raise wrong(f"a C-rate of {value:g} is not above 0 and below 1000; {_RATE_EXAMPLE}")
    return float(value)


CRate = Annotated[
    float,
    BeforeValidator(_rate),
    WithJsonSchema(
        {"type": "string", "examples": ["C/10", "5C"], "title": "C-rate"}, mode="validation"
    ),
]
"""Charge or discharge current in nominal capacities per hour, written C/10 or 5C."""


class Nominal(Written):
    """What one capacity is, and where that is from."""

    capacity: Annotated[Coulombs, Field(gt=0)]
    """Charge of the whole cell; written `1.47 uAh`."""
    basis: Annotated[str, Field(min_length=3)]
    """How it was found: by area, by mass, measured."""
    source: Annotated[str, Field(min_length=3)]
    """Where the figures are from."""


class Size(Written):
    """An amount of current: exactly one of the three."""

    current: Annotated[Amperes, Field(gt=0)] | None = None
    """In amperes."""
    rate: CRate | None = None
    """In nominal capacities per hour."""
    density: Annotated[AmperesPerSquareMetre, Field(gt=0)] | None = None
    """Per area of the electrode; needs the step's `area`."""

    @model_validator(mode="after")
    def _one_size(self) -> Size:
        given = [name for name in ("current", "rate", "density") if getattr(self, name) is not None]
        if len(given) != 1:
            has = " and ".join(given) or "none"
            raise wrong(f"give one of current, rate and density; it has {has}")
        return self


class End(Written):
    """One condition that ends a hold: exactly one of these."""

    voltage: Volts | None = None
    """Reached or passed, in the direction of the current."""
    current: Size | None = None
    """The current's amount has fallen to this."""
    time: Annotated[Seconds, Field(gt=0)] | None = None
    """Since the hold began."""
    charge: Annotated[Coulombs, Field(gt=0)] | None = None
    """Passed since the hold began."""
    slope: Annotated[VoltsPerSecond, Field(gt=0)] | None = None
    """The voltage changes no faster than this."""

    @model_validator(mode="after")
    def _one_condition(self) -> End:
        if len(self.model_dump(exclude_none=True)) != 1:
            raise wrong("an end has exactly one of voltage, current, time, charge and slope")
        return self


class Recording(Written):
    """When a sample is kept: whichever comes first."""

    every: Annotated[Seconds, Field(gt=0)]
    """At most this long after the last one."""
    voltage_change: Annotated[Volts, Field(gt=0)] | None = None
    """Since the last one."""
    current_change: Annotated[Amperes, Field(gt=0)] | None = None
    """Since the last one."""


OnResume = Literal["go on", "again", "next", "ask"]
"""What becomes of a hold that was cut off and that the device does not do any more: go on with the
charge and time already passed, do it again from its beginning, take the next, or ask."""


class Hold(Written):
    """What every hold has."""

    name: str | None = None
    """A name of your own."""
    record: Recording | None = None
    """When samples are kept; left out, the protocol's."""
    on_resume: OnResume = "go on"
    """What becomes of it when it was cut off."""


class Rest(Hold):
    """Open circuit."""

    do: Literal["rest"] = "rest"
    duration: Annotated[Seconds, Field(gt=0)]
    """How long."""
    slope: Annotated[VoltsPerSecond, Field(gt=0)] | None = None
    """End earlier when the voltage changes no faster than this."""


class ConstantCurrent(Size, Hold):
    """A constant current until one of its ends."""

    do: Literal["charge", "discharge"]
    until: Annotated[tuple[End, ...], Field(min_length=1)]
    """Any of them ends it; a voltage or a charge should be among them."""


class ConstantVoltage(Hold):
    """A constant voltage until one of its ends."""

    do: Literal["hold voltage"] = "hold voltage"
    voltage: Volts
    """Of the cell."""
    until: Annotated[tuple[End, ...], Field(min_length=1)]
    """Any of them ends it."""


class CurrentThenVoltage(Size, Hold):
    """CC-CV as one action: a constant current to a voltage, which is then held."""

    do: Literal["charge and hold", "discharge and hold"]
    voltage: Volts
    """Where the current goes over to a constant voltage."""
    until: Annotated[tuple[End, ...], Field(min_length=1)]
    """Ends of the constant voltage; `current` is the usual one."""


class Pulse(Size, Hold):
    """A short current and the rest after it: its resistance is told."""

    do: Literal["charge pulse", "discharge pulse"]
    duration: Annotated[Seconds, Field(gt=0, le=600)]
    """Of the current."""
    rest: Annotated[Seconds, Field(gt=0)]
    """After it."""


class EfficiencyBelow(Written):
    """Stop a loop when the efficiency was below a value for some cycles."""

    efficiency_below: Annotated[float, Field(gt=0, lt=1.5)]
    """Coulombic efficiency, discharge over charge."""
    cycles: Annotated[int, Field(ge=1)] = 3
    """So many in a row; interrupted ones do not count."""


class Loop(Written):
    """Holds done again and again."""

    do: Literal["loop"] = "loop"
    times: Annotated[int, Field(ge=1, le=100_000)]
    """How often in all."""
    counts_as_cycle: bool = True
    """Each time round is a cycle of the cell: it has a capacity and an efficiency."""
    steps: Annotated[tuple[AnyMove, ...], Field(min_length=1)]
    """What is done each time."""
    stop: EfficiencyBelow | None = None
    """Ends the loop early."""


AnyMove = Annotated[
    Rest | ConstantCurrent | ConstantVoltage | CurrentThenVoltage | Pulse | Loop,
    Field(discriminator="do"),
]
Loop.model_rebuild()


class Safety(Written):
    """Limits that end everything, cell off; each is also set on the device."""

    voltage_min: Volts
    """Of the cell."""
    voltage_max: Volts
    """Of the cell."""
    current_max: Annotated[Amperes, Field(gt=0)]
    """Either way."""
    charge_factor: Annotated[float, Field(gt=1, le=3)] = 1.2
    """Of the nominal capacity, or of the last charge where that is known: more in one hold is a
    short that charges for ever."""
    time_factor: Annotated[float, Field(gt=1, le=5)] = 1.5
    """Of the time that a hold is expected to take."""


class PreFlight(Written):
    """What the cell must look like before it is connected to a current."""

    voltage_min: Volts
    """Lowest open-circuit voltage."""
    voltage_max: Volts
    """Highest open-circuit voltage."""
    drift_max: Annotated[VoltsPerSecond, Field(gt=0)] = 1e-3
    """Fastest drift of it."""
    rest: Annotated[Seconds, Field(gt=0)] = 10.0
    """For which it is watched."""
    pulse: Size | None = None
    """A small current that tells the resistance and the sign; left out, no pulse."""
    resistance_max: Annotated[float, Field(gt=0)] = 1e6
    """Ohm: above it the cell is taken for open."""


class CyclingFlags(Written):
    """What the flags of a cycling do."""

    soft_short: FlagPolicy = "stop"
    """Voltage spikes or a charge that never ends."""
    contact_lost: FlagPolicy = "stop"
    """The voltage runs to its limit with no charge passed."""
    overload: FlagPolicy = "stop"
    """The current is beyond its range."""
    efficiency: FlagPolicy = "note"
    """The efficiency has fallen (CUSUM)."""
    fade: FlagPolicy = "note"
    """The capacity falls faster than before: a knee."""
    resistance: FlagPolicy = "note"
    """The resistance has risen."""


class Cycling(Step):
    """Cycle one cell."""

    kind: Literal["cycling"] = "cycling"
    nominal: Nominal
    """What 1C is."""
    also: tuple[Nominal, ...] = ()
    """Other capacities that the same source allows; shown beside the one that is used."""
    area: Annotated[SquareMetres, Field(gt=0)] | None = None
    """Of the electrode."""
    record: Recording
    """When samples are kept, where a hold says nothing else."""
    safety: Safety
    """Limits that end everything."""
    pre_flight: PreFlight | None = None
    """What is looked at before the first current; left out, the cell is trusted."""
    schedule: Annotated[tuple[AnyMove, ...], Field(min_length=1)]
    """What is done, in order."""
    flags: CyclingFlags = CyclingFlags()
    """What flags do."""

    @model_validator(mode="after")
    def _consistent(self) -> Cycling:
        safety = self.safety
        if safety.voltage_min >= safety.voltage_max:
            raise wrong("safety: voltage_min is not below voltage_max; exchange them")
        for move in self.moves():
            self._within_safety(move)
        return self

    def _within_safety(self, move: Any) -> None:
        where = move.name or move.do
        if isinstance(move, Size):
            amount = self.amperes(move)
            if amount > self.safety.current_max * (1 + 1e-9):
                raise wrong(
                    f"{where}: {amount:.4g} A is above safety.current_max "
                    f"{self.safety.current_max:.4g} A; lower it, or raise the limit if cell and "
                    "instrument bear it"
                )
        ends = getattr(move, "until", ())
        targets = [end.voltage for end in ends if end.voltage is not None]
        targets += [move.voltage] if hasattr(move, "voltage") else []
        for volts in targets:
            if not self.safety.voltage_min <= volts <= self.safety.voltage_max:
                raise wrong(
                    f"{where}: {volts:g} V is outside safety, {self.safety.voltage_min:g} to "
                    f"{self.safety.voltage_max:g} V; the target must lie inside"
                )

    @property
    def budgets(self) -> dict[str, float]:
        """Charge that all holds may pass, each as much as the safety's factor allows, twice."""
        each = self.safety.charge_factor**2 * self.nominal.capacity
        return {CHARGE: each * (1 + _driven(self.schedule))}

    def moves(self) -> Iterator[Any]:
        """Yield every hold once, those within loops too."""
        waiting = list(self.schedule)
        while waiting:
            move = waiting.pop(0)
            if isinstance(move, Loop):
                waiting = [*move.steps, *waiting]
            else:
                yield move

    def amperes(self, size: Size) -> float:
        """Return an amount of current in A, by the nominal capacity or the area.

        Raises:
            PydanticCustomError: it is per area, and the step has none.
        """
        if size.current is not None:
            return size.current
        if size.rate is not None:
            return size.rate * self.nominal.capacity / 3600.0
        if self.area is None:
            raise wrong("density needs the step's area; add it, such as area: 4.9 mm^2")
        return float(size.density or 0.0) * self.area


def _driven(moves: Sequence[Any]) -> int:
    """Return how many holds with a current a schedule has in all."""
    return sum(
        move.times * _driven(move.steps) if isinstance(move, Loop) else not isinstance(move, Rest)
        for move in moves
    )
