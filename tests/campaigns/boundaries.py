"""A crash at every boundary of the journal, each in a process of its own, then a resume.

python -m tests.campaigns.boundaries FOLDER POINTS EVERY
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from acquire.launch import resume_run
from tests.campaigns.scan import compare, desk, start, write_protocol


class Counter:
    """Counts boundaries, and ends the process, as a crash does, at one of them."""

    def __init__(self, crash_at: int | None) -> None:
        self.crash_at = crash_at
        self.names: list[str] = []

    def __call__(self, name: str) -> None:
        self.names.append(name)
        if self.crash_at is not None and len(self.names) > self.crash_at:
            os._exit(137)


def in_child(work: object) -> int:
    """Call `work` in a forked process and return its exit code."""
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            work()  # type: ignore[operator]
            code = 0
        finally:
            sys.stdout.flush()
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def campaign(folder: Path, points: int, every: int) -> tuple[int, list[str]]:
    """Return how many boundaries were tried, one of `every`, and what went wrong."""
    protocol = write_protocol(folder, points, 250)
    counter = Counter(None)
    reference = start(protocol, folder / "reference", counter).folder
    wrong: list[str] = []
    chosen = list(enumerate(counter.names))[::every]
    for number, name in chosen:
        out = folder / f"{number:04d}"
        code = in_child(lambda out=out, k=number: start(protocol, out, Counter(k)))
        where = f"boundary {number} ({name})"
        if code != 137:
            wrong.append(f"{where}: the run ended with {code}, it should have crashed")
            continue
        runs = [path.parent for path in out.glob("*/run.db")]
        if not runs:
            continue
        code = in_child(lambda run=runs[0]: resume_run(run, desk=desk()))
        if code != 0:
            wrong.append(f"{where}: resume ended with {code}")
            continue
        wrong += [f"{where}: {each}" for each in compare(runs[0], reference, None)]
    return len(chosen), wrong


if __name__ == "__main__":
    tried, problems = campaign(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    print(f"{tried} boundaries, {len(problems)} problems")
    print("\n".join(problems[:40]))
    sys.exit(bool(problems))
