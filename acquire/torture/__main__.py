"""A run in a process of its own, for `kills`: what `liftline run` and `liftline resume` do."""

from __future__ import annotations

import sys
from pathlib import Path

from acquire.launch import begin_run, resume_run
from acquire.share import Desk
from acquire.torture.people import Rule, Unwatched
from drivers.lab_file import load_lab
from protocols.loader import load_protocol


def main() -> int:
    """Begin or resume a run as the command line says, and return its exit code."""
    verb, *words, answer = sys.argv[1:]
    desk = Desk(Unwatched(), Rule(answer or None).at)
    if verb == "resume":
        return resume_run(Path(words[0]), desk=desk).exit_code
    protocol, lab, seed, out = words
    loaded = load_protocol(protocol)
    end = begin_run(loaded, load_lab(Path(lab), units=False), Path(out), seed=int(seed), desk=desk)
    return end.exit_code


if __name__ == "__main__":
    sys.exit(main())
