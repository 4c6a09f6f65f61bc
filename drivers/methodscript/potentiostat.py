"""A potentiostat that speaks MethodSCRIPT, with one cell on it.

Each hold is one script, which the device ends by itself: at its ends, at its own limits of time and
voltage, cell off. A script that ended by an error has not switched the cell off; the driver does,
and looks.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import replace
from functools import partial

from drivers.clock import wall_seconds
from drivers.errors import (
    InputError,
    InstrumentFaultError,
    LimitError,
    LinkError,
    NotRunningError,
)
from drivers.lab import DriverSpec, Identity, OpenRequest
from drivers.methodscript.codec import Ended, Event, Failed, Package
from drivers.methodscript.codes import meaning
from drivers.methodscript.scripts import TOLD_EVERY, hold_script
from drivers.methodscript.session import Look, Session, expect
from drivers.methodscript.settings import MethodScriptSettings
from drivers.methodscript.stream import Stream, open_since, volts_and_amperes
from drivers.methodscript.wire import Port
from drivers.potentiostat import (
    OVERLOAD,
    Held,
    HoldOrder,
    Potentiostat,
    PotentiostatLimits,
    PotentiostatSetup,
    PotentiostatStatus,
    Samples,
)

LOOK_EVERY = 0.05
"""Wall seconds of one wait for what the device sends."""
BLOCK = 0.25
"""Wall seconds between two blocks of samples."""
MANY = 25
"""Samples that make a block before that."""
FOREIGN = 4
"""Lines of data of another hold after which what runs is not the one that is looked for."""
LOOKED_JUST_NOW = 0.5
"""Wall seconds for which a look at a device at rest holds."""
_UNKNOWN = (math.nan, math.nan)
SIMULATED = "SIM"
"""How the serial numbers of simulated devices begin."""


class MethodScriptPotentiostat(Potentiostat):
    """A PalmSens EmStat4 or Nexus, or another device that speaks MethodSCRIPT."""

    def __init__(self, session: Session, settings: MethodScriptSettings) -> None:
        """Take a session, and connect.

        Raises:
            InputError: it is another device than the lab file names, or cannot be used.
            LinkError: nothing answers.
        """
        self._session, self._settings = session, settings
        self._speed = settings.rehearsal_speed
        self._stream: Stream | None = None
        self._looked = (-math.inf, Look(True, math.nan))
        self._heard = wall_seconds()
        self._closed = False
        self._given = False
        """A hold was given to the run, which keeps it before it asks for anything else."""
        self._open()

    def identity(self) -> Identity:
        """Return which device this is."""
        session = self._session
        simulated = session.serial.startswith(SIMULATED)
        return Identity("PalmSens", session.device.name, session.serial, simulated=simulated)

    def setup(self) -> PotentiostatSetup:
        """Return ranges, windows and uncertainties."""
        device, settings = self._session.device, self._settings
        return PotentiostatSetup(
            voltage_min=device.voltage_min,
            voltage_max=device.voltage_max,
            current_ranges=device.current_ranges,
            shortest_interval=settings.shortest_interval,
            current_offset=settings.current_offset,
            current_gain=settings.current_gain,
            voltage_offset=settings.voltage_offset,
            time_jitter=settings.time_jitter,
            ends_on_device=True,
        )

    def status(self) -> PotentiostatStatus:
        """Return voltage, current, cell switch and whether a hold runs.

        While a hold runs they are those of its newest sample.
        """
        self._open()
        self._acknowledge()
        if not self._session.running:
            return self._at_rest()
        if self._stream is None:
            return self._overheard()
        order, last = self._stream.order, self._stream.last
        volts, amperes, status = (
            (math.nan, math.nan, 0) if last is None else (last.voltage, last.current, last.status)
        )
        return PotentiostatStatus(
            cell_on=order.mode != "rest",
            running=True,
            voltage=volts,
            current=amperes,
            overload=bool(status & OVERLOAD),
            age=wall_seconds() - self._heard,
        )

    def charge_throughput(self) -> float | None:
        """Return None: such a device keeps no count over its holds."""
        return None

    def safe(self) -> None:
        """Cell off, verified by a measurement that the device refuses while it is on."""
        if self._closed:
            return
        self._open()
        self._stream, self._given = None, False
        self._note(self._session.cell_off())
        self._session.forget()

    def close(self) -> None:
        """Cell off, and let go of the port; may be repeated."""
        try:
            self.safe()
        finally:
            self._closed = True
            self._session.drop()

    def hold(self, order: HoldOrder) -> Generator[Samples, None, Held]:
        """Do one hold; when it is over the cell is at open circuit."""
        self._open()
        self._check(order)
        return self._hold(self._ranged(order))

    def take_up(self, order: HoldOrder, after: float) -> Generator[Samples, None, Held]:
        """Go on with a hold that the device itself still does, or whose end it still sends."""
        self._open()
        self._acknowledge()
        session = self._session
        stream = self._streams(self._ranged(order), after)
        stream.compared = True
        # what came is in the spool already, backlog included, unless nobody keeps one
        for event in session.spooled() or session.backlog:
            if isinstance(event, Package):
                stream.take(event)
        session.backlog = []
        if stream.held is not None or (session.running and self._hears(stream)):
            return self._follow(stream)
        self._note(session.cell_off())
        raise NotRunningError(
            "methodscript: the device does this hold no more and cannot tell how it ended; the "
            "cell is off"
        )

    # -- parts ------------------------------------------------------------------------------

    def _open(self) -> None:
        self._session.open()
        expect(self._session, self._settings.serial)

    def _acknowledge(self) -> None:
        """Have the device tell no more of a hold whose end the run has kept."""
        if self._given:
            self._given = False
            if self._session.running:
                self._session.stop()
            self._session.forget()

    def _note(self, look: Look) -> Look:
        self._looked = (wall_seconds(), look)
        return look

    def _at_rest(self) -> PotentiostatStatus:
        when, look = self._looked
        if wall_seconds() - when > LOOKED_JUST_NOW:
            look = self._note(self._session.look())
            when = wall_seconds()
        current = math.nan if look.cell_on else 0.0
        return PotentiostatStatus(
            look.cell_on, False, look.voltage, current, age=wall_seconds() - when
        )

    def _overheard(self) -> PotentiostatStatus:
        """Return what a script tells that nobody has taken up yet; what is heard is kept for it.

        One that only tells how its hold ended does nothing with the cell, which is open.
        """
        session = self._session
        until = wall_seconds() + self._settings.reply_time + self._between_tellings()
        while (heard := _newest(session.backlog)) is None and wall_seconds() < until:
            session.backlog += session.events(LOOK_EVERY)
        if heard is None:
            return PotentiostatStatus(True, True, math.nan, math.nan)
        rested, (volts, amperes) = open_since(heard), volts_and_amperes(heard) or _UNKNOWN
        if rested is not None:
            return PotentiostatStatus(False, False, rested, 0.0)
        return PotentiostatStatus(amperes != 0.0, True, volts, amperes)

    def _check(self, order: HoldOrder) -> None:
        """Refuse what the device cannot do, before the cell is connected."""
        device, serial = self._session.device, self._session.serial
        largest = device.current_ranges[-1]
        if not abs(order.current) <= largest:
            raise LimitError(
                f"methodscript {serial}: {order.current:.4g} A is outside the largest range of "
                f"{largest:.4g} A; lower it, or use another device"
            )
        if order.current_range and abs(order.current) > order.current_range * (1 + 1e-9):
            raise LimitError(
                f"methodscript {serial}: {order.current:.4g} A is outside the "
                f"{order.current_range:.4g} A range; choose a larger one"
            )
        asked = (order.voltage, order.end_voltage, order.voltage_min, order.voltage_max)
        for volts in asked:
            if volts is not None and not device.voltage_min <= volts <= device.voltage_max:
                raise LimitError(
                    f"methodscript {serial}: {volts:.4g} V is outside {device.voltage_min:g} to "
                    f"{device.voltage_max:g} V of this {device.name}; use another device"
                )
        if not (0 < order.seconds_max < math.inf and 0 < order.every < math.inf):
            raise LimitError("methodscript: seconds_max and every must be above 0 and finite")
        if order.mode != "rest" and not (device.driven and order.current):
            raise LimitError(
                f"methodscript {serial}: a {device.name} cannot drive a constant current; use an "
                "EmStat4 or a Nexus"
                if not device.driven
                else f"methodscript {serial}: a hold needs a current above 0"
            )

    def _ranged(self, order: HoldOrder) -> HoldOrder:
        """Return the order with one of the device's ranges in it."""
        wanted = max(order.current_range, abs(order.current))
        ranges = self._session.device.current_ranges
        full = next((each for each in ranges if each >= wanted * (1 - 1e-9)), ranges[-1])
        return replace(order, current_range=full)

    def _hold(self, order: HoldOrder) -> Generator[Samples, None, Held]:
        self._acknowledge()
        if self._session.running:  # it only tells the end of a hold that was kept
            self._session.stop()
        look = self._note(self._session.look())
        if look.cell_on:
            raise InstrumentFaultError(
                f"methodscript {self._session.serial}: the cell is on though no hold runs; look at "
                "what else uses the device"
            )
        if order.mode == "voltage":
            # it is approached by a current, the way in which the cell must go
            sign = 1.0 if (order.voltage or 0.0) >= look.voltage else -1.0
            order = replace(order, current=sign * abs(order.current))
        stream = self._streams(order, -math.inf)
        session = self._session
        session.start(hold_script(order, session.device, self._settings, session.serial))
        return (yield from self._follow(stream))

    def _streams(self, order: HoldOrder, after: float) -> Stream:
        device = self._session.device
        return Stream(order, self._settings, {**device.ranges, **device.driven}, after)

    def _hears(self, stream: Stream) -> bool:
        """Return whether what the device sends is this hold."""
        until = wall_seconds() + self._patience(stream) + self._between_tellings()
        before, foreign = stream.last, stream.dropped + FOREIGN
        while stream.last is before and stream.dropped < foreign and wall_seconds() < until:
            for event in self._session.events(LOOK_EVERY):
                if isinstance(event, Package):
                    stream.take(event)
        return stream.last is not before

    def _patience(self, stream: Stream) -> float:
        """Return for how many wall seconds the device may be silent."""
        return self._settings.reply_time + 3 * stream.beat / self._speed

    def _between_tellings(self) -> float:
        """Return wall seconds between two tellings of an end."""
        return TOLD_EVERY * self._settings.heartbeat / self._speed

    def _follow(self, stream: Stream) -> Generator[Samples, None, Held]:
        """Yield what comes of a hold until the device has ended it."""
        self._stream, session = stream, self._session
        self._heard = given = wall_seconds()
        over = self._is_over(stream, ended=not session.running)
        try:
            while not over:
                over = self._listen(stream)
                if stream.last is None and not over:
                    continue  # nothing is known of the cell yet: there is nothing to look at
                if over or stream.waiting >= MANY or wall_seconds() - given >= BLOCK:
                    given = wall_seconds()
                    yield stream.block()
            if stream.waiting:
                yield stream.block()
            held = self._told(stream)
            self._given = True
            return held
        finally:
            self._stream = None
            if not over and session.connected:
                self._note(session.cell_off())

    def _is_over(self, stream: Stream, *, ended: bool) -> bool:
        """True once the end is known, and the cell was open since or the device will say no more.

        An empty line ends a script, but may also be a line end too many: only with the end that the
        device tells it counts.
        """
        return stream.held is not None and (stream.open_voltage is not None or ended)

    def _listen(self, stream: Stream) -> bool:
        """Take what has come; True when the hold is over.

        Raises:
            InstrumentFaultError: it ended by an error.
            LinkError: nothing has come for too long.
        """
        session, ended = self._session, False
        for event in session.events(LOOK_EVERY):
            self._heard = wall_seconds()
            if isinstance(event, Package):
                stream.take(event)
            elif isinstance(event, Failed):
                session.running = False
                if stream.held is not None:
                    return True  # it does not measure the open cell: that is looked into
                raise InstrumentFaultError(
                    f"methodscript {session.serial}: the device ended the hold: "
                    f"{meaning(event.code)}. The cell is off"
                )
            elif isinstance(event, Ended):
                ended = True
        silent = wall_seconds() - self._heard
        session.running = session.running and not (ended and stream.held is not None)
        if self._is_over(stream, ended=ended or silent > self._settings.reply_time):
            return True
        if silent > self._patience(stream):
            raise LinkError(
                f"methodscript {session.serial}: nothing more has come for {silent:.1f} s; how the "
                "hold ended is not known, the cell is off. Check the cable, then go on"
            )
        return False

    def _told(self, stream: Stream) -> Held:
        """Return how a hold ended, once the cell was seen to be off."""
        if stream.open_voltage is not None:
            self._note(Look(False, stream.open_voltage))
        else:
            self._note(self._session.cell_off())
        assert stream.held is not None
        return stream.held


def _newest(events: Sequence[Event]) -> Package | None:
    """Return the newest sample in `events`."""
    for event in reversed(events):
        if isinstance(event, Package) and volts_and_amperes(event) is not None:
            return event
    return None


def _open(request: OpenRequest) -> MethodScriptPotentiostat:
    settings: MethodScriptSettings = request.settings
    if request.address is None:
        raise InputError(
            "methodscript: which port? Write its address, such as /dev/ttyUSB0, COM4 or "
            "socket://192.168.0.7:4000"
        )
    session = Session(partial(Port, request.address, settings), settings.reply_time, request.spool)
    try:
        device = MethodScriptPotentiostat(session, settings)
        if settings.rehearsal_speed != 1 and not device.identity().simulated:
            raise InputError(
                "methodscript: rehearsal_speed is for the simulated device; leave it out"
            )
    except BaseException:
        session.drop()
        raise
    return device


DRIVER = DriverSpec(
    role="potentiostat",
    summary="PalmSens EmStat4, Nexus and others that speak MethodSCRIPT, serial or TCP",
    settings=MethodScriptSettings,
    limits=PotentiostatLimits,
    open=_open,
)
