"""One process at a time runs a run: a lock held by the system, and a note of who holds it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drivers.errors import RunFolderError, RunInUseError


def holder(folder: Path) -> str:
    """Return who holds (or last held) the run in `folder`, in words."""
    try:
        note = json.loads((folder / "lease.json").read_text(encoding="utf-8"))
        return f"process {note['pid']} on {note['host']}"
    except (OSError, ValueError, KeyError):
        return "another process"


@contextmanager
def lease(folder: Path, *, cure: str = "") -> Iterator[None]:
    """Hold the run in `folder`; the system lets go of it if this process dies.

    `cure` is what the one who comes second may do; to stop the run, if it is left out.

    Raises:
        RunInUseError: another process holds it; the message names it.
        RunFolderError: the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / "lease.lock", thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        cure = cure or f"wait for it, or say: liftline stop {folder}"
        raise RunInUseError(f"{folder} is in use by {holder(folder)}: {cure}") from None
    except OSError as error:
        raise RunFolderError(f"{folder} cannot be written: {error}") from None
    try:
        _note(folder)
        yield
    finally:
        lock.release()


def _note(folder: Path) -> None:
    """Write down who holds it."""
    note = json.dumps({"pid": os.getpid(), "host": socket.gethostname()})
    try:
        (folder / "lease.json").write_text(note, encoding="utf-8")
    except OSError as error:
        raise RunFolderError(f"{folder} cannot be written: {error}; make room") from None


def is_held(folder: Path) -> bool:
    """Return True if some process holds the run in `folder` now."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(folder / "lease.lock").acquire(timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        return False
