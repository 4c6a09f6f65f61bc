"""What really happened in a simulated world, for scoring runs. Read-only; no driver may use it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from simulators.world import Exposure, ledger


def exposures(world: Path) -> list[Exposure]:
    """Return every exposure in the ledger of the world file, oldest first."""
    db = sqlite3.connect(world)
    try:
        return ledger(db)
    finally:
        db.close()
