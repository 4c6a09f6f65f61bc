"""Scripts run: statement by statement, looks at the cell in between, lines out.

What runs is a generator: it yields lines to send, and times (s of the device's clock) until which
it waits. Bodies of measurements are made into plain functions first: a half cycle has 20,000 looks.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from drivers.methodscript.codec import UNITS
from drivers.methodscript.values import encoded, number_of
from simulators.methodscript.channel import GALVANOSTAT, Channel
from simulators.methodscript.language import Program, Statement
from simulators.methodscript.trouble import ScriptError

AT_ONCE = 256
"""Looks at the cell that are reckoned at once."""
IDS = {"meas_loop_ca": 0x07, "meas_loop_cp": 0x0A, "meas_loop_ocp": 0x0B}
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge, "==": operator.eq,
    "!=": operator.ne,
}  # fmt: skip
_RECKON: dict[str, Callable[[float, float], float]] = {
    "add_var": operator.add, "sub_var": operator.sub, "mul_var": operator.mul,
    "div_var": operator.truediv,
}  # fmt: skip

Step = Callable[[], bool]
"""Does one statement; True leaves the loop."""
Out = str | float
"""A line, or the time until which the script waits."""


class Slot:
    """A variable, or a literal."""

    __slots__ = ("integer", "kind", "metadata", "value")

    def __init__(self, value: float = 0.0, kind: str = "aa", *, integer: bool = False) -> None:
        self.value, self.kind, self.integer, self.metadata = value, kind, integer, ""


@dataclass
class Ends:
    """How a script that runs is told to end, by who runs it."""

    abort: bool = False
    """Z: leave everything, do `on_finished:`."""
    leave: bool = False
    """Y: leave the present measurement."""


class Machine:
    """Runs one script."""

    def __init__(self, program: Program, channel: Channel, t: float) -> None:
        """Begin at the time `t`."""
        self._program, self._channel = program, channel
        self.t = t
        self.ends = Ends()
        self._timer = t
        self._slots: dict[str, Slot] = {}
        self._lines: list[str] = []
        self._package: list[str] | None = None
        self._line = 0

    def run(self) -> Generator[Out, None, None]:
        """Yield lines and times until the script is over, its last, empty line included.

        Raises:
            ScriptError: the script ended by an error; `on_finished:` was not done.
        """
        try:
            yield from self._block(self._program.body)
            self.ends = Ends()
            yield from self._block(self._program.finished)
        except ScriptError as error:
            raise ScriptError(error.code, error.line or self._line) from None
        yield ""

    # -- blocks -----------------------------------------------------------------------------

    def _block(self, statements: Sequence[Statement]) -> Generator[Out, None, bool]:
        """Do statements one after the other; True where a loop is left."""
        for statement in statements:
            if self.ends.abort:
                return False
            self._line = statement.line
            if (yield from self._do(statement)):
                return True
        return False

    def _do(self, statement: Statement) -> Generator[Out, None, bool]:
        if statement.command == "if":
            chosen = statement.inside if self._holds(statement)() else statement.otherwise
            return (yield from self._block(chosen))
        if statement.command == "loop":
            yield "L"
            holds = self._holds(statement)
            while holds() and not self.ends.abort:
                if (yield from self._block(statement.inside)):
                    break
            yield "+"
            return False
        if statement.command in IDS:
            yield from self._measure(statement)
            return False
        if statement.command == "wait":
            self.t += self._slot(statement.arguments[0]).value
            yield self.t
            return False
        leaves = self._step(statement)()
        yield from self._sent()
        if statement.command == "meas":
            yield self.t
        return leaves

    def _sent(self) -> Iterator[str]:
        lines, self._lines = self._lines, []
        yield from lines

    # -- measurements -----------------------------------------------------------------------

    def _measure(self, statement: Statement) -> Generator[Out, None, None]:
        volts, amperes, interval, lasts = self._prepare(statement)
        yield f"M{IDS[statement.command]:04X}"
        body = [self._step(each) for each in statement.inside]
        begin, done, count = self.t, 0, math.floor(lasts / interval + 1e-6)
        self.ends.leave = False
        while done < count:
            times = interval * np.arange(done + 1, min(done + AT_ONCE, count) + 1)
            seen = zip(times.tolist(), *self._looks(begin, times), strict=True)
            for time, read_volts, read_amperes, status in seen:
                yield begin + time
                if self.ends.abort or self.ends.leave:
                    self.t = max(self.t, begin + done * interval)
                    yield "*"
                    return
                self.t, done = begin + time, done + 1
                volts.value = read_volts
                if amperes is not None:
                    amperes.value = read_amperes
                    amperes.metadata = f",1{status:X},2{self._channel.range_index:02X}"
                leaves = any(step() for step in body)
                if self._lines:
                    yield from self._sent()
                if leaves:
                    yield "*"
                    return
        yield "*"

    def _looks(self, begin: float, times: np.ndarray) -> tuple[list[float], list[float], list[int]]:
        volts, amperes, status = self._channel.measured(begin, times)
        return volts.tolist(), amperes.tolist(), status

    def _prepare(self, statement: Statement) -> tuple[Slot, Slot | None, float, float]:
        """Set the channel up for a measurement; return where it reads to, interval and length."""
        channel, slots = self._channel, [self._slot(each) for each in statement.arguments]
        if statement.command == "meas_loop_ocp":
            volts, interval, lasts = slots
            if channel.cell_on:
                raise ScriptError(0x0014)
            amperes, volts.kind = None, "ab"
        else:
            volts, amperes, wanted, interval, lasts = slots
            if not channel.cell_on:
                raise ScriptError(0x4027)
            if (channel.mode == GALVANOSTAT) != (statement.command == "meas_loop_cp"):
                raise ScriptError(0x0023)
            act = channel.drive if channel.mode == GALVANOSTAT else channel.hold
            act(self.t, wanted.value)
            volts.kind = "ab" if channel.mode == GALVANOSTAT else "da"
            amperes.kind = "ba"
        if not (interval.value > 0 and lasts.value > 0):
            raise ScriptError(0x4204)
        return volts, amperes, interval.value, lasts.value

    # -- statements -------------------------------------------------------------------------

    def _slot(self, argument: str) -> Slot:
        if argument in self._slots:
            return self._slots[argument]
        integer = argument.endswith("i") or argument.startswith(("0x", "0b"))
        return Slot(number_of(argument), integer=integer)

    def _holds(self, statement: Statement) -> Callable[[], bool]:
        one, sign, other = statement.arguments
        a, b, compare = self._slot(one), self._slot(other), _COMPARE[sign]
        return lambda: compare(a.value, b.value)

    def _step(self, statement: Statement) -> Step:
        """Return a function that does a statement which does not wait."""
        command, arguments = statement.command, statement.arguments
        if command == "if":
            return self._choice(statement)
        if command in _RECKON:
            return self._reckoning(statement)
        made: Step = getattr(self, f"_{command}", lambda *given: _nothing)(*arguments)
        return made

    def _choice(self, statement: Statement) -> Step:
        holds = self._holds(statement)
        inside = [self._step(each) for each in statement.inside]
        otherwise = [self._step(each) for each in statement.otherwise]

        def choose() -> bool:
            return any(step() for step in (inside if holds() else otherwise))

        return choose

    def _reckoning(self, statement: Statement) -> Step:
        to, by = (self._slot(each) for each in statement.arguments)
        reckon, line = _RECKON[statement.command], statement.line

        def do() -> bool:
            try:
                to.value = reckon(to.value, by.value)
            except ZeroDivisionError:
                raise ScriptError(0x0028, line) from None
            if not math.isfinite(to.value):
                raise ScriptError(0x0010, line)
            return False

        return do

    def _var(self, name: str) -> Step:
        self._slots[name] = Slot()
        return _nothing

    def _breakloop(self) -> Step:
        return lambda: True

    def _store_var(self, name: str, value: str, kind: str) -> Step:
        to, of = self._slots[name], self._slot(value)
        if kind not in UNITS:
            raise ScriptError(0x4006)

        def store() -> bool:
            to.value, to.kind, to.integer, to.metadata = of.value, kind, of.integer, ""
            return False

        return store

    def _copy_var(self, name: str, into: str) -> Step:
        of, to = self._slot(name), self._slot(into)

        def copy() -> bool:
            to.value, to.kind, to.integer, to.metadata = of.value, of.kind, of.integer, of.metadata
            return False

        return copy

    def _timer_start(self) -> Step:
        def start() -> bool:
            self._timer = self.t
            return False

        return start

    def _timer_get(self, name: str) -> Step:
        to = self._slot(name)

        def get() -> bool:
            to.value, to.kind = self.t - self._timer, "eb"
            return False

        return get

    def _send_string(self, text: str) -> Step:
        line = "T" + text.strip('"')
        return lambda: bool(self._lines.append(line))  # type: ignore[func-returns-value]

    def _pck_start(self) -> Step:
        def start() -> bool:
            if self._package is not None:
                raise ScriptError(0x401B)
            self._package = []
            return False

        return start

    def _pck_add(self, name: str) -> Step:
        of = self._slot(name)

        def add() -> bool:
            if self._package is None:
                raise ScriptError(0x401B)
            number = encoded(of.value, integer=of.integer)
            self._package.append(f"{of.kind}{number}{of.metadata}")
            return False

        return add

    def _pck_end(self) -> Step:
        def end() -> bool:
            if self._package is None:
                raise ScriptError(0x401B)
            self._lines.append("P" + ";".join(self._package))
            self._package = None
            return False

        return end

    # -- the channel ------------------------------------------------------------------------

    def _act(self, do: Callable[[], object]) -> Step:
        def act() -> bool:
            do()
            return False

        return act

    def _set_pgstat_mode(self, mode: str) -> Step:
        return self._act(lambda: self._channel.set_mode(self.t, int(self._slot(mode).value)))

    def _set_range(self, kind: str, value: str) -> Step:
        if kind not in ("ba", "db"):
            return _nothing
        return self._act(lambda: self._channel.set_range(self.t, self._slot(value).value))

    def _set_e(self, value: str) -> Step:
        return self._act(lambda: self._channel.hold(self.t, self._slot(value).value))

    def _set_i(self, value: str) -> Step:
        return self._act(lambda: self._channel.drive(self.t, self._slot(value).value))

    def _cell_on(self) -> Step:
        return self._act(lambda: self._channel.switch(self.t, True))

    def _cell_off(self) -> Step:
        return self._act(lambda: self._channel.switch(self.t, False))

    def _meas(self, lasts: str, name: str, kind: str) -> Step:
        to, seconds = self._slot(name), self._slot(lasts).value

        def measure() -> bool:
            self.t += seconds
            volts, amperes, _ = self._channel.measured(self.t, np.zeros(1))
            to.value, to.kind = float(amperes[0] if kind == "ba" else volts[0]), kind
            return False

        return measure


def _nothing() -> bool:
    return False
