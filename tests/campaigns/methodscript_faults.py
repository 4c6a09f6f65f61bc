"""Holds of the MethodSCRIPT driver over a bad line: nothing wrong is ever taken for a sample.

    python -m tests.campaigns.methodscript_faults --faults 10000
    python -m tests.campaigns.methodscript_faults --digits 20000
    python -m tests.campaigns.methodscript_faults --holds 100

The first two spoil lines of what the device says of a hold: bytes lost, added, doubled, lines
split, cut, bytes outside the grammar; then digits that become others, which no grammar can see.
They count how many samples were right and wrong, and how many would be wrong if each line came only
once. The third does whole holds over such a line, and looks after each whether the cell is off.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace

from drivers.errors import ReadbackError
from drivers.methodscript.codec import Package, Replies, event_of
from drivers.methodscript.devices import DEVICES
from drivers.methodscript.scripts import ENDS, hold_script
from drivers.methodscript.settings import MethodScriptSettings
from drivers.methodscript.stream import Stream
from drivers.potentiostat import HoldOrder
from protocols.errors import LiftlineError
from simulators.cell.cell_file import load_cell
from simulators.methodscript.channel import Channel
from simulators.methodscript.interpreter import Machine
from simulators.methodscript.language import read_script
from tests.drivers.methodscript.bad_line import ALL, BadLine, Spoil, another_digit
from tests.simulators.cell.cells import run_hold
from tests.simulators.methodscript.served import served

ORDER = HoldOrder(
    "current",
    current=7.35e-6,
    current_range=1e-5,
    end_seconds=120.0,
    seconds_max=200.0,
    voltage_min=3.3,
    voltage_max=5.2,
    every=1.0,
    voltage_change=5e-3,
)
SHARE = 0.1
"""Of the lines that are spoiled."""
SETTINGS = MethodScriptSettings()


@dataclass
class Score:
    """What came of it."""

    faults: Counter[str] = field(default_factory=Counter)
    right: int = 0
    wrong: int = 0
    wrong_if_once: int = 0
    """Lines of the hold that are wrong, and that a reader of single lines would take."""
    ends_right: int = 0
    ends_lost: int = 0
    ends_wrong: int = 0
    left_on: int = 0
    """Holds after which the cell was on."""

    def told(self) -> str:
        """Return it in words."""
        return f"{sum(self.faults.values())} {self}"


def recorded(seed: int = 1) -> bytes:
    """Return all that a device says of a hold."""
    device = DEVICES["es4_hr"]
    channel = Channel(device, load_cell("li-lipon-lnmo"), seed=seed)
    program = read_script(hold_script(ORDER, device, SETTINGS, "SIM0001"))
    lines = []
    for out in Machine(program, channel, 0.0).run():
        lines += [out] if isinstance(out, str) else []
        if out == "M000B":  # the end was told; that it is told again adds nothing
            break
    return "".join(f"{line}\n" for line in lines).encode()


def spoiled_lines(
    faults: int, ways: dict[str, Spoil], share: float = SHARE, seed: int = 0
) -> Score:
    """Read one hold again and again until so many of its lines were spoiled."""
    clean, score = recorded(), Score()
    samples, ends = _samples(clean)
    packages = {repr(each) for each in Replies().feed(clean) if isinstance(each, Package)}
    line = BadLine(random.Random(seed), share, ways)
    score.faults = line.done
    while sum(line.done.values()) < faults:
        data = line.spoil(clean)
        line.clean = b""
        found, ended = _samples(data)
        wrong = found - samples
        score.wrong += len(wrong)
        score.right += len(found & samples)
        score.ends_wrong += len(ended - ends)
        score.ends_right += len(ended & ends)
        score.ends_lost += not ended
        score.wrong_if_once += _wrong_if_once(data, packages)
    return score


def _samples(data: bytes) -> tuple[set[str], set[str]]:
    """Return samples, and the ends, that a hold's lines tell."""
    stream, found = Stream(ORDER, SETTINGS, {}), set()
    for event in Replies().feed(data):
        if isinstance(event, Package):
            with suppress(ReadbackError):
                stream.take(event)
            found |= {repr(stream.last)} if stream.last is not None else set()
    return found, {f"{stream.held.ended_by} {stream.held.seconds}"} if stream.held else set()


def _wrong_if_once(data: bytes, packages: set[str]) -> int:
    events = [event_of(line) for line in data.split(b"\n")]
    return sum(isinstance(each, Package) and repr(each) not in packages for each in events)


def holds(count: int, seed: int = 0, share: float = SHARE) -> Score:
    """Do holds over a bad line; after each the cell must be off."""
    line, score = BadLine(random.Random(seed), share, ALL, on=False), Score()
    score.faults = line.done
    with served(speed=300.0) as bench:
        device = bench.open_through(line.around)
        for n in range(count):
            line.clean, line.on = b"", True
            found: set[tuple[float, float]] = set()
            try:
                blocks, held = run_hold(device, replace(ORDER, current=(-1) ** n * ORDER.current))
                found = {
                    pair
                    for block in blocks
                    for pair in zip(block.seconds.tolist(), block.voltage.tolist(), strict=True)
                }
                told = (held.seconds, float(ENDS.index(held.ended_by))) in _ends(line.clean)
                score.ends_right += told
                score.ends_wrong += not told
            except LiftlineError:
                score.ends_lost += 1
                with suppress(LiftlineError):  # as a run does after any error
                    device.safe()
            score.left_on += bench.channel.cell_on
            line.on = False
            sent = _sent(line.clean)
            score.right += len(found & sent)
            score.wrong += len(found - sent)
            device.safe()
        device.close()
    return score


def _sent(clean: bytes) -> set[tuple[float, float]]:
    packages = (each for each in Replies().feed(clean) if isinstance(each, Package))
    return {
        (each.variables[1].value, each.variables[2].value)
        for each in packages
        if len(each.variables) in (5, 6) and each.variables[1].kind == "eb"
    }


def _ends(clean: bytes) -> set[tuple[float, float]]:
    packages = (each for each in Replies().feed(clean) if isinstance(each, Package))
    return {
        (each.variables[1].value, each.variables[5].value)
        for each in packages
        if len(each.variables) == 6 and each.variables[5].kind == "aa"
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=0)
    parser.add_argument("--digits", type=int, default=0)
    parser.add_argument("--holds", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    if asked.faults:
        print(spoiled_lines(asked.faults, ALL, seed=asked.seed).told())
    for share in (0.01, 0.1, 0.5) if asked.digits else ():
        print(f"one digit changed in {share:.0%} of the lines:")
        digits = {"another digit": another_digit}
        print(spoiled_lines(asked.digits, digits, share, asked.seed).told())
    if asked.holds:
        print(holds(asked.holds, asked.seed).told())


if __name__ == "__main__":
    main()
