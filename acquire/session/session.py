"""A lab in a script or a notebook: `with Session("lab.yaml") as lab: lab.stem.image("2 um")`."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, Unpack

from acquire.launch import RunEnd, begin_run, resume_run
from acquire.procedures import roles_of
from acquire.session.broken import broken_off
from acquire.session.given import Quantity, settings, si
from acquire.session.instrument import Instrument
from acquire.session.instruments import (
    KINDS,
    SessionCryo,
    SessionFib,
    SessionPotentiostat,
    SessionStem,
    SessionXps,
)
from acquire.session.line import Line
from acquire.session.live import LiveSession
from acquire.session.result import RunResult
from acquire.session.shown import show_in_notebooks
from acquire.share import CTRL_C
from drivers.errors import InputError
from drivers.lab import Lab, simulated_lab
from drivers.lab import dry as swapped
from drivers.lab_file import load_lab
from protocols import units
from protocols.loader import LoadedProtocol, load_protocol
from protocols.session import ByHand, SpendingLimits
from protocols.units import closest

Kind = TypeVar("Kind", bound=Instrument[Any])


class Limits(TypedDict, total=False):
    """What calls by hand may spend, as `protocols.session.SpendingLimits` says it."""

    dose_limit: Quantity
    ion_dose_limit: Quantity
    electron_dose_limit: Quantity
    ion_charge_limit: Quantity
    needle_travel_limit: Quantity
    xray_time_limit: Quantity
    etch_time_limit: Quantity
    charge_limit: Quantity


class NoInstrumentError(InputError, AttributeError):
    """The lab has no such instrument, or a session no such name."""


class Session:
    """An open lab. Calls by hand and runs go through one gate, one set of budgets, one record.

    Nothing is connected before it is used. What a call by hand may spend is what the limits given
    here say (`dose_limit="50 e/angstrom^2"`); a kind that has none is counted, not limited, beside
    the limits of the lab file, which hold for each call. A run spends by its own protocol's limits;
    what it has spent counts for later calls by hand on the same place.

    Leave it with `with`, or `close()`; it also closes when Python ends. A session that broke off
    (crash, power cut) is gone on with by the next one of the same lab file in the same folder.
    """

    def __init__(
        self,
        lab: str | Path | Lab,
        *,
        dry: bool = False,
        out: str | Path = "runs",
        seed: int = 0,
        quiet: bool = False,
        **limits: Unpack[Limits],
    ) -> None:
        """Read the lab file; connect nothing, unless the last session broke off in an action.

        Args:
            lab: the lab file.
            dry: swap every instrument for its simulator.
            out: folder in which the session and each run make their own.
            seed: of simulators.
            quiet: tell nothing on standard error.
            limits: what calls by hand may spend.

        Raises:
            InputError: the lab file or a limit is wrong.
        """
        loaded = lab if isinstance(lab, Lab) else load_lab(Path(lab))
        self._lab = swapped(loaded) if dry else loaded
        self._step = ByHand(limits=settings(SpendingLimits, **limits))
        self._out = Path(out)
        self._seed = seed
        self._line = Line(quiet=quiet)
        self._live: LiveSession | None = None
        self._closed = False
        self._beginning = Lock()
        self._shown = show_in_notebooks()
        if broken_off(self._lab, self._out, seed) is not None:
            self._use()  # what was cut off is looked at now: a beam may be on

    @classmethod
    def simulated(
        cls,
        instruments: Sequence[str] = ("stem",),
        *,
        specimen: str | None = None,
        cell: str | None = None,
        real_time: bool = False,
        out: str | Path = "runs",
        seed: int = 0,
        quiet: bool = False,
        **limits: Unpack[Limits],
    ) -> Session:
        """Return a session with the built-in simulators of some instruments, in virtual time.

        Args:
            instruments: roles, such as stem, or fib and cryo.
            specimen: a file, or the name of one that comes with liftline.
            cell: likewise, for the potentiostat.
            real_time: let simulators take as long as instruments.
            out: as for `Session`, and so are the next ones.
            seed: of the simulators.
            quiet: tell nothing on standard error.
            limits: what calls by hand may spend.
        """
        roles = (instruments,) if isinstance(instruments, str) else instruments
        lab = simulated_lab({role: {} for role in roles}, "real" if real_time else "jumping")
        for name, value in (("specimen", specimen), ("cell", cell)):
            takers = [c.role for c in lab.instruments if name in c.spec.settings.model_fields]
            if value is not None and not takers:
                raise InputError(f"none of {', '.join(roles)} takes a {name}")
            for role in takers if value is not None else ():
                lab = lab.with_settings(role, **{name: value})
        return cls(lab, out=out, seed=seed, quiet=quiet, **limits)

    # -- instruments ------------------------------------------------------------------------

    def _use(self) -> LiveSession:
        if self._closed:
            raise InputError("this session is closed; begin another: Session(...)")
        with self._beginning:
            if self._live is None:
                self._live = live = LiveSession(
                    self._lab,
                    self._out,
                    seed=self._seed,
                    step=self._step,
                    line=self._line,
                    shown=self._shown,
                )
                self._end = weakref.finalize(self, _end, live)
            return self._live

    def instrument(self, role: str) -> Instrument[Any]:
        """Return an instrument by its role; `lab.stem` is `lab.instrument("stem")`.

        Raises:
            NoInstrumentError: the lab has none.
        """
        roles = [chosen.role for chosen in self._lab.instruments]
        if role not in roles:
            raise NoInstrumentError(
                f"lab {self._lab.name!r} has no {role}{closest(role, roles)}; it has: "
                f"{', '.join(roles)}. Add it under instruments in the lab file"
            )
        return KINDS.get(role, Instrument)(role, self._use)

    def _of(self, role: str, kind: type[Kind]) -> Kind:
        self.instrument(role)
        return kind(role, self._use)

    @property
    def stem(self) -> SessionStem:
        """The STEM with its EDS detector."""
        return self._of("stem", SessionStem)

    @property
    def fib(self) -> SessionFib:
        """The focused ion beam microscope."""
        return self._of("fib", SessionFib)

    @property
    def cryo(self) -> SessionCryo:
        """The cold stage."""
        return self._of("cryo", SessionCryo)

    @property
    def xps(self) -> SessionXps:
        """The XPS spectrometer with its ion gun."""
        return self._of("xps", SessionXps)

    @property
    def potentiostat(self) -> SessionPotentiostat:
        """The potentiostat with one cell on it."""
        return self._of("potentiostat", SessionPotentiostat)

    if not TYPE_CHECKING:  # a type checker shall tell of a name that is wrong

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(name)
            own = [word for word in dir(type(self)) if not word.startswith("_")]
            if name not in KINDS and (near := closest(name, own)):
                raise NoInstrumentError(f"a session has no {name!r}{near}")
            return self.instrument(name)

    def __dir__(self) -> list[str]:
        roles = {chosen.role for chosen in self._lab.instruments}
        absent = set(KINDS) - roles
        return sorted({*super().__dir__(), *roles} - absent)

    def wait(self, duration: Quantity) -> None:
        """Wait on the lab's clock (s, or text such as "2 h"); simulated hours pass at once.

        Raises:
            InputError: it is no duration.
            KeyboardInterrupt: after Ctrl-C.
        """
        seconds = si("duration", duration, units.TIME)
        if seconds < 0:
            raise InputError(f"duration: {duration!r} is negative; write a time such as '2 h'")
        self._use().wait(seconds)

    # -- runs -------------------------------------------------------------------------------

    def run(self, protocol: str | Path | LoadedProtocol) -> RunResult:
        """Run a protocol in this lab, as a run of its own in a folder of its own.

        Args:
            protocol: loaded, a file, or the name of a published one.

        Raises:
            InputError: the lab lacks an instrument or a limit would be exceeded; nothing has moved.
            KeyboardInterrupt: after Ctrl-C, when everything is safe; `resume` goes on with the run.
        """
        loaded = protocol if isinstance(protocol, LoadedProtocol) else load_protocol(protocol)
        live = self._use()
        part = live.opened.lab.only(roles_of(loaded.steps))
        end = begin_run(loaded, part, self._out, seed=self._seed, desk=live.desk, lent=live.lent())
        return self._ended(live, end)

    def resume(self, run: str | Path | RunResult) -> RunResult:
        """Go on with a run of this lab that was stopped, cut off, or waited for an answer.

        Raises:
            InputError: it is no run that can be gone on with here.
            KeyboardInterrupt: as for `run`.
        """
        folder = run.folder if isinstance(run, RunResult) else Path(run)
        live = self._use()
        return self._ended(live, resume_run(folder, desk=live.desk, lent=live.lent()))

    def _ended(self, live: LiveSession, end: RunEnd) -> RunResult:
        self._line.clear()
        live.count(end.folder)
        if end.reason == f"stopped by {CTRL_C}":
            raise KeyboardInterrupt(f"safe; go on with it: lab.resume({str(end.folder)!r})")
        return RunResult(end.folder)

    # -- the record -------------------------------------------------------------------------

    @property
    def folder(self) -> Path | None:
        """The session's own run folder; None before anything is used."""
        return None if self._live is None else self._live.folder

    @property
    def record(self) -> RunResult:
        """What was done by hand so far, as a result.

        Raises:
            InputError: nothing was.
        """
        if self._live is None:
            raise InputError("nothing was done in this session so far")
        return RunResult(self._live.folder if self._closed else self._live.saved())

    @property
    def spent(self) -> dict[str, dict[str, float | None]]:
        """What was spent beside its limit by kind of budget, runs included."""
        return self._use().spent()

    # -- the end ----------------------------------------------------------------------------

    def close(self) -> None:
        """Leave every instrument safe, end the record, let go of the lab. May be repeated."""
        self._close("finished", "closed")

    def _close(self, state: str, reason: str) -> None:
        self._closed = True
        if self._live is not None:
            self._end.detach()
            self._live.close(state, reason)

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None or (isinstance(error, SystemExit) and not error.code):
            self.close()
        else:
            self._close("stopped", f"left by {type(error).__name__}: {error}".rstrip(": "))

    def __repr__(self) -> str:
        roles = [chosen.role for chosen in self._lab.instruments]
        state = "closed" if self._closed else f"record {self.folder}" if self._live else "unused"
        return f"<Session of {self._lab.name!r}: {', '.join(roles)}; {state}>"


def _end(live: LiveSession) -> None:
    """Close a session that nobody closed."""
    with suppress(Exception):
        live.close("finished", "not closed by the script; closed when it ended")
