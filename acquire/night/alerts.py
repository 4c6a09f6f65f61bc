"""Telling somebody that a cell has stopped: a command, or an address on the web."""

from __future__ import annotations

import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator

from acquire.night.cells import Cell, as_json
from protocols.night import NightPlan

PATIENCE = 30.0
"""Seconds that a command or an address may take: cells do not wait for it."""


def alert(plan: NightPlan, cell: Cell, state: str, reason: str) -> Iterator[str]:
    """Tell of a cell; yield what did not work, in words."""
    told = as_json(cell, state, reason)
    if plan.on_trip:
        try:
            done = subprocess.run(
                plan.on_trip, input=told, text=True, timeout=PATIENCE, capture_output=True
            )
            if done.returncode:
                yield f"on_trip ended with {done.returncode}: {done.stderr.strip()[:200]}"
        except (OSError, subprocess.TimeoutExpired) as error:
            yield f"on_trip could not be run: {error}"
    if plan.webhook is not None:
        request = urllib.request.Request(
            plan.webhook, told.encode(), {"Content-Type": "application/json"}
        )
        try:
            urllib.request.urlopen(request, timeout=PATIENCE).close()
        except (urllib.error.URLError, OSError, ValueError) as error:
            yield f"the webhook could not be reached: {error}"
