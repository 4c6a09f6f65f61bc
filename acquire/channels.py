"""One run at a time uses a channel: a lock that the system holds, with a fencing token.

The token grows with every claim, so that what a run wrote before it lost its channel can be told
apart from what the next one does. It stands in the record of each run that claimed the channel.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from drivers.errors import RunInUseError
from drivers.lab import Chosen, Lab


def channel_of(chosen: Chosen) -> str | None:
    """Return what names an instrument's channel on this computer; None where nothing is shared."""
    if chosen.spec.meet is not None:
        return None  # its own computer lets one controller in at a time
    if chosen.spec.recorded or (chosen.spec.simulated and chosen.address is None):
        return None
    return f"{chosen.driver} {chosen.address or 'default'}"


def locks() -> Path:
    """Return the folder of this user's channel locks."""
    import platformdirs

    folder = Path(platformdirs.user_state_dir("liftline")) / "channels"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def claims(lab: Lab, who: str) -> Iterator[dict[str, int]]:
    """Hold every channel of a lab that others could use, and yield the tokens by channel.

    Raises:
        RunInUseError: one of them is held already.
    """
    with ExitStack() as held:
        tokens = {}
        for channel in filter(None, map(channel_of, lab.instruments)):
            tokens[channel] = held.enter_context(claimed(channel, who))
        yield tokens


@contextmanager
def claimed(channel: str, who: str, folder: Path | None = None) -> Iterator[int]:
    """Hold a channel, and yield the token of this claim.

    Args:
        channel: of `channel_of`.
        who: what claims it, in words, for the one who comes second.
        folder: of the locks; None for this user's.

    Raises:
        RunInUseError: another process or thread holds it; the message names it.
    """
    from filelock import FileLock, Timeout

    place = (folder or locks()) / re.sub(r"[^A-Za-z0-9]+", "-", channel)
    note = place.with_suffix(".json")
    lock = FileLock(place.with_suffix(".lock"), thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunInUseError(
            f"channel {channel} is held by {_holder(note)}; stop that one, or wait for it"
        ) from None
    try:
        token = _token(note) + 1
        held = {"token": token, "who": who, "pid": os.getpid(), "host": socket.gethostname()}
        note.write_text(json.dumps(held), encoding="utf-8")
        yield token
    finally:
        lock.release()


def _read(note: Path) -> dict[str, object]:
    try:
        held: dict[str, object] = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return held


def _holder(note: Path) -> str:
    held = _read(note)
    return f"{held['who']}, process {held['pid']} on {held['host']}" if held else "another process"


def _token(note: Path) -> int:
    token = _read(note).get("token", 0)
    return token if isinstance(token, int) else 0
