"""The device: commands in, lines out, and a script that goes on whether or not anybody listens."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator

from drivers.clock import ScaledClock
from simulators.draws import generator
from simulators.methodscript.channel import Channel
from simulators.methodscript.interpreter import Machine, Out
from simulators.methodscript.language import read_script
from simulators.methodscript.trouble import DeviceFaults, ScriptError

BUFFER = 65536
"""Bytes kept for a host that does not listen; of more, the oldest are lost. Ours."""
DEAF_AFTER_ERROR = 0.05
"""Wall seconds after an error in which commands are not heard [read]."""
LANGUAGE = "0109"
NEVER = 3600.0
"""Wall seconds of one wait for a command; ours."""
GARBAGE = 12
"""Bytes of one burst that is none of a device's; ours."""


class SimDevice:
    """One device, run by a thread of its own; a context manager."""

    def __init__(
        self,
        channel: Channel,
        clock: ScaledClock,
        *,
        code: str = "es4_hr",
        firmware: str = "1300",
        serial: str = "SIM0001",
        buffer: int = BUFFER,
        faults: DeviceFaults | None = None,
    ) -> None:
        """Switch it on."""
        self.channel, self.faults = channel, faults or DeviceFaults()
        self.code, self.firmware, self.serial = code, firmware, serial
        self._clock, self._offset = clock, channel.begun - clock.now()
        self._commands: queue.Queue[str | None] = queue.Queue()
        self._half = b""
        self._receiving: list[str] | None = None
        self._script: Generator[Out, None, None] | None = None
        self._machine: Machine | None = None
        self._deaf_until = -1.0
        self._draws = generator(0, "methodscript", "garbage")
        self._out, self._buffer = bytearray(), buffer
        self._told = threading.Condition()
        self.lost = 0
        """Bytes that nobody fetched in time."""
        self._thread = threading.Thread(target=self._live, name="methodscript", daemon=True)
        self._thread.start()

    def __enter__(self) -> SimDevice:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Switch it off; the cell's state is kept in its file."""
        self._commands.put(None)
        self._thread.join()
        self.channel.settle(self.now())

    def now(self) -> float:
        """Return the device's time, s."""
        return self._clock.now() + self._offset

    def unplugged(self) -> bool:
        """True while the link is broken."""
        t = self.now()
        return any(begin <= t < end for begin, end in self.faults.unplugged)

    # -- the wire ---------------------------------------------------------------------------

    def hear(self, data: bytes) -> None:
        """Take bytes that came."""
        *lines, self._half = (self._half + data).split(b"\n")
        for line in lines:
            self._commands.put(line.decode("ascii", "replace").strip("\r"))

    def fetch(self, timeout: float) -> bytes:
        """Return what is to be sent, waiting for it at most `timeout` wall seconds."""
        with self._told:
            if not self._out:
                self._told.wait(timeout)
            data = bytes(self._out)
            self._out.clear()
        return data

    def give_back(self, data: bytes) -> None:
        """Keep what could not be sent."""
        with self._told:
            self._out[:0] = data
            self._overflow()

    def _say(self, line: str) -> None:
        data = line.encode("ascii", "replace") + b"\n"
        if self.faults.garbage and self._draws.random() < self.faults.garbage:
            data = self._draws.integers(0, 256, GARBAGE, dtype="uint8").tobytes() + data
        with self._told:
            self._out += data
            self._overflow()
            self._told.notify_all()

    def _overflow(self) -> None:
        more = len(self._out) - self._buffer
        if more > 0:
            self.lost += more
            del self._out[:more]

    # -- life -------------------------------------------------------------------------------

    def _live(self) -> None:
        while True:
            wait = self._go_on()
            try:
                command = self._commands.get(timeout=wait) if wait else self._commands.get_nowait()
            except queue.Empty:
                continue
            if command is None:
                return
            self._obey(command)

    def _go_on(self) -> float:
        """Go on with the script for as long as its time has come; return wall seconds to wait."""
        while self._script is not None and self._commands.empty():
            try:
                out = next(self._script)
            except StopIteration:
                self._over()
                break
            except ScriptError as error:
                self._fail(error)
                break
            if isinstance(out, str):
                self._say(out)
                continue
            if self.faults.fails_at is not None and out >= self.faults.fails_at:
                self.faults.fails_at = None
                self._fail(ScriptError(self.faults.fails_with, 1))
                break
            ahead = (out - self.now()) / self._clock.factor
            if ahead > 1e-3:
                return ahead
        return 0.0 if self._script is not None else NEVER

    def _over(self) -> None:
        self._script = self._machine = None
        self.channel.settle(self.now())

    def _fail(self, error: ScriptError) -> None:
        """End the script by an error; the cell stays as it is."""
        self._over()
        where = f": Line {error.line}" if error.line else ""
        self._say(f"!{error.code:04X}{where}")
        self._deafen()

    def _deafen(self) -> None:
        self._deaf_until = self._clock.now() + DEAF_AFTER_ERROR * self._clock.factor

    # -- commands ---------------------------------------------------------------------------

    def _obey(self, command: str) -> None:
        if self._clock.now() < self._deaf_until:
            return
        if self._receiving is not None:
            self._take_line(command)
        elif command == "t":
            self._say(f"t{self.code}{self.firmware}#Nov 24 2026 12:00:00")
            self._say("R*")
        elif self._machine is not None:
            self._obey_running(command)
        elif command == "e":
            self._receiving = []
        elif command == "i":
            self._say(f"i{self.serial}")
        elif command == "v":
            self._say(f"v{LANGUAGE}")
        elif command in ("Z", "Y"):
            self._refuse(command, 0x0006)
        elif command:
            self._refuse(command, 0x0003)

    def _obey_running(self, command: str) -> None:
        assert self._machine is not None
        if command == "Z":
            self._say("Z")
            self._machine.ends.abort = True
        elif command == "Y":
            self._say("Y")
            self._machine.ends.leave = True
        elif command:
            self._refuse(command, 0x0006)

    def _refuse(self, command: str, code: int) -> None:
        letter = command[0] if "!" <= command[0] <= "~" else "?"
        self._say(f"{letter}!{code:04X}")
        self._deafen()

    def _take_line(self, line: str) -> None:
        assert self._receiving is not None
        if line:
            self._receiving.append(line)
            return
        lines, self._receiving = self._receiving, None
        try:
            program = read_script(lines)
        except ScriptError as error:
            column = f", Col {error.column}" if error.column else ""
            self._say(f"e!{error.code:04X}: Line {error.line}{column}")
            self._deafen()
            return
        self._say("e")
        self._machine = Machine(program, self.channel, self.now())
        self._script = self._machine.run()
