"""Runs in processes of their own that are killed at random moments: no clean-up, no last word."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from acquire.torture.ordeal import Broken, Ordeal
from acquire.torture.troubles import dice
from drivers.clock import wait_a_moment, wall_seconds

LONGEST = 120.0
"""Wall seconds that a process may take to begin its run."""
MOST = 3
"""Kills of one run."""


def killed(ordeal: Ordeal) -> Iterator[Broken]:
    """Begin a run in a process, kill it, resume it likewise, and let the last session end here."""
    course = ordeal.course
    draw = dice(course.seed, ordeal.plan.name)
    out = ordeal.folder / "00"
    out.mkdir(parents=True)
    lab = out / "lab.json"
    lab.write_text(course.lab.written(), encoding="utf-8")
    protocol = out / "protocol.yaml"
    protocol.write_text(course.protocol.text, encoding="utf-8")
    begin = ("begin", str(protocol), str(lab), str(course.seed), str(out))
    for number in range(draw.randint(1, MOST)):
        words = begin if ordeal.run is None else ("resume", str(ordeal.run))
        _kill(words, course.rule.wanted, out, draw.uniform(0, course.wall * 0.7**number))
        ordeal.run = next((path.parent for path in out.glob("*/run.db")), None)
        ordeal.number = number + 1
        found = list(ordeal.wrong(None, ""))
        yield from found
        if found:
            return
    yield from ordeal.go()


def _kill(words: tuple[str, ...], answer: str | None, out: Path, after: float) -> None:
    """Start a process and kill it so many seconds after its run began; it may end before."""
    command = [sys.executable, "-m", "acquire.torture", *words, answer or ""]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = wall_seconds() + LONGEST
        mark = "*/world-*.db" if words[0] == "begin" else "*/lease.json"
        before = _written(out, mark)
        while wall_seconds() < until and process.poll() is None and _written(out, mark) == before:
            wait_a_moment(0.002)
        wait_a_moment(after)
    finally:
        process.kill()
        process.wait()


def _written(out: Path, mark: str) -> dict[Path, int]:
    """Return when each file of that name was last written."""
    return {path: path.stat().st_mtime_ns for path in out.glob(mark)}
