"""Cooling until stage, needle and shield are cold and steady."""

from __future__ import annotations

from acquire.fib.session import Session
from drivers.cryo import CryoStatus
from protocols.lift_out import Cold

EVERY = 60.0
"""Seconds between readings."""
NEEDLE_WITHIN = 20.0
"""Most by which the needle may be warmer than the stage's setpoint (K): it follows through a
braid. Ours, to verify; the lab's limit holds beside it."""


def cool(session: Session) -> None:
    """Cool the stage and wait until it has been steady for as long as the protocol says."""
    step, run = session.step, session.run
    cold = step.cold
    run.do(session.cryo.cool, cold.stage)
    begun, since = run.now(), None
    while True:
        status = reading(session)
        now = run.now()
        steady = session.decide("steady", is_steady(status, cold))
        since = (now if since is None else since) if steady else None
        if since is not None and now - since >= cold.steady:
            break
        run.progress(int(now - begun), int(cold.at_most), f"{status.stage_temperature:.1f} K")
        if now - begun > cold.at_most:
            session.ask(
                f"not cold and steady after {cold.at_most / 3600:.3g} h: stage "
                f"{status.stage_temperature:.1f} K ({status.stage_slope * 60:+.2f} K/min), needle "
                f"{status.needle_temperature:.1f} K, shield {status.shield_temperature:.1f} K; "
                "check the nitrogen and the gas flow",
                ("wait on", "stop"),
            )
            begun = now
        run.sleep(EVERY)
    run.verified("cold", True)
    session.found["time_to_cold_s"] = now - begun


def reading(session: Session) -> CryoStatus:
    """Read the cold stage's temperatures and keep them for the result."""
    status = session.run.do(session.cryo.status)
    session.temperatures.append(
        {
            "time_s": session.run.now(),
            "stage_K": status.stage_temperature,
            "needle_K": status.needle_temperature,
            "shield_K": status.shield_temperature,
        }
    )
    return status


def is_steady(status: CryoStatus, cold: Cold) -> bool:
    """True if all is cold now and the stage does not drift; NaN is not."""
    return (
        abs(status.stage_temperature - cold.stage) <= cold.within
        and abs(status.stage_slope) <= cold.slope
        and status.needle_temperature <= cold.stage + NEEDLE_WITHIN
        and status.shield_temperature <= status.stage_temperature
    )


def still_cold(session: Session) -> None:
    """Read the temperatures before a stage; where it is not cold, wait for it or ask."""
    status = reading(session)
    if not session.decide("steady", is_steady(status, session.step.cold)):
        session.run.verified("cold", False)
        cool(session)
