"""The lift-out: stage after stage, each done, looked at, measured, and only then taken as done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from acquire.fib.carrying import lift, sever, weld
from acquire.fib.cooling import cool, still_cold
from acquire.fib.cutting import clean, trench, undercut
from acquire.fib.joining import facts_before
from acquire.fib.landing import land, release, weld_grid
from acquire.fib.lift_out_data import BEGUN, ENDED
from acquire.fib.reaching import contact, needle_in
from acquire.fib.result import result, species
from acquire.fib.session import Session
from acquire.fib.surveying import survey
from acquire.fib.thinning import final, polish, thin
from acquire.flags import Flag
from acquire.run import Run
from drivers.cryo import Cryo
from drivers.fib import Fib
from protocols.errors import InputError
from protocols.lift_out import LiftOut, StageName

DO: Mapping[StageName, Callable[[Session], None]] = {
    "cool": cool,
    "survey": survey,
    "trench": trench,
    "undercut": undercut,
    "clean": clean,
    "needle_in": needle_in,
    "contact": contact,
    "weld": weld,
    "sever": sever,
    "lift": lift,
    "land": land,
    "weld_grid": weld_grid,
    "release": release,
    "thin": thin,
    "polish": polish,
    "final": final,
}


def lift_out(step: LiftOut, fib: Fib, cryo: Cryo, run: Run) -> dict[str, Any]:
    """Do the stages of the step in order and return its result as `show --json` gives it.

    Raises:
        InputError: the instrument's ions are not those of the protocol; nothing has moved.
        RunStopped: something could not be verified and the operator, or nobody, said go on.
    """
    session = Session(step, fib, cryo, run, run.do(fib.setup))
    _check_species(session)
    begun = run.now()
    facts_before(session)
    for index, name in enumerate(step.stages):
        session.stage = name
        run.progress(index, len(step.stages), name)
        session.decide(f"stage {name}", BEGUN)
        if name != "cool":
            still_cold(session)
        _stage(session, name)
        session.decide(f"stage {name}", ENDED)
    return result(session, begun, run.do(cryo.status))


def _stage(session: Session, name: StageName) -> None:
    """Do a stage; a supervised one again for as long as the operator wants."""
    while True:
        DO[name](session)
        if not session.step.stage(name).supervised:
            return
        if session.ask("done; look at the images", ("go on", "repeat", "stop")) == "go on":
            return


def _check_species(session: Session) -> None:
    """Refuse the wrong ions; flag where a publication states others than the instrument has."""
    known = species(session.step, session.setup)
    reported, stated = known["as_reported"], known["as_stated"]
    if reported is not None and reported != known["written"]:
        raise InputError(
            f"the protocol is for {known['written']} ions, the instrument has {reported}; write "
            f"ions.species: {reported}, or use another instrument"
        )
    actual = reported or known["written"]
    if stated is not None and stated != actual:
        note = f"stated as {stated}, the instrument reports {reported or 'nothing'}"
        session.run.flag(Flag("species", "ions", 0, note=note))
