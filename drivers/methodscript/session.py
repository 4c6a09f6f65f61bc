"""One connection with a device: what it is, scripts, and the cell switched off and looked at.

Deadlines are wall seconds by the monotonic clock, whatever the device trickles.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from drivers.clock import wait_a_moment, wall_seconds
from drivers.errors import (
    InputError,
    InstrumentFaultError,
    LinkError,
    ReadbackError,
    StorageError,
)
from drivers.methodscript.codec import (
    Accepted,
    Echo,
    Ended,
    Event,
    Failed,
    Firmware,
    Garbage,
    NotAccepted,
    Package,
    Refused,
    Release,
    Replies,
    Serial,
    Text,
)
from drivers.methodscript.codes import CELL_IS_ON, NOTHING_RUNS, meaning
from drivers.methodscript.devices import Device, device_of
from drivers.methodscript.scripts import CELL_OFF, look_script
from drivers.methodscript.wire import Wire

TRIES = 4
"""How often what may be repeated is asked for."""
AFTER_AN_ERROR = 0.1
"""Wall seconds in which a device ignores what is sent after an error: 50 to 100 ms [read]."""
POLL = 0.05
"""Wall seconds of one look at the wire."""


@dataclass(frozen=True)
class Look:
    """What a device without a script shows."""

    cell_on: bool
    voltage: float
    """V; NaN where it does not say."""


class Session:
    """A device on a wire."""

    def __init__(
        self, connect: Callable[[], Wire], reply_time: float, spool: Path | None = None
    ) -> None:
        """Take how to connect; nothing is sent yet.

        Args:
            connect: opens a wire.
            reply_time: wall seconds within which a device answers.
            spool: file of all that came since the last hold began: a device tells it once, and
                this process may end before its run has kept it.
        """
        self._connect, self._spool = connect, spool
        self._reply_time = reply_time
        self._wire: Wire | None = None
        self._replies = Replies()
        self._waiting: deque[Event] = deque()
        self.backlog: list[Event] = []
        """What came before the device said what it is: of a script that nobody read."""
        self.running = False
        """A script runs, as far as we know."""
        self.code, self.firmware, self.serial = "", "", ""
        self._deaf_until = 0.0
        """Wall time until which the device does not hear."""
        self.dropped = 0
        """Lines outside the grammar, or that nobody asked for."""

    # -- the connection ---------------------------------------------------------------------

    def open(self) -> None:
        """Connect and ask what it is; a script that runs goes on.

        Raises:
            LinkError: nothing answers as such a device does.
        """
        if self._wire is not None:
            return
        self._wire = self._connect()
        self._replies, self._waiting, self.backlog = Replies(), deque(), []
        try:
            self._hail()
        except BaseException:
            self.drop()
            raise

    def spooled(self) -> list[Event]:
        """Return what came since the last hold began, also to a process that ended since."""
        if self._spool is None or not self._spool.exists():
            return []
        return list(Replies().feed(self._spool.read_bytes()))

    def forget(self) -> None:
        """Empty the spool: the run has what it needs of it.

        Raises:
            StorageError: it cannot be written.
        """
        if self._spool is None:
            return
        try:
            self._spool.write_bytes(b"")
        except OSError as error:
            raise StorageError(
                f"{self._spool} cannot be written: {error}; make room, then go on"
            ) from error

    def drop(self) -> None:
        """Let go of the connection; a script goes on to its own end. May be repeated."""
        wire, self._wire = self._wire, None
        if wire is not None:
            with suppress(OSError):
                wire.close()

    @property
    def connected(self) -> bool:
        """The connection stands, as far as we know."""
        return self._wire is not None

    @property
    def device(self) -> Device:
        """What the device can do.

        Raises:
            InputError: it cannot be used.
        """
        return device_of(self.code, self.firmware)

    def _hail(self) -> None:
        """Find out which device it is, and whether it does something."""
        for last in (*[False] * (TRIES - 1), True):
            self._send("t")
            firmware = self._await((Firmware,), self.backlog)
            if isinstance(firmware, Firmware) and self._await((Release,), self.backlog):
                self.code, self.firmware = firmware.device, firmware.version
                break
            if last:
                raise LinkError(
                    "methodscript: no answer to `t` that such a device gives; is this its port, "
                    "and is it switched on?"
                )
            self._sync(hard=len(self.backlog) == 0)
        self._ask_serial()

    def _sync(self, *, hard: bool) -> None:
        """End a line or a script that was half sent; `hard` also aborts what runs unheard."""
        self._send("")
        if hard:
            self._send("Z")
        self._await((Ended, Refused, NotAccepted), self.backlog)

    def _ask_serial(self) -> None:
        for _ in range(TRIES):
            self._send("i")
            told = self._await((Serial, Refused), self.backlog)
            if isinstance(told, Serial):
                self.serial, self.running = told.number, False
                return
            if isinstance(told, Refused):
                self.running = True
                heard = self._await((Text,), self.backlog)
                if isinstance(heard, Text):
                    self.backlog.append(heard)
                    self.serial = heard.text
                    return
                self._send("Z")  # silent, or not of ours: it is ended
                self._await((Ended,), self.backlog)
        raise LinkError("methodscript: the device does not tell its serial number; restart it")

    # -- events -----------------------------------------------------------------------------

    def events(self, timeout: float) -> Iterator[Event]:
        """Yield what has come, waiting for it `timeout` wall seconds at most.

        Raises:
            LinkError: the connection is broken.
        """
        self._receive(timeout)
        while self._waiting:
            yield self._waiting.popleft()

    def _await(self, kinds: tuple[type, ...], others: list[Event] | None = None) -> Event | None:
        """Return the next event of a kind; None if none comes in time. Others are kept, or not."""
        until = wall_seconds() + self._reply_time
        while True:
            while self._waiting:
                event = self._waiting.popleft()
                if isinstance(event, kinds):
                    return event
                self.dropped += isinstance(event, Garbage)
                if others is not None:
                    others.append(event)
            left = until - wall_seconds()
            if left <= 0:
                return None
            self._receive(min(left, POLL))

    def _receive(self, timeout: float) -> None:
        if self._wire is None:
            raise LinkError("methodscript: the connection was lost; check the cable, then go on")
        if self._waiting:
            timeout = 0.0
        try:
            data = self._wire.receive(timeout)
        except OSError as error:
            raise self._lost(error) from None
        if self._spool is not None and data:
            # a full disk keeps nobody from hearing that a cell is off; the run says so itself
            with suppress(OSError), self._spool.open("ab") as file:
                file.write(data)
        events = self._replies.feed(data)
        if any(isinstance(event, (Refused, NotAccepted, Failed)) for event in events):
            self._deaf_until = wall_seconds() + AFTER_AN_ERROR
        self._waiting.extend(events)

    def _send(self, text: str) -> None:
        if self._wire is None:
            raise LinkError("methodscript: the connection was lost; check the cable, then go on")
        wait_a_moment(max(0.0, self._deaf_until - wall_seconds()))
        try:
            self._wire.send(text.encode("ascii") + b"\n")
        except OSError as error:
            raise self._lost(error) from None

    def _lost(self, error: OSError) -> LinkError:
        self.drop()
        return LinkError(
            f"methodscript: the connection was lost ({error}); the device ends its hold by itself. "
            "Check cable and power, then go on"
        )

    # -- scripts ----------------------------------------------------------------------------

    def start(self, lines: Sequence[str]) -> None:
        """Start a script.

        Raises:
            InstrumentFaultError: the device does not accept it; nothing of it ran.
            LinkError: whether it runs is not known; it was ended and the cell switched off.
        """
        self.open()
        self.backlog = []
        self._waiting.clear()
        self._replies.forget()
        self.forget()
        self._send("\n".join(["e", *lines, ""]))
        self.running = True
        told = self._await((Accepted, NotAccepted, Refused))
        if isinstance(told, Accepted):
            return
        if isinstance(told, NotAccepted):
            self.running = False
            where = f" in line {told.line}" if told.line else ""
            raise InstrumentFaultError(
                f"methodscript {self.serial}: script not accepted{where}: {meaning(told.code)}"
            )
        self.cell_off()
        raise LinkError(
            f"methodscript {self.serial}: no answer to a script; it was ended, the cell is off"
        )

    def stop(self) -> None:
        """End what runs, and wait until it is over; may be repeated.

        Raises:
            LinkError: the device does not say that nothing runs.
        """
        self.open()
        for _ in range(TRIES):
            self._send("Z")
            told = self._await((Echo, Refused, Ended))
            if isinstance(told, Echo):
                told = self._await((Ended, Refused))
            if isinstance(told, Ended) or (
                isinstance(told, Refused) and told.code == NOTHING_RUNS and told.command == "Z"
            ):
                self.running = False
                return
            self._send("")
        raise LinkError(
            f"methodscript {self.serial}: it does not answer to an abort; disconnect the cell by "
            "hand"
        )

    def cell_off(self) -> Look:
        """End what runs, switch the cell off, and look whether it is.

        Raises:
            ReadbackError: the cell is still on.
            InstrumentFaultError: the device cannot tell.
            LinkError: the device does not answer.
        """
        refused: InstrumentFaultError | None = None
        for first in (True, *[False] * (TRIES - 1)):
            if self.running or not first:
                self.stop()
            try:
                with suppress(InstrumentFaultError):
                    self._try(CELL_OFF)
                if not (looked := self.look()).cell_on:
                    return looked
                refused = None
            except InstrumentFaultError as error:  # perhaps a script runs that was taken for over
                refused = error
        raise refused or ReadbackError(
            f"methodscript {self.serial}: the cell is still on; disconnect it by hand"
        )

    def look(self) -> Look:
        """Return what the device shows; no script may run.

        Raises:
            LinkError: no answer that can be used.
            InstrumentFaultError: the device cannot measure.
        """
        refused: InstrumentFaultError | None = None
        for _ in range(TRIES):
            try:
                found, failed = self._try(look_script(self.device))
            except InstrumentFaultError as error:  # it may have arrived garbled, and none of it ran
                refused = error
                continue
            if failed is not None and failed.code in CELL_IS_ON:
                return Look(True, math.nan)
            if failed is not None:
                raise InstrumentFaultError(f"methodscript {self.serial}: {meaning(failed.code)}")
            packages = [each for each in found if isinstance(each, Package)]
            if len(packages) == 1 and [v.kind for v in packages[0].variables] == ["ab"]:
                return Look(False, packages[0].variables[0].value)
        if refused is not None:
            raise refused
        raise LinkError(f"methodscript {self.serial}: {TRIES} looks at the cell, none of use")

    def _try(self, lines: Sequence[str]) -> tuple[list[Event], Failed | None]:
        """Run a short script that may be repeated; return what came, and how it failed."""
        self._send("\n".join(["e", *lines, ""]))
        self.running = True
        found: list[Event] = []
        over = self._await((Ended, Failed, NotAccepted, Refused), found)
        if isinstance(over, NotAccepted):
            self.running = False
            raise InstrumentFaultError(
                f"methodscript {self.serial}: script not accepted: {meaning(over.code)}"
            )
        if isinstance(over, Failed):
            self.running = False
            return found, over
        if not isinstance(over, Ended):
            self.stop()
            return [], None
        self.running = False
        return found, None


def expect(session: Session, serial: str | None) -> None:
    """Refuse another device than the lab file names.

    Raises:
        InputError: it is another, or one that cannot be used.
    """
    if serial is not None and session.serial != serial:
        raise InputError(
            f"methodscript: the device on this port is {session.serial}, the lab file wants "
            f"{serial}; choose the other port, or correct the lab file"
        )
    _ = session.device
