"""Scripts read: from lines to a tree of statements, with the mistakes that a device reports.

The part of MethodSCRIPT that the driver's scripts and PalmSens' published examples of CA, CP and
OCP use. Source: the reference sheet, 5.7 and 5.8.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from drivers.methodscript.codec import UNITS
from drivers.methodscript.scripts import LONGEST_LINE
from drivers.methodscript.values import number_of
from simulators.methodscript.trouble import ScriptError

MEASUREMENTS = {"meas_loop_ca": 5, "meas_loop_cp": 5, "meas_loop_ocp": 3}
"""Measurement loops, and how many arguments each has."""
COMMANDS = {
    "var": 1, "store_var": 3, "copy_var": 2, "add_var": 2, "sub_var": 2, "mul_var": 2, "div_var": 2,
    "set_pgstat_chan": 1, "set_pgstat_mode": 1, "set_max_bandwidth": 1,
    "set_acquisition_frac_autoadjust": 1, "set_range": 2, "set_autoranging": 3,
    "set_range_minmax": 3, "set_e": 1, "set_i": 1, "cell_on": 0, "cell_off": 0, "wait": 1,
    "timer_start": 0, "timer_get": 1, "meas": 3, "pck_start": 0, "pck_add": 1, "pck_end": 0,
    "send_string": 1, "breakloop": 0,
}  # fmt: skip
"""Commands, and how many arguments each has."""
COMPARISONS = ("<=", ">=", "==", "!=", "<", ">")
_STRING = re.compile(r'"[^"]*"')
_NAME = re.compile(r"[a-z_][a-z0-9_]*", re.IGNORECASE)


@dataclass
class Statement:
    """One statement; blocks have others inside."""

    line: int
    command: str
    arguments: list[str]
    inside: list[Statement] = field(default_factory=list)
    otherwise: list[Statement] = field(default_factory=list)
    """Of an `if`: after its `else`."""


@dataclass(frozen=True)
class Program:
    """A script that has no mistake."""

    body: list[Statement]
    finished: list[Statement]
    """After `on_finished:`."""


def read_script(lines: list[str]) -> Program:
    """Return what a script says.

    Raises:
        ScriptError: it has a mistake; with its line.
    """
    statements = _Reader(lines)
    body = statements.block(("on_finished:", ""), loop=False, measuring=False)
    finished = []
    if statements.ended_by == "on_finished:":
        finished = statements.block(("",), loop=False, measuring=False)
    return Program(body, finished)


def _words(text: str) -> list[str]:
    """Return a line's words; a string is one."""
    text = text.split("#", 1)[0] if '"' not in text else text
    return re.findall(r'f?"[^"]*"|\S+', text)


class _Reader:
    """Reads statement after statement."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = self._numbered(lines)
        self._known: set[str] = set()
        self._last = len(lines)
        self.ended_by = ""

    def _numbered(self, lines: list[str]) -> Iterator[tuple[int, list[str]]]:
        for number, text in enumerate(lines, start=1):
            if len(text) > LONGEST_LINE:
                raise ScriptError(0x0008, number)
            words = _words(text)
            if words:
                yield number, words

    def block(self, ends: tuple[str, ...], *, loop: bool, measuring: bool) -> list[Statement]:
        """Read until one of `ends`, which is told in `ended_by`; "" is the script's own end."""
        found: list[Statement] = []
        for number, words in self._lines:
            if words[0] in ends:
                self.ended_by = words[0]
                return found
            found.append(self._statement(number, words, loop, measuring))
        if "" not in ends:
            raise ScriptError(0x4018, self._last, 1)
        self.ended_by = ""
        return found

    def _statement(self, line: int, words: list[str], loop: bool, measuring: bool) -> Statement:
        command, *arguments = words
        made = Statement(line, command, arguments)
        if command in ("if", "loop"):
            self._condition(line, arguments)
            inner = loop or command == "loop"
            ends = ("endloop",) if command == "loop" else ("else", "endif")
            made.inside = self.block(ends, loop=inner, measuring=measuring)
            if self.ended_by == "else":
                made.otherwise = self.block(("endif",), loop=loop, measuring=measuring)
        elif command in MEASUREMENTS:
            if measuring:
                raise ScriptError(0x400B, line, 1)
            self._arguments(line, arguments, MEASUREMENTS[command])
            made.inside = self.block(("endloop",), loop=True, measuring=True)
        else:
            self._command(made, loop, measuring)
        return made

    def _command(self, made: Statement, loop: bool, measuring: bool) -> None:
        line, command, arguments = made.line, made.command, made.arguments
        if command not in COMMANDS:
            raise ScriptError(0x4001, line, 1)
        if command == "var":
            self._declare(line, arguments)
        elif command == "send_string":
            if len(arguments) != 1 or not _STRING.fullmatch(arguments[0]):
                raise ScriptError(0x4002, line, 1)
        elif (command == "breakloop" and not loop) or (command == "wait" and measuring):
            raise ScriptError(0x400C, line, 1)
        else:
            self._arguments(line, arguments, COMMANDS[command])

    def _declare(self, line: int, arguments: list[str]) -> None:
        if len(arguments) != 1 or not _NAME.fullmatch(arguments[0]):
            raise ScriptError(0x4002, line, 1)
        if arguments[0] in self._known:
            raise ScriptError(0x4026, line, 1)
        self._known.add(arguments[0])

    def _condition(self, line: int, arguments: list[str]) -> None:
        if len(arguments) != 3 or arguments[1] not in COMPARISONS:
            raise ScriptError(0x4002, line, 1)
        self._arguments(line, [arguments[0], arguments[2]], 2)

    def _arguments(self, line: int, arguments: list[str], count: int) -> None:
        if len(arguments) != count:
            raise ScriptError(0x4002, line, 1)
        for argument in arguments:
            if argument in self._known or argument in UNITS:
                continue
            if _NAME.fullmatch(argument):
                raise ScriptError(0x420B, line, 1)
            try:
                number_of(argument)
            except ValueError:
                raise ScriptError(0x4004, line, 1) from None
