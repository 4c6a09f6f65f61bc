"""A run or session as a value in Python: how it ended, what it found, its data as signals."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from acquire.answers import answer
from acquire.record import RunRecord
from acquire.show import show, told, told_flag


class RunResult:
    """What there is of a run now. It only reads, anew each time, also while the run goes on."""

    def __init__(self, folder: Path) -> None:
        """Read the run in `folder`."""
        self.folder = folder

    def view(self) -> dict[str, Any]:
        """Return all of it, as `liftline show --json` says it."""
        with RunRecord(self.folder) as record:
            return show(record)

    @property
    def state(self) -> str:
        """running, finished, stopped, fault, waiting (for an answer) or interrupted."""
        return str(self.view()["state"])

    @property
    def reason(self) -> str:
        """Why it ended; empty while it goes on."""
        return str(self.view()["reason"])

    @property
    def flags(self) -> list[dict[str, Any]]:
        """The flags in the order in which they were raised."""
        return list(self.view()["flags"])

    @property
    def results(self) -> list[dict[str, Any]]:
        """What each step found; keys carry the unit."""
        return list(self.view()["results"])

    @property
    def questions(self) -> list[dict[str, Any]]:
        """The questions with their choices, and the answers there are."""
        return list(self.view()["questions"])

    @property
    def budgets(self) -> dict[str, Any]:
        """What was spent beside its limit, by kind."""
        return dict(self.view()["budgets"])

    def answer(self, choice: str, question: int | None = None) -> None:
        """Answer an open question; its number may be left out if it is the only one.

        Raises:
            InputError: there is none, or the choice is not among its choices.
        """
        answer(self.folder, (choice,) if question is None else (str(question), choice))

    def signals(self) -> dict[str, Any]:
        """Return the data as HyperSpy signals by file name; spectra are read when they are used."""
        import hyperspy.api as hs

        data = self.folder / "data"
        spectra = {path.name: hs.load(path, lazy=True) for path in sorted(data.glob("*.hspy"))}
        # an image that is loaded lazily keeps its file open for good
        images = sorted((data / "images").glob("*.ome.tif"))
        return spectra | {path.name: hs.load(path) for path in images}

    def __repr__(self) -> str:
        return told(self.view())

    def _repr_html_(self) -> str:
        view = self.view()
        origin = " <b>SIMULATED</b>" if view["simulated"] else ""
        head = f"<b>{escape(view['run'])}</b>: {escape(view['state'])}{origin}"
        words = f"<p>{escape(view['reason'])}</p>" if view["reason"] else ""
        flags = "".join(f"<li>{escape(told_flag(flag))}</li>" for flag in view["flags"])
        body = escape(told({**view, "flags": [], "reason": ""}).split("\n", 1)[-1])
        raised = f"<p>Flags</p><ul>{flags}</ul>" if flags else ""
        return f"<div>{head}{words}{raised}<pre>{body}</pre></div>"
