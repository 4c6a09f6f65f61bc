"""The ion gun of a simulated XPS: on, off, and what it does when nobody steers it.

Its controller has a dead man's switch: where the link or the process is gone, it takes the ions off
the specimen after at most a second. Its own timer counts the seconds with ions on the specimen, and
what they did is in the world's ledger.
"""

from __future__ import annotations

import json
import math
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, replace

from drivers.errors import InstrumentFaultError
from protocols.xps import Etch
from simulators.faults import Scheduled
from simulators.xps.faults import EmissionDrops, GunTrips, WrongRaster, at, next_change
from simulators.xps.sputtering import REFERENCE_ENERGY
from simulators.xps.xps_world import Crater, Event, XpsWorld

DEAD_MAN = 1.0
"""Seconds for which ions go on without a link; ours."""
EMISSION = 10e-3
"""A, of the gun's filament; ours."""
ION_SPOT = 0.3e-3
"""m, full width of the ion beam: the crater's edge is as wide; ours."""
SPOT = 0.3e-3, 0.7e-3
"""m: width and height of the analysed spot, as published."""
LINK_GONE, PROCESS_GONE = "link gone, off by the dead man's switch", "process gone, likewise"


@dataclass
class Running:
    """An etch with ions on the specimen."""

    number: int
    key: str
    etch: Etch
    begin: float
    """World time at which the ions came on, s."""
    x: float
    y: float
    done: float = 0.0
    """Seconds that are in the ledger."""


class Gun:
    """The ion gun and what its ions do to the specimen."""

    def __init__(self, world: XpsWorld, faults: Sequence[Scheduled]) -> None:
        """Take up the gun; an etch that a process left is lived through."""
        self._world, self._faults = world, faults
        self.running: Running | None = None
        left = world.left_running()
        if left and left[0].kind == "etch":
            self._live_through(left)

    def _live_through(self, events: Sequence[Event]) -> None:
        first = events[0]
        etch = Etch.model_validate_json(first.note.partition(" ")[2])
        x, y = (float(part) for part in first.note.partition(" ")[0].split(","))
        done = math.fsum(event.seconds for event in events if event.kind == "ions")
        self.running = Running(first.number, first.of, etch, first.t, x, y, done)
        self.left_alone(PROCESS_GONE)

    def through(self, etch: Etch, key: str, x: float, y: float) -> Generator[float, None, None]:
        """Have ions on the specimen; yield seconds so far. They are off on every way out.

        Raises:
            InstrumentFaultError: the gun tripped.
        """
        self._check()
        begin = self._world.now()
        running = Running(self._world.count("etch") + 1, key, etch, begin, x, y)
        self.running = running
        note = f"{x!r},{y!r} {etch.model_dump_json()}"
        self._world.record(Event("etch", begin, running.number, key, etch.duration, note=note))
        while running.done < etch.duration - 1e-6:
            now = begin + running.done
            change = next_change(self._faults, now + 1e-6)
            self._world.wait_until(
                min(now + self._world.longest(), round(begin + etch.duration, 6), change)
            )
            self.catch_up()
            self._check()
            yield running.done
            if self.running is not running:
                raise InstrumentFaultError("xps: the etch was ended by another call")
        self.off()

    def _check(self) -> None:
        if at(self._faults, GunTrips, self._world.now()):
            done = self.running.done if self.running else 0.0
            self.off()
            raise InstrumentFaultError(
                f"xps: the ion gun has tripped after {done:.1f} s of etching; reset it at its "
                "controller, then go on: its timer holds what was done"
            )

    def catch_up(self) -> None:
        """Have the ions do what they did until now."""
        running = self.running
        if running is not None:
            self._flow(min(self._world.now() - running.begin, running.etch.duration))

    def off(self) -> None:
        """Take the ions off the specimen; may be repeated."""
        if self.running is not None:
            self.catch_up()
            self._end()

    def left_alone(self, note: str = LINK_GONE) -> None:
        """Have the dead man's switch take the ions off."""
        running = self.running
        if running is not None:
            self._flow(min(running.done + DEAD_MAN, running.etch.duration), note)
            self._world.live_until(running.begin + running.done)
            self._end()

    def _flow(self, elapsed: float, note: str = "") -> None:
        running = self.running
        while running is not None and running.done < elapsed - 1e-9:
            now = running.begin + running.done
            if at(self._faults, GunTrips, now):
                return
            until = min(elapsed, next_change(self._faults, now + 1e-6) - running.begin)
            self._part(running, until, note)

    def _part(self, running: Running, until: float, note: str) -> None:
        middle = running.begin + (running.done + until) / 2
        crater = self._world.crater(running.x, running.y)
        seconds, after = until - running.done, running.begin + until
        drop = at(self._faults, EmissionDrops, middle)
        raster = at(self._faults, WrongRaster, middle)
        current = running.etch.current * (drop.to if drop else 1.0)
        dose, crater = etched(crater, running.etch, current * seconds, raster.to if raster else 1.0)
        crater = replace(crater, seconds=crater.seconds + seconds, clean_since=after)
        flown = Event("ions", round(after, 6), running.number, running.key, seconds, dose, note)
        running.done = until
        self._world.record(flown, crater)

    def _end(self) -> None:
        running = self.running
        self.running = None
        if running is not None:
            t = round(running.begin + running.done, 6)
            crater = json.dumps(asdict(self._world.crater(running.x, running.y)))
            self._world.record(Event("etched", t, running.number, running.key, note=crater))

    def emission(self, t: float) -> float:
        """Return the emission (A) of the gun's filament at the world time `t` (s)."""
        if at(self._faults, GunTrips, t):
            return 0.0
        drop = at(self._faults, EmissionDrops, t)
        return EMISSION * (drop.to if drop else 1.0)


def etched(crater: Crater, etch: Etch, charge: float, raster: float) -> tuple[float, Crater]:
    """Return the dose (C/m²) in the middle and the crater after ions of a charge (C).

    A raster that does not cover the analysed spot leaves a rest of it as it was. The sputter yield
    goes as the square root of the ions' energy, about [lit].
    """
    width, height = etch.raster_width * raster, etch.raster_height * raster
    dose = charge / (width * height)
    usual = dose * math.sqrt(etch.energy / REFERENCE_ENERGY)
    flat_width, flat_height = (
        max(0.0, min(1.0, (side - ION_SPOT) / spot))
        for side, spot in zip((width, height), SPOT, strict=True)
    )
    edge = 1.0 - flat_width * flat_height
    return dose, replace(
        crater,
        inner=crater.inner + usual,
        outer=crater.outer + (usual if edge == 0 else 0.0),
        edge=max(crater.edge, edge),
        fluence=crater.fluence + dose,
    )
