"""The published protocols in one process, and through a served lab: are all numbers the same?

python -m tests.campaigns.network_same FOLDER SEED [PROTOCOL ...]
"""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from acquire.launch import begin_run
from acquire.procedures import roles_of
from drivers.clock import wall_seconds
from drivers.lab import simulated_lab
from protocols.loader import LoadedProtocol, load_protocol
from tests.campaigns.scan import desk
from tests.drivers.network.served import remote_lab, served

PUBLISHED = ("lift-out", "eds-line", "xps-depth-profile", "cycling")
COMPARED = {
    "entry": "id, step, kind, name, request, value, time_s",
    "attempt": "entry, n, request, meter, reserved, advance, spent, begun_s, ended_s, ended_by",
    "block": "entry, n, attempt, time_s, value, arrays",
    "outcome": "entry, ended_by, value, arrays, time_s",
}
UTC = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00")
"""The only thing that may differ: when it was."""


def rows(folder: Path, table: str) -> list[tuple[Any, ...]]:
    """Return all rows of a table of a journal, the dates out of them."""
    db = sqlite3.connect(folder / "run.db")
    found = db.execute(f"SELECT {COMPARED[table]} FROM {table} ORDER BY 1, 2").fetchall()
    db.close()
    return [tuple(UTC.sub("", v) if isinstance(v, str) else v for v in row) for row in found]


def pictures(folder: Path) -> dict[str, bytes]:
    """Return the images of a run."""
    import tifffile

    files = sorted((folder / "data" / "images").glob("*.tif"))
    return {file.name: tifffile.imread(file).tobytes() for file in files}


def differences(one: Path, other: Path) -> tuple[int, list[str]]:
    """Return how many rows and images were compared, and which differ."""
    compared, wrong = 0, []
    for table in COMPARED:
        here, there = rows(one, table), rows(other, table)
        compared += len(here)
        if len(here) != len(there):
            wrong.append(f"{table}: {len(here)} and {len(there)} rows")
        unlike = [(a, b) for a, b in zip(here, there, strict=False) if a != b]
        wrong += [f"{table}: {str(a)[:300]} | {str(b)[:300]}" for a, b in unlike[:3]]
    here, there = pictures(one), pictures(other)
    wrong += [f"image {name}" for name in {*here, *there} if here.get(name) != there.get(name)]
    return compared + len(here), wrong


def compare(protocol: LoadedProtocol, folder: Path, seed: int) -> tuple[int, list[str], float]:
    """Run it both ways; return what was compared, what differs, and the ratio of the times."""
    roles = roles_of(protocol.steps)
    lab = simulated_lab({role: {} for role in roles})
    began = wall_seconds()
    alone = begin_run(protocol, lab, folder / "alone", seed=seed, desk=desk())
    took = wall_seconds() - began
    with served(lab, folder=folder / "worlds", seed=seed) as place:
        began = wall_seconds()
        afar = begin_run(
            protocol, remote_lab(place, *roles), folder / "afar", seed=seed, desk=desk()
        )
        ratio = (wall_seconds() - began) / took
    compared, wrong = differences(alone.folder, afar.folder)
    if (alone.state, alone.reason) != (afar.state, afar.reason):
        wrong.append(f"{alone.state} ({alone.reason}) | {afar.state} ({afar.reason})")
    for name in ("specimen.yaml", "cell.yaml"):
        if (alone.folder / name).exists() != (afar.folder / name).exists():
            wrong.append(f"{name} is in one folder only")
    return compared, wrong, ratio


def main(words: Sequence[str]) -> int:
    """Compare them and print what came out."""
    folder, seed = Path(words[0]), int(words[1])
    bad = 0
    for name in words[2:] or PUBLISHED:
        protocol = load_protocol(name if Path(name).is_file() else f"joule2020/{name}")
        compared, wrong, ratio = compare(protocol, folder / Path(name).stem, seed)
        bad += bool(wrong)
        print(
            f"{name}: {compared} rows and images compared, {len(wrong)} differ, "
            f"{ratio:.2f} times as long"
        )
        for line in wrong:
            print(f"  {line}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
