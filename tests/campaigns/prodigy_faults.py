"""Scans and etches of the Prodigy driver over a bad line: nothing wrong is ever taken for data.

    python -m tests.campaigns.prodigy_faults --faults 1000 --version 1.22
    python -m tests.campaigns.prodigy_faults --digits 20000

The first spoils lines in both directions (bytes lost, added, doubled, cut, split, late, outside the
grammar; then digits that become others, in ids, states and values alike) until so many were, and
counts how many scans were right, how many ended in an error that says so, how many were wrong. The
second changes one digit into another one in each reading of the data, which no grammar can see, and
counts how many such readings pass.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from dataclasses import dataclass, field

from drivers.action import result_of
from drivers.clock import wall_seconds
from drivers.prodigy.codec import Requests
from drivers.prodigy.scan import Scanner
from drivers.prodigy.session import Session
from protocols.errors import LiftlineError
from simulators.prodigy import Desk
from tests.drivers.prodigy.bad_line import ALL, BadLine, Spoil, another_digit, any_digit
from tests.drivers.prodigy.served import ETCH, REGION, Served, served, settings
from tests.drivers.prodigy.stand_in import stand_in

SHARE = 0.06
"""Of the lines that are spoiled."""
SPEED = 300.0


@dataclass
class Score:
    """What came of it."""

    outcomes: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def told(self) -> str:
        """Return it in words."""
        total = sum(self.faults.values())
        return (
            f"{total} faults {dict(self.faults)}\n{dict(self.outcomes)}\n"
            f"errors {dict(self.errors.most_common())}\n{self.seconds:.0f} s"
        )


def over_a_bad_line(
    version: tuple[int, int], faults: int, seed: int = 0, ways: tuple[Spoil, ...] = ALL
) -> Score:
    """Scan and etch until so many lines were spoiled."""
    line = BadLine(random.Random(seed), SHARE, ways)
    line.on = False
    score, began = Score(faults=line.done), wall_seconds()
    patient = settings(reply_time=0.05, safe_time=0.5, stall=1e4, poll=1.0)
    with served(version, wire=line.around, seed=seed, speed=SPEED, with_settings=patient) as at:
        line.on = True
        while sum(line.done.values()) < faults:
            try:
                score.outcomes[_once(at, line.draws)] += 1
            except LiftlineError as error:
                score.errors[type(error).__name__] += 1
                score.outcomes["error"] += 1
        line.on = False
        at.driver.safe()
        assert not at.desk.harmed, "ions while the detector was up"
        assert not at.instrument.ions
    score.seconds = wall_seconds() - began
    return score


def _once(at: Served, draws: random.Random) -> str:
    if draws.random() < 0.2:
        before, etches = at.instrument.etched, len(at.instrument.etches)
        done = result_of(at.driver.etch(ETCH))
        truth = at.instrument.etched - before
        asked = at.instrument.etches[etches:]
        right = abs(done.seconds - truth) < 1e-3 and [
            (each.energy, each.current, each.duration) for each in asked
        ] == [(ETCH.energy, ETCH.current, ETCH.duration)]
        return "etch right" if right else "etch WRONG"
    spectrum = result_of(at.driver.acquire(REGION, 1))
    counts, scanned = at.instrument.scans[-1], at.instrument.regions[-1]
    wanted = REGION.model_copy(update={"line": scanned.line})
    right = counts.tolist() == spectrum.counts.tolist() and scanned == wanted
    return "scan right" if right else "scan WRONG"


class Loop:
    """A wire that leads straight to a desk."""

    def __init__(self, desk: Desk) -> None:
        """Connect to `desk`."""
        self._desk, self._requests, self._waiting = desk, Requests(), b""

    def send(self, data: bytes) -> None:
        """Have the desk answer."""
        for request in self._requests.feed(data):
            self._waiting += self._desk.answer(request).written()

    def receive(self, timeout: float) -> bytes:
        """Return the answers."""
        data, self._waiting = self._waiting, b""
        return data

    def close(self) -> None:
        """Let go."""
        self._desk.disconnect()


@dataclass
class Digits:
    """How many readings were tried, told to be unreadable, and passed though wrong."""

    tried: int = 0
    right: int = 0
    refused: int = 0
    wrong: int = 0
    single_wrong: int = 0
    """First readings that were wrong: what passes where data are read once."""


def changed_digits(readings: int, share: float, seed: int = 0) -> Digits:
    """Read one scan's data again and again while a `share` of replies has one digit changed."""
    line = BadLine(random.Random(seed), share, (another_digit,), requests_too=False)
    line.on = False
    instrument = stand_in(5000.0, seed=seed)
    session = Session(line.around(lambda: Loop(Desk(instrument, instrument.clock))), 1.0)
    scanner = Scanner(session, settings(stall=1e6), instrument.clock)
    scan = scanner.scan_of(REGION)
    scanner.define(scan)
    result_of(scanner.sweep(scan, 0, last=True))
    truth, score = instrument.scans[0].astype(float).tolist(), Digits()
    line.on = True
    for _ in range(readings):
        score.tried += 1
        score.single_wrong += scanner._read(scan, 0, scan.points).tolist() != truth
        counts = scanner._try_read(scan, 0, scan.points)
        if counts is None:
            score.refused += 1
        elif counts.tolist() == truth:
            score.right += 1
        else:
            score.wrong += 1
    return score


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=0)
    parser.add_argument("--digits", type=int, default=0)
    parser.add_argument("--version", default="1.22")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    if asked.faults:
        major, minor = map(int, asked.version.split("."))
        for ways in (ALL, (any_digit,)):
            score = over_a_bad_line((major, minor), asked.faults, asked.seed, ways)
            print(asked.version, score.told())
    for share in (1.0, 0.3, 0.1) if asked.digits else ():
        print(f"one digit changed in {share:.0%} of replies:")
        print(changed_digits(asked.digits, share, asked.seed))


if __name__ == "__main__":
    main()
