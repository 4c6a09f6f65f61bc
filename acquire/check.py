"""What a protocol will do, how long it takes and what it spends. Nothing moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from acquire.procedures import procedure_of
from drivers.lab import Lab
from drivers.stem import StemLimits
from protocols.eds import DOSE, EdsLineScan, StemImage
from protocols.loader import LoadedProtocol
from protocols.model import Refine


@dataclass(frozen=True)
class StepPlan:
    """What one step would do."""

    step: int
    kind: str
    figures: Mapping[str, float | int | str]
    """By name, with the unit in the name."""
    limits: tuple[Mapping[str, Any], ...] = ()
    """Each limit that counts here: name, value, limit, ok."""
    notes: tuple[str, ...] = ()

    @property
    def refusals(self) -> list[str]:
        """Return a sentence for each limit that the step would exceed."""
        return [
            f"step {self.step}: {each['name']}: {each['value']:.5g} is above the limit of "
            f"{each['limit']:.5g}; {each['cure']}"
            for each in self.limits
            if not each["ok"]
        ]


@dataclass(frozen=True)
class Plan:
    """What a protocol would do."""

    protocol: str
    lab: str
    simulated: bool
    steps: tuple[StepPlan, ...] = field(default=())

    @property
    def refusals(self) -> list[str]:
        """Return a sentence for each reason why it would be refused."""
        return [text for step in self.steps for text in step.refusals]

    def as_dict(self) -> dict[str, Any]:
        """Return the plan for `check --json`."""
        steps = [
            {
                "step": plan.step,
                "kind": plan.kind,
                **plan.figures,
                "limits": [dict(limit) for limit in plan.limits],
                "notes": list(plan.notes),
            }
            for plan in self.steps
        ]
        return {
            "protocol": self.protocol,
            "lab": self.lab,
            "simulated": self.simulated,
            "steps": steps,
            "refusals": self.refusals,
        }


def plan(protocol: LoadedProtocol, lab: Lab) -> Plan:
    """Return what the protocol would do in this lab."""
    limits = {chosen.role: chosen.limits for chosen in lab.instruments}
    steps = []
    for index, step in enumerate(protocol.steps):
        role = procedure_of(step).roles[0]
        bounds = limits.get(role)
        if isinstance(step, EdsLineScan):
            steps.append(_line_scan(index, step, bounds))
        else:
            steps.append(_image(index, step, bounds))
    return Plan(protocol.name, lab.name, lab.simulated, tuple(steps))


def _limit(name: str, value: float, limit: float, cure: str) -> dict[str, Any]:
    return {"name": name, "value": value, "limit": limit, "ok": value <= limit, "cure": cure}


def _current(value: float, bounds: Any) -> list[dict[str, Any]]:
    if not isinstance(bounds, StemLimits):
        return []
    cure = "lower it, or the lab file's probe_current_max stands in the way"
    return [_limit("probe_current_A", value, bounds.probe_current_max, cure)]


def _line_scan(index: int, step: EdsLineScan, bounds: Any) -> StepPlan:
    drift = step.drift
    images = 0 if drift is None else -(-step.points // drift.every)
    imaging = step.survey.dose + (0.0 if drift is None else images * drift.image.dose)
    exposing = step.points * step.dwell
    seconds = (
        exposing + step.survey.duration + (0.0 if drift is None else images * drift.image.duration)
    )
    overlapping = 2 if any(isinstance(w.on_onset, Refine) for w in step.watch) else 1
    dose = overlapping * step.dose + imaging
    notes = [f"watches {', '.join(watch.xray_line for watch in step.watch)}"]
    if overlapping == 2:
        notes.append("a refined position overlaps its neighbours: twice the dose there")
    notes.append("beam time only; stage, settling and questions come on top")
    figures = {
        "points": step.points,
        "pitch_m": step.pitch,
        "length_m": step.length,
        "beam_time_s": seconds,
        "dose_per_point_e_per_angstrom2": step.dose,
        "dose_imaging_e_per_angstrom2": imaging,
        DOSE: dose,
        "images": images + 1,
    }
    largest = max(step.probe_current, step.survey.probe_current)
    cure = "widen the strip, coarsen the pitch, shorten the dwell, or raise dose_limit"
    limits = [_limit(DOSE, dose, step.dose_limit, cure), *_current(largest, bounds)]
    return StepPlan(index, step.kind, figures, tuple(limits), tuple(notes))


def _image(index: int, step: StemImage, bounds: Any) -> StepPlan:
    figures = {"beam_time_s": step.image.duration, DOSE: step.image.dose}
    cure = "widen the field, shorten the dwell, or raise dose_limit"
    limits = [
        _limit(DOSE, step.image.dose, step.dose_limit, cure),
        *_current(step.image.probe_current, bounds),
    ]
    return StepPlan(index, step.kind, figures, tuple(limits))


def told(made: Plan) -> str:
    """Return the plan as text for a person."""
    where = f"{made.lab}{' (simulated)' if made.simulated else ''}"
    lines = [f"{made.protocol} in {where}; nothing moves"]
    for step in made.steps:
        lines.append(f"step {step.step}: {step.kind}")
        lines += [f"  {name.replace('_', ' ')}: {_rounded(v)}" for name, v in step.figures.items()]
        for limit in step.limits:
            verdict = "ok" if limit["ok"] else "REFUSED"
            lines.append(
                f"  limit {limit['name']}: {limit['value']:.4g} of {limit['limit']:.4g}, {verdict}"
            )
        lines += [f"  {note}" for note in step.notes]
    return "\n".join(lines)


def _rounded(value: float | int | str) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
