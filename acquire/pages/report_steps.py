"""What a report says of each step."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pkgutil import resolve_name
from typing import Any

from acquire.pages.step_page import StepPage, state_of, title_of
from acquire.procedures import SHOWN
from acquire.record import RunRecord, StepRecord


def step_pages(record: RunRecord, view: Mapping[str, Any]) -> Iterator[StepPage]:
    """Yield the steps that have begun; `view` is what `acquire.show.show` says of the run."""
    for step in record.steps():
        if step.kind in SHOWN:
            yield resolve_name(SHOWN[step.kind].page)(record, step, view)
        else:
            yield _unknown(step)


def _unknown(step: StepRecord) -> StepPage:
    """Return the page of a kind that another version knew."""
    raw = json.dumps(step.result, indent=1, ensure_ascii=False)
    return StepPage(step.index, title_of(step), step.kind, state_of(step), raw_result=raw)
