"""The folders of runs: a place where a journal can be trusted to the disk."""

from __future__ import annotations

import re
import secrets
import shutil
from datetime import datetime
from pathlib import Path

from drivers.errors import RunFolderError

NETWORK = {"nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afpfs", "ncpfs", "9p", "ceph"}
"""File systems on which SQLite's WAL does not work. Source: sqlite.org/wal.html, 'same host'."""
LEAST_FREE = 200e6
"""Bytes that must be free before a run begins."""


def file_system(path: Path) -> tuple[str, bool]:
    """Return the kind of file system that `path` lies on, and whether it is a network share."""
    import psutil

    resolved = path.resolve()
    if str(resolved).startswith("\\\\"):
        return "network share", True
    best = ("", "", "")
    for part in psutil.disk_partitions(all=True):
        mount = part.mountpoint
        if resolved.is_relative_to(mount) and len(mount) >= len(best[0]):
            best = (mount, part.fstype.lower(), part.opts)
    kind = best[1]
    remote = kind in NETWORK or kind.startswith("fuse.sshfs") or "remote" in best[2].split(",")
    return kind, remote


def check_place(out: Path) -> None:
    """Refuse a place where a run's record would not be safe.

    Raises:
        RunFolderError: it cannot be written, is a network share, or is nearly full.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / f".liftline-{secrets.token_hex(4)}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise RunFolderError(
            f"{out} cannot be written: {error.strerror or error}; choose another with --out DIR"
        ) from None
    kind, remote = file_system(out)
    if remote:
        raise RunFolderError(
            f"{out} lies on a network share ({kind}), where a journal can be lost; run on a local "
            f"disk with --out DIR and copy the finished folder"
        )
    free = shutil.disk_usage(out).free
    if free < LEAST_FREE:
        raise RunFolderError(
            f"{out} has {free / 1e6:.0f} MB free, a run needs {LEAST_FREE / 1e6:.0f} MB; make room "
            f"or choose another with --out DIR"
        )


def new_folder(out: Path, name: str, when: datetime) -> Path:
    """Make and return a run's folder, named by time, protocol and a short id."""
    check_place(out)
    slug = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()[:40]
    folder = out / f"{when:%Y%m%d-%H%M%S}-{slug}-{secrets.token_hex(2)}"
    folder.mkdir()
    return folder


def find_run(name: str, out: Path) -> Path:
    """Return the folder of a run given as a folder, or as its name (or a part of it) in `out`.

    Raises:
        RunFolderError: there is none, or more than one.
    """
    if (Path(name) / "run.db").is_file():
        return Path(name)
    if name == "last":
        found = sorted(out.glob("*/run.db"), key=lambda path: path.stat().st_ctime)[-1:]
    else:
        found = [path for path in out.glob("*/run.db") if name in path.parent.name]
    if len(found) == 1:
        return found[0].parent
    if not found:
        raise RunFolderError(f"there is no run {name!r}, neither as a folder nor in {out}")
    names = ", ".join(sorted(path.parent.name for path in found))
    raise RunFolderError(f"{name!r} could be any of {names}; write more of the name")
