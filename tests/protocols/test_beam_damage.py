"""Dose series as files: what is accepted, and how mistakes are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocols.beam_damage import BeamDamage
from protocols.errors import ProtocolFileError
from protocols.loader import LIBRARY, load_protocol

SERIES = (LIBRARY / "joule2020" / "beam-damage.yaml").read_text(encoding="utf-8")
SESSION = (LIBRARY / "joule2020" / "damage-then-line.yaml").read_text(encoding="utf-8")
CENTRE = "centre: {edge_of: dark_field, offset: 270 nm, from_side: dark}"

WRONG = [
    (SERIES, "exposures: 40", "exposures: 4", r"p\.yaml:\d+: exposures: .*greater than or equal"),
    (SERIES, "dwell: 1 s", "dwell: 1", r"dwell: 1 has no unit; write it like '1 s'"),
    (SERIES, "on_fade: note", "on_fade: end", r"watch\.0\.on_fade: .*'end_series'"),
    (SERIES, "element: O", "element: N", r"watch: the same element twice"),
    (SERIES, "element: N", "element: Li", r"watch\.0\.element: Li has no line that EDS can see"),
    (SERIES, "height: 600 nm", "height: 2 um", r"does not fit the survey field of 1000 nm"),
    (SERIES, CENTRE, "centre: {x: 450 nm, y: 0 nm}", r"the area reaches 530 nm .* out of the"),
    (SERIES, "loss: 0.1", "loss: 1.2", r"loss: Input should be less than 1"),
    (
        SERIES.replace("exposures: 40", "#"),
        "21000 e/",
        "2000 e/",
        r"dose_limit: 2000 e/angstrom\^2 allows 3 exposures of 520\.1 .*a series needs 5",
    ),
    (
        SESSION,
        "{element: N}, {element: O}, {element: P}",
        "{element: O}",
        r"p\.yaml:27: steps\.1\.damage_limit\.element: no beam_damage step before this one watch",
    ),
    (SESSION, "loss: 0.05", "loss: 0", r"steps\.1\.damage_limit\.loss: .*greater than 0"),
]


@pytest.mark.parametrize(("text", "before", "after", "message"), WRONG)
def test_a_mistake_names_file_line_field_and_cure(
    tmp_path: Path, text: str, before: str, after: str, message: str
) -> None:
    assert before in text
    file = tmp_path / "p.yaml"
    file.write_text(text.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(ProtocolFileError, match=message):
        load_protocol(file)


def test_a_limit_needs_a_series_in_the_same_protocol(tmp_path: Path) -> None:
    line = (LIBRARY / "joule2020" / "eds-line.yaml").read_text(encoding="utf-8")
    file = tmp_path / "p.yaml"
    file.write_text(line + "damage_limit: {element: N, loss: 0.05}\n", encoding="utf-8")
    with pytest.raises(ProtocolFileError, match=r"no beam_damage step before this one watches N"):
        load_protocol(file)


def test_without_a_number_as_many_exposures_as_the_limit_allows(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(SERIES.replace("exposures: 40", "#"), encoding="utf-8")
    step = load_protocol(file).steps[0]
    assert isinstance(step, BeamDamage)
    assert step.planned_exposures == 40
    assert step.dose_limit - step.dose < step.planned_dose <= step.dose_limit
