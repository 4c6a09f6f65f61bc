"""The files in a run's `data/` that show its journal in the form that others read.

A view is written whole under another name and then renamed, so that a reader never meets half a
file. The journal is the truth: a view that cannot be written is told and written later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from acquire.files import PART
from acquire.record import RunRecord
from drivers.clock import wall_seconds

FIRST_AFTER = 2.0
"""Wall seconds before the first refresh, so that a short run does it once, at its end."""
LEAST_SHARE = 10.0
"""A refresh may come after this many times what the last one took."""


class Turns:
    """What runs of one process share, so that their refreshes together keep to that."""

    def __init__(self) -> None:
        """Nobody has refreshed yet."""
        self.next = 0.0
        """Wall time from which anyone may."""


class Views:
    """Keeps the views of a run fresh while it goes on, in the run's own thread."""

    def __init__(
        self,
        folder: Path,
        *,
        say: Callable[[str], None] = lambda text: None,
        turns: Turns | None = None,
    ) -> None:
        """Keep those in `folder`.

        Args:
            folder: of the run.
            say: is told, once for each reason, why a view could not be written.
            turns: of runs that go on side by side.
        """
        self._turns = turns or Turns()
        self._after_you = 0.0 if turns is None else FIRST_AFTER
        self._folder = folder
        self._say = say
        self._due = wall_seconds() + FIRST_AFTER
        self._told: set[str] = set()
        self._swept = False

    def refresh_if_due(self) -> None:
        """Refresh if enough time has passed since the last time; never raises."""
        if wall_seconds() >= max(self._due, self._turns.next):
            self.refresh()

    def refresh(self) -> None:
        """Write the views anew; never raises."""
        began = wall_seconds()
        try:
            self._sweep()
            rebuild(self._folder)
        except Exception as error:  # no defect of a view is worth a run with a specimen in it
            self._tell(f"{type(error).__name__}: {error}")
        ended = wall_seconds()
        self._turns.next = ended + LEAST_SHARE * (ended - began)
        self._due = max(ended + FIRST_AFTER, self._turns.next + self._after_you)

    def _sweep(self) -> None:
        """Remove, once, what an earlier session left half written."""
        if self._swept:
            return
        self._swept = True
        for path in (self._folder / "data").glob(f"*{PART}"):
            path.unlink(missing_ok=True)

    def _tell(self, reason: str) -> None:
        if reason not in self._told:
            self._told.add(reason)
            self._say(
                f"the files in {self._folder / 'data'} are not up to date: {reason}. Nothing is "
                f"lost; if no later message says otherwise: liftline export {self._folder}"
            )


def rebuild(folder: Path) -> list[Path]:
    """Write all views of the run in `folder` from its journal and return their paths.

    Raises:
        RunFolderError: it holds no run that can be read.
        OSError: a view cannot be written; one that stood there before still does.
    """
    with RunRecord(folder) as record:
        return list(_views_of(record))


def export(folder: Path, form: str) -> list[Path]:
    """Write the data of the run in `folder` in a form that others read and return the paths.

    Args:
        folder: of the run.
        form: hspy for all views, vamas, bdf, bdf-parquet, or documents (event-model).

    Raises:
        RunFolderError: it holds no run that can be read.
        InputError: the run has nothing that goes into this form.
        OSError: a file cannot be written.
    """
    if form == "vamas":
        from acquire.xps.vamas_export import export_vamas

        return export_vamas(folder)
    if form == "documents":
        from acquire.bluesky.documents import export_documents

        return export_documents(folder)
    if form in ("bdf", "bdf-parquet"):
        from acquire.cycling.view import export_bdf

        return export_bdf(folder, "parquet" if form == "bdf-parquet" else "csv")
    return rebuild(folder)


def _views_of(record: RunRecord) -> Iterator[Path]:
    from acquire.procedures import SHOWN

    for step in record.steps():
        if step.kind in SHOWN:
            yield from SHOWN[step.kind].write_views(record, step)
