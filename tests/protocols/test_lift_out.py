"""The published lift-out and the examples of it say what they mean to do."""

from __future__ import annotations

from protocols.lift_out import STAGES, LiftOut
from protocols.loader import load_protocol


def one(name: str) -> LiftOut:
    (step,) = load_protocol(name).steps
    assert isinstance(step, LiftOut)
    return step


def test_the_published_lift_out_goes_from_cooling_to_the_final_image_unsupervised() -> None:
    step = one("joule2020/lift-out")
    assert step.stages == STAGES
    assert not any(step.stage(name).supervised for name in STAGES)


def test_the_supervised_example_begins_on_the_grid_and_asks_while_polishing() -> None:
    step = one("examples/lift-out-supervised")
    assert step.stages == ("thin", "polish", "final")
    assert [name for name in step.stages if step.stage(name).supervised] == ["polish"]
    assert step.flags == {"thickness": "ask"}
