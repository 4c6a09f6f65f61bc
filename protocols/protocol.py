"""A protocol: one step, or a list of steps, as one document."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from protocols.beam_damage import BeamDamage
from protocols.eds import EdsLineScan, StemImage
from protocols.eds_map import EdsMap
from protocols.lift_out import LiftOut
from protocols.model import Written
from protocols.xps import DepthProfile

OneStep = EdsLineScan | EdsMap | StemImage | BeamDamage | LiftOut | DepthProfile
AnyStep = Annotated[OneStep, Field(discriminator="kind")]


class Steps(Written):
    """Several steps, done one after the other."""

    title: str | None = None
    """What this session is for, in a few words."""
    steps: Annotated[tuple[AnyStep, ...], Field(min_length=1)]
    """The steps in order."""


ONE_STEP: TypeAdapter[OneStep] = TypeAdapter(AnyStep)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a protocol file, for completion in an editor."""
    document: TypeAdapter[Any] = TypeAdapter(AnyStep | Steps)
    schema = document.json_schema(mode="validation")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "liftline protocol",
        **schema,
    }
