"""What has arrived in a folder, read as one recording that grows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from drivers.errors import CutOffError, LinkError, RecordingError
from drivers.vamas.content import VamasFile
from drivers.vamas.read import decoded, parse_whole_blocks
from drivers.vamas.recording import etch_time, recording_of
from drivers.xps_recording import XpsRecording


@dataclass
class _Arrival:
    """A file, as it was when it last changed."""

    size: int
    changed_ns: int
    since: float
    """By the lab's clock, when it was first seen so."""
    settled: bool = False


class Arrivals:
    """Looks into the folder; a file that still changes is left alone."""

    def __init__(
        self, folder: Path, pattern: str, settled: float, now: Callable[[], float]
    ) -> None:
        """Look for `pattern` in `folder`; a file has settled after as many seconds of `now`."""
        self._folder = folder
        self._pattern = pattern
        self._settled = settled
        self._now = now
        self._seen: dict[Path, _Arrival] = {}
        self._files: dict[Path, VamasFile] = {}
        """In the order in which they were read, which is that of the cycles."""
        self._recording: XpsRecording | None = None

    def take(self) -> XpsRecording | None:
        """Return all that is there whole now, settled or not: at the beginning of a session.

        Raises:
            LinkError: as `look`.
        """
        patience, self._settled = self._settled, 0.0
        self.look()
        there = self.look()
        self._settled = patience
        return there

    def look(self) -> XpsRecording | None:
        """Return all that has settled as one recording; None while there is nothing.

        Raises:
            LinkError: a file is broken, the cycles are out of order, or the folder is gone.
        """
        try:
            ready = [path for path in self._folder.glob(self._pattern) if self._is_ready(path)]
        except OSError as error:
            raise LinkError(
                f"{self._folder} cannot be read: {error.strerror or error}; bring it back"
            ) from error
        read = {path: file for path in ready if (file := _read(path)) is not None}
        for path in sorted(read, key=lambda path: (_begin(read[path]), _natural(path))):
            self._check_order(path)
            self._files[path] = read[path]
        if read:
            self._recording = self._joined(list(self._files.values()))
        return self._recording

    def _is_ready(self, path: Path) -> bool:
        """Return whether a file has settled since it changed, and was not read since."""
        try:
            stat = path.stat()
        except OSError:
            return False  # just renamed by its writer
        seen = self._seen.get(path)
        if seen is None or (seen.size, seen.changed_ns) != (stat.st_size, stat.st_mtime_ns):
            self._seen[path] = _Arrival(stat.st_size, stat.st_mtime_ns, self._now())
            return False
        if seen.settled or self._now() - seen.since < self._settled:
            return False
        seen.settled = True
        return True

    def _check_order(self, path: Path) -> None:
        """Refuse a file that comes after one whose number is higher.

        Raises:
            LinkError: it does.
        """
        for other in self._files:
            if _stem(other) == _stem(path) and _natural(other) > _natural(path):
                raise LinkError(
                    f"{path.name} came after {other.name} was read; number the files in the order "
                    "of their cycles"
                )

    def _joined(self, files: list[VamasFile]) -> XpsRecording:
        """Return the blocks of all files as one recording.

        Raises:
            LinkError: they make no cycles of regions.
        """
        blocks = tuple(block for file in files for block in file.blocks)
        if any(file.variables != files[0].variables for file in files):
            raise LinkError(
                f"the files in {self._folder} have different experimental variables; let all of "
                "them have the etch time, or none"
            )
        try:
            return recording_of(replace(files[0], blocks=blocks), self._folder)
        except RecordingError as error:
            raise LinkError(str(error)) from error


def _read(path: Path) -> VamasFile | None:
    """Return the whole blocks of a file; None while it has none, or its writer holds it.

    Raises:
        LinkError: it is broken.
    """
    try:
        file, _ = parse_whole_blocks(decoded(path.read_bytes()), path)
    except (OSError, CutOffError):
        return None
    except RecordingError as error:
        raise LinkError(str(error)) from error
    return file if file.blocks else None


def _begin(file: VamasFile) -> float:
    """Return the etch time of a file's first block; -1 where it does not say."""
    first = etch_time(file, file.blocks[0])
    return -1.0 if first is None else first


def _parts(path: Path) -> Iterator[str]:
    return iter(re.split(r"(\d+)", path.name))


def _natural(path: Path) -> tuple[tuple[int, str], ...]:
    """Return a key by which `scan_10` sorts after `scan_9`."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in _parts(path))


def _stem(path: Path) -> str:
    """Return what a file is called but for its numbers."""
    return "#".join(part for part in _parts(path) if not part.isdigit())
