"""Images and patterns of a simulated FIB under way: timed by the instrument itself.

When the process or the link goes away, an exposure goes on to its end by its own timer.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from pydantic import TypeAdapter

from drivers.errors import InstrumentFaultError
from drivers.fib import BeamName, Milling
from protocols.fib import BeamImage
from simulators.fib.beams import flow
from simulators.fib.chamber import Chamber
from simulators.fib.faults import next_change
from simulators.fib.fib_world import Event
from simulators.fib.work import Work

PROCESS_GONE = "process gone, ended by its own timer"
LINK_GONE = "link gone, ended by its own timer"
OPENED = "process gone, blanked when the instrument was opened again"


@dataclass
class Exposure:
    """An exposure under way."""

    number: int
    beam: BeamName
    current: float
    """As chosen, A."""
    begin: float
    """World time, s."""
    seconds: float
    tilt: float
    """Of the stage when it began, rad."""
    job: Milling | None = None
    image: BeamImage | None = None
    done: float = 0.0
    """Seconds of it that are over."""
    charge: float = 0.0
    """C that have flowed."""
    left_alone: str = ""
    """Why nobody steers it; empty while somebody does."""

    @property
    def end(self) -> float:
        """World time at which its own timer blanks the beam, s."""
        return round(self.begin + self.seconds, 6)

    @property
    def name(self) -> str:
        """What the ledger calls it."""
        return self.job.purpose if self.job is not None else f"{self.beam} image"


_EXPOSURE: TypeAdapter[Exposure | None] = TypeAdapter(Exposure | None)


class Exposures:
    """The two beams between column and specimen; at most one is unblanked."""

    def __init__(self, chamber: Chamber, work: Work) -> None:
        """Take up an exposure that a process left; it went on while nobody looked."""
        self._chamber, self._work, self._world = chamber, work, chamber.world
        self.running = _EXPOSURE.validate_python(self._world.get("running"))
        if self.running is not None:
            self.running.left_alone = self.running.left_alone or PROCESS_GONE
            self.catch_up()
        if self.running is not None:
            self.running.left_alone = OPENED
            self.end()

    def on(self, exposure: Exposure) -> None:
        """Unblank the beam."""
        self.end()
        exposure.number = self._world.count("begin") + 1
        exposure.begin = self._world.now()
        self.running = exposure
        note = "" if exposure.job is None else _JOB.dump_json(exposure.job).decode()
        begun = Event(
            "begin", exposure.begin, exposure.number, exposure.name, exposure.seconds, note=note
        )
        self._save(begun, *self._work.begin(exposure))

    def through(self, exposure: Exposure) -> Generator[tuple[float, float], None, None]:
        """Let the exposure run; yield seconds and charge (C) of each part that is over.

        The beam is blanked on every way out, unless the link is down.
        """
        self.on(exposure)
        longest = self._world.longest(exposure.seconds)
        while exposure.done < exposure.seconds - 2e-6:
            now = exposure.begin + exposure.done
            change = next_change(self._chamber.faults, now + 1e-6)
            self._world.wait_until(min(now + longest, exposure.end, change))
            before = exposure.done, exposure.charge
            self.flow(min(self._world.now(), exposure.end) - exposure.begin)
            yield exposure.done - before[0], exposure.charge - before[1]
            if self.running is not exposure:
                raise InstrumentFaultError("fib: the exposure was ended by another call")

    def flow(self, elapsed: float) -> None:
        """Have the running exposure reach `elapsed` seconds, whatever changes on the way."""
        exposure = self.running
        while exposure is not None and exposure.done < elapsed - 1e-9:
            begin = exposure.begin + exposure.done
            change = next_change(self._chamber.faults, begin + 1e-6) - exposure.begin
            self._part(exposure, min(elapsed, change))

    def _part(self, exposure: Exposure, until: float) -> None:
        seconds = until - exposure.done
        middle = exposure.begin + (exposure.done + until) / 2
        share = flow(self._chamber.settings, self._world.seed, exposure.beam, middle)
        charge = share * exposure.current * seconds
        events = self._work.part(exposure, until, share, middle)
        exposure.done = until
        exposure.charge += charge
        ions = exposure.beam == "ion"
        flown = Event(
            "beam",
            round(exposure.begin + until, 6),
            exposure.number,
            exposure.name,
            seconds,
            charge if ions else 0.0,
            0.0 if ions else charge,
            exposure.left_alone,
        )
        self._save(flown, *events)

    def leave_alone(self) -> None:
        """Note that the link is gone: the exposure goes on by its own timer."""
        if self.running is not None:
            self.running.left_alone = self.running.left_alone or LINK_GONE
            self._save()

    def catch_up(self) -> None:
        """Live through what the beam did since it was last looked at, if nobody steered it."""
        exposure = self.running
        if exposure is not None and exposure.left_alone:
            self.flow(min(self._world.now(), exposure.end) - exposure.begin)
            if self._world.now() >= exposure.end:
                self._blank(exposure)

    def end(self) -> None:
        """Blank the beam; may be repeated."""
        exposure = self.running
        if exposure is not None:
            self.flow(min(self._world.now(), exposure.end) - exposure.begin)
            self._blank(exposure)

    def _blank(self, exposure: Exposure) -> None:
        self.running = None
        t = round(exposure.begin + exposure.done, 6)
        self._save(Event("end", t, exposure.number, exposure.name, note=exposure.left_alone))

    def _save(self, *events: Event) -> None:
        with self._world.at_once():
            self._world.put("running", _EXPOSURE.dump_python(self.running, mode="json"))
            self._chamber.save(*events)


_JOB: TypeAdapter[Milling] = TypeAdapter(Milling)
