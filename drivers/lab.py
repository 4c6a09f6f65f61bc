"""Labs: which driver stands for which instrument, with its address and limits, and one clock.

A lab file names instruments by role (`stem`, `fib` ...). Drivers are found by their entry points in
the group `liftline.drivers`, so that anyone's package can add one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from drivers.clock import Clock, JumpingClock, RealClock, ScaledClock, ServedClock, ToldTime
from drivers.ledger import Ledger
from protocols.errors import InputError
from protocols.model import Written
from protocols.units import closest

if TYPE_CHECKING:
    from collections.abc import Callable

GROUP = "liftline.drivers"
DEAD_MAN = 3.0
"""s without a sign of its controller after which a served lab closes what runs; ours."""


@dataclass(frozen=True)
class Identity:
    """Which instrument a driver speaks to."""

    make: str
    model: str
    serial: str
    simulated: bool
    recorded: bool = False
    """True for data recorded earlier and played again."""


@dataclass(frozen=True)
class OpenRequest:
    """What a driver gets to open its instrument."""

    role: str
    address: str | None
    settings: Any
    """The driver's own settings, checked by its model."""
    limits: Any
    clock: Clock
    seed: int
    world: Path | None
    """File in which a simulated instrument keeps its world, and a recording its place; None keeps
    it in memory only."""
    keep: Callable[[str, str], None]
    """(file name, text) -> None: keep a file beside the run, such as the specimen as used."""
    beside: Mapping[str, Driver] = field(default_factory=dict)
    """Drivers of the lab that are open already, by role; those named by `DriverSpec.after`."""
    spool: Path | None = None
    """File in which a driver may keep what its instrument tells only once, until the run has it."""
    run: str = ""
    """Name of the run, for others who ask who holds the instrument."""


@dataclass(frozen=True)
class Met:
    """What the computer of an instrument told of it before anything is planned."""

    limits: Written
    """The limits are that computer's to keep."""
    simulated: bool
    recorded: bool
    time: ToldTime
    """What its clock shows."""


@dataclass(frozen=True)
class DriverSpec:
    """What an entry point of the group `liftline.drivers` loads to."""

    role: str | None
    """Which instrument it is: stem, fib, xps, potentiostat, cryo; None for any of them."""
    summary: str
    settings: type[Written]
    limits: type[Written]
    open: Callable[[OpenRequest], Driver]
    simulated: bool = False
    recorded: bool = False
    """True for data recorded earlier: nothing is exposed, and time may be hurried."""
    after: str | None = None
    """Role of the instrument in which this one is, such as a cold stage in a microscope."""
    ledger: Callable[[Path], Ledger] | None = None
    """Of a simulator that keeps a world: reads what really happened from that file."""
    meet: Callable[[Chosen], Met] | None = None
    """Asks the computer on which the instrument is, where that is another one; nothing moves."""


class Driver(Protocol):
    """What every driver can do, whatever its instrument."""

    def identity(self) -> Identity:
        """Return which instrument this is."""
        ...

    def safe(self) -> None:
        """Leave the instrument safe; may be repeated."""
        ...

    def close(self) -> None:
        """Let go of the instrument, safe."""
        ...


@runtime_checkable
class Remembering(Protocol):
    """What a driver can do whose instrument's computer goes on when a run is cut off."""

    def remembers(self, method: str) -> str | None:
        """Return, in words, what that computer did with the call of `method` that was cut off."""
        ...


class NoLimits(Written):
    """Limits of an instrument whose own computer keeps them."""


class NoSettings(Written):
    """Settings of a driver that has none."""


@dataclass(frozen=True)
class Chosen:
    """One instrument of a lab, with its driver found and its settings checked."""

    role: str
    driver: str
    spec: DriverSpec
    address: str | None
    settings: Written
    limits: Written
    limits_as_begun: Mapping[str, Any] | None = None
    """With which a run began, where the instrument's own computer keeps them."""


@dataclass(frozen=True)
class Lab:
    """A lab that has been read and checked, not yet opened."""

    name: str
    clock: str | float
    instruments: tuple[Chosen, ...]
    storage_limit_mb: float | None = None
    dead_man: float = DEAD_MAN
    time: ToldTime | None = None
    """What the clock shows of the computer that serves the instruments, if it is the lab's."""

    @property
    def simulated(self) -> bool:
        """True when every instrument is a simulator."""
        return all(chosen.spec.simulated for chosen in self.instruments)

    def chosen(self, role: str) -> Chosen:
        """Return the instrument of a role.

        Raises:
            KeyError: the lab has none.
        """
        return {each.role: each for each in self.instruments}[role]

    def only(self, roles: Collection[str]) -> Lab:
        """Return the lab with none but these of its instruments."""
        return replace(
            self, instruments=tuple(each for each in self.instruments if each.role in roles)
        )

    def in_order(self) -> list[Chosen]:
        """Return the instruments in the order in which they are opened."""
        return sorted(self.instruments, key=lambda chosen: bool(chosen.spec.after))

    def written(self) -> str:
        """Return the lab file as used, every default spelled out (SI numbers, JSON is YAML)."""
        import json

        entries = {
            chosen.role: {
                "driver": chosen.driver,
                "address": chosen.address,
                "limits": chosen.limits.model_dump(mode="json"),
                "settings": chosen.settings.model_dump(mode="json"),
            }
            for chosen in self.instruments
        }
        lab = {
            "name": self.name,
            "clock": self.clock,
            "storage_limit_mb": self.storage_limit_mb,
            "dead_man": self.dead_man,
            "instruments": entries,
        }
        return json.dumps(lab, indent=1) + "\n"

    def with_settings(self, role: str, **changed: Any) -> Lab:
        """Return the lab with some settings of one instrument changed and checked again."""
        instruments = tuple(
            replace(
                chosen,
                settings=chosen.spec.settings.model_validate(
                    {**chosen.settings.model_dump(), **changed}
                ),
            )
            if chosen.role == role
            else chosen
            for chosen in self.instruments
        )
        return replace(self, instruments=instruments)


def known_drivers() -> dict[str, DriverSpec]:
    """Return every installed driver by name."""
    return {point.name: point.load() for point in entry_points(group=GROUP)}


def spec_of(name: str) -> DriverSpec:
    """Return the driver of that name.

    Raises:
        ValueError: none of that name is installed; the message lists those that are.
    """
    points = {point.name: point for point in entry_points(group=GROUP)}
    if name not in points:
        raise ValueError(
            f"no driver {name!r} is installed{closest(name, list(points))}\n"
            f"installed: {', '.join(sorted(points))}"
        )
    spec: DriverSpec = points[name].load()
    return spec


def simulated_lab(roles: Mapping[str, Mapping[str, Any]], clock: str | float = "jumping") -> Lab:
    """Return the built-in lab: a simulator for each role, with the settings given for it."""
    return Lab("built-in simulators", clock, tuple(_simulator(r, s) for r, s in roles.items()))


def _simulator(role: str, settings: Mapping[str, Any], limits: Written | None = None) -> Chosen:
    name = f"simulated-{role}"
    try:
        spec = spec_of(name)
    except ValueError as error:
        raise InputError(f"there is no simulator for {role}: {error}") from None
    return Chosen(
        role,
        name,
        spec,
        None,
        spec.settings.model_validate(settings),
        limits or spec.limits(),
    )


def dry(lab: Lab) -> Lab:
    """Return the lab with every instrument swapped for its simulator; its limits stay."""
    swapped = tuple(
        chosen
        if chosen.spec.simulated
        else _simulator(chosen.role, {}, None if chosen.spec.meet else chosen.limits)
        for chosen in lab.instruments
    )
    return replace(lab, name=f"{lab.name} (dry)", clock="jumping", instruments=swapped)


def met(lab: Lab) -> Lab:
    """Return the lab with what the computers of its instruments tell of them; nothing moves.

    Raises:
        LiftlineError: one cannot be reached, does not have the instrument, or keeps other limits
            than those with which the run began.
    """
    instruments, times = [], {}
    for chosen in lab.instruments:
        if chosen.spec.meet is None:
            instruments.append(chosen)
            continue
        told = chosen.spec.meet(chosen)
        _same_limits(chosen, told.limits)
        spec = replace(chosen.spec, simulated=told.simulated, recorded=told.recorded)
        instruments.append(replace(chosen, spec=spec, limits=told.limits))
        times[chosen.address] = told.time
    if lab.clock != "served":
        return replace(lab, instruments=tuple(instruments))
    if len(times) > 1:
        raise InputError(
            f"clock: served is the clock of one computer; this lab has {len(times)} "
            f"({', '.join(map(str, times))}). Write clock: real"
        )
    return replace(lab, instruments=tuple(instruments), time=next(iter(times.values())))


def _same_limits(chosen: Chosen, now: Written) -> None:
    """Refuse to go on under other limits than a run began with.

    Raises:
        InputError: it names them.
    """
    begun, told = chosen.limits_as_begun, now.model_dump(mode="json")
    if begun is None or begun == told:
        return
    changed = [
        f"{name} was {begun.get(name)}, is {told.get(name)}"
        for name in sorted({*begun, *told})
        if begun.get(name) != told.get(name)
    ]
    raise InputError(
        f"{chosen.role}: the limits that {chosen.address} keeps are not those with which this run "
        f"began: {'; '.join(changed)}. Set them back there, or start a new run"
    )


def make_clock(
    kind: str | float,
    start: float = 0.0,
    utc: datetime | None = None,
    told: ToldTime | None = None,
) -> Clock:
    """Return the clock that a lab file asks for, going on from `start` and `utc` if simulated.

    Raises:
        InputError: it is another computer's, and what that one `told` is missing.
    """
    if kind == "real":
        return RealClock()
    if kind == "served":
        if told is None:
            raise InputError("clock: served is for a run of its own; write clock: real")
        return ServedClock(told)
    if kind == "jumping":
        return JumpingClock(start, utc)
    return ScaledClock(float(kind), start, utc)
