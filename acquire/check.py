"""What a protocol will do, how long it takes and what it spends. Nothing moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from acquire.plan import StepPlan
from acquire.procedures import procedure_of
from drivers.lab import Lab
from protocols.loader import LoadedProtocol


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
                "expected": plan.expected,
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
    steps = tuple(
        procedure_of(step).planned(index, step, limits) for index, step in enumerate(protocol.steps)
    )
    return Plan(protocol.name, lab.name, lab.simulated, steps)


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
        lines += [f"  {text}" for text in step.foretold]
        lines += [f"  CANNOT ANSWER: {text}" for text in step.cannot]
    return "\n".join(lines)


def _rounded(value: float | int | str) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
