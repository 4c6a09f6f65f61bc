"""What a run has to say: for a person, and for a machine (`show --json`, with its own schema)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from acquire.budgets import Budgets, spend_of
from acquire.cycling.told import told_cycling
from acquire.fib.told import told_figures, told_lift_out
from acquire.record import RunRecord, StepRecord
from acquire.xps.told import told_place, told_profile
from protocols.cycling import CHARGE
from protocols.eds import DOSE
from protocols.lift_out import ELECTRON_DOSE, ION_CHARGE, ION_DOSE, NEEDLE_TRAVEL
from protocols.model import Step
from protocols.xps import ETCH_TIME, XRAY_TIME

BUDGETS = {
    DOSE: ("largest electron dose", 1.0, " e/Å²"),
    ION_DOSE: ("ion dose of images", 1.0, " C/m²"),
    ION_CHARGE: ("charge of ion patterns", 1e6, " µC"),
    ELECTRON_DOSE: ("electron dose of images", 1.0, " e/Å²"),
    NEEDLE_TRAVEL: ("way of the needle", 1e3, " mm"),
    XRAY_TIME: ("time under the X-rays", 1 / 3600, " h"),
    ETCH_TIME: ("time of etching", 1.0, " s"),
    CHARGE: ("charge passed, either way", 1 / 3.6, " mAh"),
}
"""How a person reads a budget: words, unit per SI unit, unit."""
SCHEMA = Path(__file__).with_name("show.schema.json")


def show(record: RunRecord) -> dict[str, Any]:
    """Return the machine's view of a run, as `show.schema.json` describes it."""
    sessions = record.events("session")
    ended = sessions[-1] if sessions and sessions[-1]["state"] != "running" else None
    return {
        "run": record.folder.name,
        "state": record.state,
        "paused": record.state == "running" and record.paused,
        "reason": ended["reason"] if ended else "",
        "simulated": record.simulated,
        "protocol": record.meta.get("name"),
        "started_utc": record.meta.get("begun_utc"),
        "ended_utc": ended["utc"] if ended else None,
        "flags": [_flag(flag) for flag in record.flags()],
        "results": [_result(step) for step in record.steps()],
        "runs": _runs(record),
        "budgets": budgets_of(record),
        "gaps": gaps_of(record),
        "questions": record.questions(),
        "warnings": [event["text"] for event in record.events("warning")],
        "faults": record.events("fault"),
    }


def _runs(record: RunRecord) -> dict[str, str]:
    """Return how the runs of a session ended, by folder, oldest first."""
    return {str(event["folder"]): str(event["state"]) for event in record.events("run")}


def _flag(held: dict[str, Any]) -> dict[str, Any]:
    flag = dict(held["flag"])
    place = flag.pop("place")
    index = flag.pop("index")
    raised = {**held["raised_at"], "index": index}
    return {**flag, **place, "raised_at": raised, "step": held["step"]}


def _result(step: StepRecord) -> dict[str, Any]:
    return {
        "step": step.index,
        "kind": step.kind,
        "ended_by": step.ended_by,
        **(step.result or {}),
    }


def budgets_of(record: RunRecord) -> dict[str, dict[str, float | None]]:
    """Return for each kind the newest step's limit, what was spent and what stands reserved."""
    budgets = Budgets()
    reserved: dict[str, float] = {}
    for index, (_, _, row, settled) in enumerate(record.spends()):
        spend = spend_of(row)
        budgets.restore((index, 0), [spend])
        if not settled:
            reserved[spend.kind] = reserved.get(spend.kind, 0.0) + spend.amount
    limits: dict[str, float] = {}
    given_up = False
    for step in record.steps():
        asked = _asked(step)
        limits |= asked.budgets
        given_up = bool(asked.gives_up)
    budgets.allow(limits, given_up=given_up)
    return {
        kind: {
            **amounts,
            "limit": None if amounts["limit"] == math.inf else amounts["limit"],
            "reserved": reserved.get(kind, 0.0),
        }
        for kind, amounts in budgets.summary().items()
    }


def _asked(step: StepRecord) -> Step:
    """Return the step as the protocol asked for it."""
    from protocols.session import IN_A_RECORD

    return IN_A_RECORD.validate_python(step.request)


def gaps_of(record: RunRecord) -> list[dict[str, Any]]:
    """Return where the run was cut off: actions interrupted, and time between sessions."""
    cut = [{"kind": "interrupted", **event} for event in record.events("interrupted")]
    away = [
        {"kind": "away", "seconds": event["gap_s"], "utc": event["utc"], "time_s": event["time_s"]}
        for event in record.events("session")
        if event.get("gap_s")
    ]
    return sorted(cut + away, key=lambda gap: gap["time_s"])


def told(view: dict[str, Any], *, live: bool = False) -> str:
    """Return the view as text for a person; `live` leaves out what was told while it ran."""
    lines = [
        f"{view['run']}: {view['state']}{', paused' if view['paused'] else ''}"
        f"{' - ' + view['reason'] if view['reason'] else ''}",
        f"protocol {view['protocol']}, begun {view['started_utc'][:19]} UTC"
        + (", SIMULATED" if view["simulated"] else ""),
    ]
    for result in view["results"]:
        lines += _told_result(result)
    lines += [f"  run {folder}: {state}" for folder, state in view["runs"].items()]
    for kind, budget in view["budgets"].items():
        if budget["spent"]:
            alone = "; what the runs spent counts beside it" if view["runs"] else ""
            lines.append(_told_budget(kind, budget) + alone)
    for flag in () if live else view["flags"]:
        lines.append(f"flag: {told_flag(flag)}")
    for gap in view["gaps"]:
        lines.append(_told_gap(gap))
    for question in view["questions"]:
        answer = question["answer"]
        state = f"answered {answer!r}" if answer else f"OPEN, choices: {question['choices']}"
        lines.append(f"question {question['id']}: {question['text']} ({state})")
    if not live:
        lines += [f"warning: {text}" for text in view["warnings"]]
        lines += [f"fault: {event['text']}" for event in view["faults"]]
    return "\n".join(lines)


def _told_budget(kind: str, budget: Mapping[str, Any]) -> str:
    words, per, unit = BUDGETS.get(kind, (kind.replace("_", " "), 1.0, ""))
    limit = "no limit" if budget["limit"] is None else f"limit {budget['limit'] * per:.5g}{unit}"
    return f"{words}: {budget['spent'] * per:.5g}{unit} spent, {limit}"


def told_flag(flag: dict[str, Any]) -> str:
    """Return one flag in words: what, of what, where, with its interval."""
    text = f"{flag['kind']} of {flag['of']}"
    if flag.get("position_m") is not None:
        text += f" at {flag['position_m'] * 1e9:.0f} nm"
    if flag.get("cycle") is not None and flag.get("etch_time_s") is None:
        text += f" in cycle {flag['cycle']:.0f}"
    text += told_place(flag)
    if not flag.get("note") and (figures := told_figures(flag)):
        text += f": {figures}"
    if flag.get("interval_m"):
        low, high = flag["interval_m"]
        text += f" ({flag['confidence']:.0%}: {low * 1e9:.0f} to {high * 1e9:.0f} nm)"
    if flag.get("dose_e_per_angstrom2") is not None:
        text += f" at {flag['dose_e_per_angstrom2']:.4g} e/Å²"
    return text + (f"; {flag['note']}" if flag.get("note") else "")


def _told_result(result: dict[str, Any]) -> list[str]:
    lines = [f"step {result['step']}: {result['kind']}"]
    if result["ended_by"]:
        lines[0] += f", {result['ended_by']}"
    if result["kind"] == "session":
        done = [f"{name} {number}" for name, number in result.get("done", {}).items()]
        return [*lines, f"  done by hand: {', '.join(done)}"] if done else lines
    if result["kind"] == "depth_profile" and "cycles" in result:
        return [*lines, *(f"  {text}" for text in told_profile(result))]
    if result["kind"] == "cycling" and "cycles" in result:
        return [*lines, *(f"  {text}" for text in told_cycling(result))]
    for kind in ("onset", "plateau"):
        lines += _told_places(kind, result.get(f"{kind}s", {}))
    lines += [f"  width {text}" for text in _told_width(result.get("width", {}))]
    for element, found in result.get("dose_for_loss", {}).items():
        lines.append(f"  {element}: {result['loss'] * 100:.3g} % gone: {_told_dose(found)}")
    if "order" in result:
        lines.append(f"  order: {told_order(result)}; {result['points']} positions")
        if limits := told_limits(result):
            lines.append(f"  detection limits at one position: {limits}")
    lines += [f"  refined: {text}" for text in _told_refined(result.get("refined"))]
    if "pixels" in result and "points" in result:
        lines += _told_map(result)
    if result["kind"] == "lift_out" and "success" in result:
        lines += [f"  {text}" for text in told_lift_out(result)]
    return lines


def _told_map(result: dict[str, Any]) -> list[str]:
    rows, columns = result["pixels"]
    lines = [f"  {columns} x {rows} pixels, {result['points_lost']} without data"]
    for element, net in result.get("net_counts", {}).items():
        limit = result["detection_limits"][element]["net_counts"]
        lines.append(
            f"  {element}: {net['value']:.0f} +- {net['standard_error']:.0f} net counts, "
            f"{net['per_s']:.3g} per second; one pixel shows {limit:.2g} and more"
        )
    return lines


def _told_dose(found: dict[str, Any]) -> str:
    """Return a dose with its interval, or why there is none and what is known."""
    if "value_e_per_angstrom2" in found:
        low, high = found["interval_e_per_angstrom2"]
        upper = "no upper end" if high is None else f"{high:.4g}"
        return (
            f"at {found['value_e_per_angstrom2']:.4g} e/Å² "
            f"({found['confidence']:.0%}: {low:.4g} to {upper})"
        )
    least = found.get("at_least_e_per_angstrom2")
    return f"{found['none']}" + ("" if least is None else f"; at least {least:.4g} e/Å²")


def _told_places(kind: str, places: Mapping[str, Any]) -> list[str]:
    """Return a line for each place found, and one for each reason why others have none."""
    missing: dict[str, list[str]] = {}
    lines = []
    for element, found in places.items():
        if "none" in found:
            missing.setdefault(found["none"], []).append(element)
        else:
            lines.append(f"  {told_flag({'kind': kind, 'of': element, **found})}")
    for reason, elements in missing.items():
        lines.append(f"  {', '.join(elements)}: no {kind}: {reason}")
    return lines


def told_order(result: Mapping[str, Any]) -> str:
    """Return which element appears first and why that is said; empty where it was not looked for.

    Order is claimed only of intervals that are apart.
    """
    order = str(result.get("order", ""))
    if order != "undecided":
        return order and f"{order}: the intervals are apart"
    seen = sum("none" not in found for found in result.get("onsets", {}).values())
    reason = "the intervals are not apart" if seen > 1 else "fewer than two elements have an onset"
    return f"undecided: {reason}"


def told_limits(result: Mapping[str, Any]) -> str:
    """Return what of each element one position must give to be seen; empty where not known."""
    return ", ".join(
        f"{element} {limit['net_counts_per_s']:.3g} counts/s ({limit['net_counts']:.3g} counts)"
        for element, limit in result.get("detection_limits", {}).items()
        if "net_counts" in limit and "net_counts_per_s" in limit
    )


def _told_width(width: Mapping[str, Any]) -> list[str]:
    if "none" in width:
        return [f"not known: {width['none']}"]
    if width.get("value_m") is None:
        return []
    text = f"{width['value_m'] * 1e9:.0f} nm"
    if width.get("interval_m"):
        low, high = width["interval_m"]
        text += f" ({width['confidence']:.0%}: {low * 1e9:.0f} to {high * 1e9:.0f} nm)"
    if "from" in width and "to" in width:
        text += f", onset of {width['from']} to plateau of {width['to']}"
    if width.get("spread_m") is not None:
        text += f"; other shapes of the rise differ by up to {width['spread_m'] * 1e9:.0f} nm"
    return [text]


def _told_refined(refined: Mapping[str, Any] | None) -> list[str]:
    if not refined:
        return []
    text = f"{refined['passes']} passes" if "passes" in refined else "yes"
    if refined.get("electrons") is not None:
        text += f", {refined['electrons']:.3g} electrons"
    if refined.get("uniform_electrons") is not None:
        text += f"; a uniform scan: {refined['uniform_electrons']:.3g}"
    return [text]


def _told_gap(gap: dict[str, Any]) -> str:
    if gap["kind"] == "away":
        return f"gap: {gap['seconds']:.3g} s between two sessions"
    spent = gap["meter_advance"]
    extent = "unknown" if spent is None else f"{spent:.4g} {gap['meter']}"
    return (
        f"gap: {gap['name']} (action {gap['action']}) was cut off: {gap['ended_by']}; "
        f"done of it: {extent}, {gap['blocks_kept']} readings kept"
    )


def as_json(view: dict[str, Any]) -> str:
    """Return the machine's view as JSON text."""
    return json.dumps(view, indent=1, allow_nan=False)
