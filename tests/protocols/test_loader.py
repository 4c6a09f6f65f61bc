"""Protocol files: what is accepted, and how mistakes are told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from protocols.eds import EdsLineScan
from protocols.errors import InputError, ProtocolFileError
from protocols.loader import LIBRARY, load_protocol, published
from protocols.protocol import json_schema

GOOD = (LIBRARY / "joule2020" / "eds-line.yaml").read_text(encoding="utf-8")


def write(folder: Path, text: str) -> Path:
    file = folder / "p.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def changed(before: str, after: str) -> str:
    assert before in GOOD
    return GOOD.replace(before, after)


WRONG = [
    (
        "dwell: 180 ms",
        "dwell: 0.18",
        r"p\.yaml:13: dwell: 0\.18 has no unit; write it like '180 ms'",
    ),
    ("dwell: 180 ms", "dwell: 3 nm", r"p\.yaml:13: dwell: '3 nm': 'nm' does not measure"),
    ("dwell: 180 ms", "dwel: 180 ms", r"p\.yaml:13: dwel: unknown field, did you mean 'dwell'\?"),
    ("dwell: 180 ms", "dwell: .nan", r"p\.yaml:13: dwell: nan is not a finite number"),
    ("dwell: 180 ms", "dwell: -1 s", r"p\.yaml:13: dwell: Input should be greater than 0"),
    ("points: 351", "points: 1", r"p\.yaml:10: points: Input should be greater than or equal to 2"),
    ("kind: eds_line_scan", "kind: eds_scan", r"p\.yaml:\d+: kind: say which kind of step this is"),
    ("element: N,", "element: Li,", r"watch\.0\.element: Li has no line that EDS can see"),
    ("element: N,", "element: Nn,", r"watch\.0\.element: 'Nn' is not an element"),
    ("element: N,", "element: P,", r"watch: the same element twice"),
    ("element: N,", "element: N, line: La,", r"watch\.0: N has no line 'La'; it has Ka"),
    ("length: 350 nm", "length: 3 um", r"does not fit the survey field of 1000 nm"),
    (
        "start: {edge_of: dark_field, offset: -200 nm, from_side: dark}",
        "start: {x: 400 nm, y: 0 nm}",
        r"leaves the survey field of ±500 nm; move or shorten it",
    ),
    ("on_onset: note", "on_onset: shout", r"on_onset"),
    ("length: 350 nm", "length: [350 nm", r"p\.yaml:\d+: not YAML"),
]


@pytest.mark.parametrize(("before", "after", "message"), WRONG)
def test_a_mistake_names_file_line_field_and_cure(
    tmp_path: Path, before: str, after: str, message: str
) -> None:
    with pytest.raises(ProtocolFileError, match=message):
        load_protocol(write(tmp_path, changed(before, after)))


def test_a_bare_number_names_the_line_and_the_cure(tmp_path: Path) -> None:
    file = write(tmp_path, "kind: eds_line_scan\ndwell: 0.2\n")
    cure = r"p\.yaml:2: dwell: 0\.2 has no unit; write it like '200 ms'"
    with pytest.raises(ProtocolFileError, match=cure):
        load_protocol(file)


def test_the_mistakes_of_one_branch_only_are_told(tmp_path: Path) -> None:
    file = write(tmp_path, changed("offset: -200 nm,", ""))
    with pytest.raises(ProtocolFileError) as caught:
        load_protocol(file)
    assert str(caught.value) == f"{file}:8: start.offset: is missing; add 'offset: ...'"


@pytest.mark.parametrize("name", published())
def test_each_published_protocol_loads(name: str) -> None:
    assert load_protocol(name).steps


def test_the_published_scan_stays_below_its_limit() -> None:
    step = load_protocol("joule2020/eds-line").steps[0]
    assert isinstance(step, EdsLineScan)
    assert step.dose == pytest.approx(1872.45, abs=0.01)
    assert step.pitch == pytest.approx(1e-9)


def test_an_unknown_protocol_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'joule2020/eds-line'"):
        load_protocol("joule2020/eds-lin")


def test_several_steps_are_a_session(tmp_path: Path) -> None:
    body = "\n".join("    " + line for line in GOOD.splitlines())
    text = f"title: two\nsteps:\n  -\n{body}\n  -\n{body}\n"
    assert len(load_protocol(write(tmp_path, text)).steps) == 2


def test_the_committed_schema_is_the_present_one() -> None:
    committed = json.loads((LIBRARY.parent / "protocol.schema.json").read_text(encoding="utf-8"))
    assert committed == json_schema(), "run: liftline schema > protocols/protocol.schema.json"


def test_the_schema_accepts_what_is_published_and_refuses_a_bare_number() -> None:
    import jsonschema
    from ruamel.yaml import YAML

    document = YAML(typ="safe").load(GOOD)
    jsonschema.validate(document, json_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "dwell": 0.2}, json_schema())
