"""The part of a run that its journal holds already, given back call by call on resume.

Actions and decisions must come in the journal's order with the same arguments. Flags are more
forgiving: they are figures of the analysis, and another library version may raise one a reading
earlier or later. What the journal says of them stands; the difference is a warning.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from acquire.journal import Journal
from acquire.rows import Entry
from drivers.errors import ReplayMismatchError

CHUNK = 500
"""Entries read at a time."""


class Past:
    """Walks through the entries that earlier sessions wrote."""

    def __init__(
        self, journal: Journal, on_flag: Callable[[Entry], None], warn: Callable[[str], None]
    ) -> None:
        """Walk `journal`; `on_flag` gets a flag that the procedure did not raise where it was."""
        self._journal = journal
        self._on_flag = on_flag
        self._warn = warn
        self._read = 0
        self._ahead: deque[Entry] = deque()

    def leave(self) -> None:
        """Stand at the end of the past: what comes now is new, nothing is given back."""
        self._read = -1
        self._ahead.clear()

    def next(self) -> Entry | None:
        """Return the next entry without taking it, or None where the past ends."""
        if not self._ahead and self._read >= 0:
            found = list(self._journal.entries(after=self._read, most=CHUNK))
            self._read = found[-1].id if found else -1
            self._ahead.extend(found)
        return self._ahead[0] if self._ahead else None

    def take(self, kind: str, name: str, request: str) -> Entry | None:
        """Return the entry of this call, or None where the past ends and the present begins.

        Raises:
            ReplayMismatchError: the journal holds something else here.
        """
        entry = self.next()
        while entry is not None and entry.kind == "flag" and kind != "flag":
            self._ahead.popleft()
            self._warn(f"{entry.name}: the journal holds this flag here, this analysis does not")
            self._on_flag(entry)
            entry = self.next()
        if entry is None:
            return None
        if kind == "flag" and (entry.kind, entry.name) != (kind, name):
            raise LookupError(name)
        if (entry.kind, entry.name, entry.request) != (kind, name, request):
            raise ReplayMismatchError(
                f"replay differs at action {entry.id}: the journal holds "
                f"{_told(entry.kind, entry.name, entry.request)}, the procedure asks for "
                f"{_told(kind, name, request)}. The procedure changed since this run began; finish "
                f"it with version {self._journal.meta('version')}, or start a new run"
            )
        self._ahead.popleft()
        return entry


def _told(kind: str, name: str, request: str) -> str:
    arguments = request if len(request) <= 160 else request[:157] + "..."
    return f"{name}({arguments})" if kind == "do" else f"{kind} {name!r} {arguments}"
