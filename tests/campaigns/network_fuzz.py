"""Random and mutated frames at a served lab, valid calls between them.

python -m tests.campaigns.network_fuzz FRAMES SEED

Strangers know the grammar but no session: a mutated frame with a controller's own token would be
that controller's word. They send to all three ports, whole messages and raw bytes.
"""

from __future__ import annotations

import random
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import zmq

from drivers.clock import wall_seconds
from drivers.errors import LiftlineError
from drivers.lab import simulated_lab
from drivers.network.frames import Request, write_request
from drivers.network.heartbeat import write_beat
from drivers.network.hello import greeting, myself
from drivers.network.ports import Place
from simulators.truth import ledger
from tests.drivers.network.served import opened, served

EVERY = 50
"""Frames between two valid calls."""
GREETING = bytes.fromhex("ff00000000000000017f03004e554c4c") + bytes(48)
"""As ZMTP 3 begins, mechanism NULL."""


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    frames: int
    refused: int
    valid: int
    served: int
    slowest: float
    """s, of a valid call."""
    effects: int
    """In the ledger of the simulator: nothing was asked for, so nothing may be there."""
    defects: list[str]
    answers: bool
    """It still answers at the end."""
    seconds: float

    def told(self) -> str:
        """Return it in words."""
        share = 100 * self.served / max(self.valid, 1)
        return (
            f"{self.frames} frames in {self.seconds:.0f} s, {self.refused} answered: {self.served} "
            f"of {self.valid} valid calls served ({share:.2f} %), slowest {self.slowest:.2f} s, "
            f"{self.effects} effects in the ledger, {len(self.defects)} defects logged, "
            f"{'still answers' if self.answers else 'DOES NOT ANSWER'}"
        )

    @property
    def good(self) -> bool:
        """As it should be."""
        served = self.served >= 0.99 * self.valid
        return served and self.answers and not self.effects and not self.defects


def templates(draws: random.Random) -> list[list[bytes]]:
    """Return messages as they are right, but for the session."""
    token = draws.randbytes(16)
    area = {"x": 0.0, "y": 0.0, "along": 1e-9, "across": 1e-9, "angle": 0.0}
    asked = [
        ("call", ["stem", "status", []]),
        ("call", ["stem", "shift_scan", [5e-9, 0.0]]),
        ("begin", ["stem", "spectrum", [area, 1e-10, 1.0]]),
        ("begin", ["stem", "move_stage", [1e-7, 0.0]]),
        ("next", [draws.randrange(100)]),
        ("close", [draws.randrange(100)]),
        ("sleep", [draws.uniform(0, 100)]),
        ("bye", []),
        ("meet", []),
        ("hello", greeting(token, myself("fuzz"))),
    ]
    number = draws.randrange(1000)
    return [
        [bytes(part) for part in write_request(Request(verb, session, number, body))]
        for verb, body in asked
        for session in ((b"",) if verb in ("meet", "hello") else (token, b""))
    ]


def mutated(frames: list[bytes], draws: random.Random) -> list[bytes]:
    """Return a message with some of its bytes or frames changed, added, lost or doubled."""
    made = list(frames)
    for _ in range(draws.randint(0, 4)):
        at = draws.randrange(len(made))
        frame = bytearray(made[at])
        where = draws.randrange(len(frame) + 1)
        kind = draws.randrange(7)
        if kind == 0 and where < len(frame):
            frame[where] = draws.randrange(256)
        elif kind == 1:
            frame[where:where] = draws.randbytes(draws.randint(1, 8))
        elif kind == 2:
            del frame[where : where + draws.randint(1, 8)]
        elif kind == 3:
            frame *= 2
        elif kind == 4:
            made.append(draws.randbytes(draws.randint(0, 40)))
        elif kind == 5:
            frame = bytearray(draws.randbytes(draws.randint(0, 200)))
        made[at] = bytes(frame)
    return made


class Strangers:
    """Sends what it likes to all ports."""

    def __init__(self, place: Place, draws: random.Random) -> None:
        self._place, self._draws = place, draws
        self.refused = 0
        """Answers that came: each of them is a refusal, or tells what is served."""
        self._context = zmq.Context()
        self._sockets = [
            self._connected(address)
            for address in (place.requests, place.requests, place.requests, place.heartbeats)
        ]

    def _connected(self, address: str) -> Any:
        made = self._context.socket(zmq.DEALER)
        made.linger = 0
        made.connect(address)
        return made

    def send(self) -> None:
        """Send one message, or raw bytes."""
        draws = self._draws
        if draws.random() < 0.01:
            self._raw()
            return
        right = [*templates(draws), [write_beat(draws.randbytes(16))]]
        frames = mutated(draws.choice(right), draws)
        if draws.random() < 0.2:
            frames = [draws.randbytes(draws.randint(0, 300)) for _ in range(draws.randint(1, 80))]
        target = draws.choice(self._sockets)
        with suppress(zmq.Again):
            target.send_multipart(frames, zmq.NOBLOCK)
        while target.poll(0):
            target.recv_multipart()
            self.refused += 1

    def _raw(self) -> None:
        draws = self._draws
        port = self._place.port + draws.randrange(3)
        sent = draws.choice([b"", GREETING, GREETING[: draws.randrange(64)]])
        with suppress(OSError), socket.create_connection((self._place.host, port), 1.0) as plain:
            plain.sendall(sent + draws.randbytes(draws.randint(0, 3000)))

    def close(self) -> None:
        self._context.destroy(0)


def fuzz(frames: int, seed: int) -> Outcome:
    """Send so many frames to a served microscope, a valid call in between now and then."""
    draws = random.Random(seed)
    log: list[str] = []
    lab = simulated_lab({"stem": {}})
    good = valid = 0
    slowest, began = 0.0, wall_seconds()
    with TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        with served(lab, folder=Path(folder), log=log) as place:
            strangers = Strangers(place, draws)
            with opened(place, "stem") as drivers:
                stem: Any = drivers["stem"]
                for number in range(frames):
                    strangers.send()
                    if number % EVERY:
                        continue
                    valid += 1
                    asked = wall_seconds()
                    with suppress(LiftlineError):
                        good += stem.status().beam_blanked and stem.electrons() == 0.0
                    slowest = max(slowest, wall_seconds() - asked)
            strangers.close()
            with opened(place, "stem") as drivers:
                answers = drivers["stem"].identity().simulated
        effects = len(ledger(Path(folder) / "world-stem.db"))
    defects = [line for line in log if "defect" in line or "keeper:" in line]
    took = wall_seconds() - began
    return Outcome(frames, strangers.refused, valid, good, slowest, effects, defects, answers, took)


def main(words: Sequence[str]) -> int:
    """Fuzz, and print what came of it."""
    outcome = fuzz(int(words[0]), int(words[1]))
    print(outcome.told())
    for line in outcome.defects[:5]:
        print(f"  {line}")
    return 0 if outcome.good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
