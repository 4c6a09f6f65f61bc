"""VAMAS files: what is written is read back, by us and by others, and what is broken is told."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
import vamas
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import CutOffError, InputError, RecordingError
from drivers.vamas.content import Block, Label, Ordinate, Parameter, Sputtering, VamasFile, evenly
from drivers.vamas.read import parse_vamas, parse_whole_blocks, read_vamas
from drivers.vamas.write import vamas_text, write_vamas

SHARED = Path(os.environ.get("LIFTLINE_SHARED", Path(__file__).parents[3] / "shared"))
REGULAR = SHARED / "data" / "xps-regular.vms"
HERE = Path("made.vms")


def block(name: str = "N 1s", etch: float = 0.0, **changed: object) -> Block:
    counts = np.array([7.0, 0.0, 12.0, 9.0])
    made = Block(
        name=name,
        sample="Li/LiPON",
        taken=datetime(2026, 11, 24, 9, 30, 5, tzinfo=UTC),
        comment=("first", "second: 3"),
        technique="XPS",
        variables=(etch,),
        source="Al",
        source_energy=1486.7,
        species="N",
        transition="1s",
        abscissa=Label("kinetic energy", "eV"),
        points=evenly(1080.7, 0.1, 4),
        start=1080.7,
        step=0.1,
        ordinates=(
            Ordinate("counts", "d", counts),
            Ordinate("Transmission", "d", np.array([1.0, 0.99, 0.98, 0.97])),
        ),
        dwell=0.2,
        scans=2,
        pass_energy=40.0,
        parameters=(Parameter("ESCAPE DEPTH TYPE", "d", 1.0),),
    )
    return replace(made, **changed)


def made(*blocks: Block, **changed: object) -> VamasFile:
    file = VamasFile(
        institute="Not Specified",
        instrument="AXIS",
        operator="",
        experiment="profile",
        comment=("SIMULATED",),
        mode="NORM",
        variables=(Label("Etch Time", "s"),),
        blocks=blocks or (block(), block("O 1s"), block(etch=60.0), block("O 1s", 60.0)),
        regions=2,
    )
    return replace(file, **changed)


TEXT = vamas_text(made())


def same(one: Block, other: Block) -> None:
    for each in fields(Block):
        mine, theirs = getattr(one, each.name), getattr(other, each.name)
        if each.name == "points":
            np.testing.assert_array_equal(mine, theirs)
        elif each.name == "ordinates":
            assert [(o.label, o.unit) for o in mine] == [(o.label, o.unit) for o in theirs]
            for a, b in zip(mine, theirs, strict=True):
                np.testing.assert_array_equal(a.values, b.values)
        else:
            assert mine == theirs, each.name


def changed_line(text: str, what: str, to: str) -> str:
    assert f"\r\n{what}\r\n" in text
    return text.replace(f"\r\n{what}\r\n", f"\r\n{to}\r\n", 1)


def test_another_reader_finds_the_same_numbers(tmp_path: Path) -> None:
    path = tmp_path / "profile.vms"
    file = made()
    write_vamas(path, file)
    theirs = vamas.Vamas(path)
    assert theirs.header.experiment_variables[0].label == "Etch Time"
    assert theirs.header.comment == "SIMULATED"
    for ours, other in zip(file.blocks, theirs.blocks, strict=True):
        assert (other.species_label, other.transition_or_charge_state_label) == ("N", "1s")
        assert [float(value) for value in other.values_exp_var] == list(ours.variables)
        assert (other.x_start, other.x_step) == (ours.start, ours.step)
        assert (other.signal_collection_time, other.num_scans_to_compile_block) == (0.2, 2)
        for mine, read in zip(ours.ordinates, other.corresponding_variables, strict=True):
            assert read.y_values == mine.values.tolist()
            assert (read.y_min, read.y_max) == (mine.values.min(), mine.values.max())


@pytest.mark.skipif(not REGULAR.exists(), reason="the shared recordings are not here")
def test_a_file_of_casaxps_is_read_and_written_so_that_another_reader_sees_no_difference(
    tmp_path: Path,
) -> None:
    file = read_vamas(REGULAR)
    (survey,) = file.blocks
    assert (survey.name, survey.source_energy, survey.dwell) == ("Survey", 1486.61, 0.1)
    assert survey.points[[0, -1]] == pytest.approx([136.61, 1486.61])
    assert survey.ordinates[1].label == "Transmission"
    path = tmp_path / "again.vms"
    write_vamas(path, file)
    again, original = vamas.Vamas(path), vamas.Vamas(REGULAR)
    assert again.header == original.header
    assert again.blocks == original.blocks


LINES = st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), max_size=20).map(
    str.strip
)
FIGURES = st.floats(-1e12, 1e12, allow_subnormal=False)
MAYBE = st.none() | FIGURES
IONS = st.builds(
    Sputtering,
    st.integers(0, 99),
    MAYBE,
    MAYBE,
    *[MAYBE] * 6,
    mode=st.sampled_from(["cyclic", None]),
)


@st.composite
def blocks(draw: st.DrawFn, variables: int, sputtered: bool) -> Block:
    count = draw(st.integers(1, 5))
    values = st.lists(FIGURES, min_size=count, max_size=count).map(np.array)
    start, step = draw(FIGURES), draw(FIGURES.filter(bool))
    ahead = timezone(timedelta(hours=draw(st.integers(-12, 14))))
    return Block(
        name=draw(LINES),
        sample=draw(LINES),
        taken=draw(
            st.none()
            | st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1)).map(
                lambda when: when.replace(microsecond=0, tzinfo=ahead)
            )
        ),
        comment=tuple(draw(st.lists(LINES, max_size=3))),
        technique="XPS",
        variables=tuple(draw(st.lists(MAYBE, min_size=variables, max_size=variables))),
        source=draw(LINES),
        source_energy=draw(MAYBE),
        species=draw(LINES),
        transition=draw(LINES),
        abscissa=draw(st.builds(Label, LINES, LINES)),
        points=evenly(start, step, count),
        start=start,
        step=step,
        ordinates=tuple(
            draw(st.lists(st.builds(Ordinate, LINES, LINES, values), min_size=1, max_size=3))
        ),
        dwell=draw(MAYBE),
        scans=draw(st.integers(1, 1000)),
        source_width=(draw(MAYBE), draw(MAYBE)),
        tilt_polar=draw(MAYBE),
        sputtering=draw(IONS) if sputtered else None,
        parameters=tuple(draw(st.lists(st.builds(Parameter, LINES, LINES, MAYBE), max_size=2))),
    )


@given(data=st.data(), mode=st.sampled_from(["NORM", "SDP", "SDPSV", "MAPSVDP"]))
@settings(max_examples=25, deadline=None)
def test_what_is_written_is_read_back(data: st.DataObject, mode: str) -> None:
    variables = tuple(data.draw(st.lists(st.builds(Label, LINES, LINES), max_size=2)))
    some = blocks(len(variables), mode != "NORM")
    file = made(
        *data.draw(st.lists(some, min_size=1, max_size=3)),
        mode=mode,
        variables=variables,
        comment=tuple(data.draw(st.lists(LINES, max_size=3))),
        regions=data.draw(st.integers(0, 9)) if mode in ("NORM", "SDP") else None,
    )
    again = parse_vamas(vamas_text(file), HERE)
    assert replace(again, blocks=()).__dict__ == replace(file, blocks=()).__dict__
    for ours, theirs in zip(file.blocks, again.blocks, strict=True):
        same(ours, theirs)


def test_items_left_out_are_those_of_the_first_block() -> None:
    lines = vamas_text(made(block(), block())).split("\r\n")
    at = lines.index("Etch Time") + 2
    second = [i for i, line in enumerate(lines) if line == "N 1s"][1]
    del lines[second + 2 : second + 8]  # its date
    lines[at : at + 1] = ["-6", *map(str, range(1, 7))]
    one, other = parse_vamas("\r\n".join(lines), HERE).blocks
    same(one, other)


def test_an_irregular_scan_has_its_abscissa_among_its_values() -> None:
    text = vamas_text(made(block(ordinates=block().ordinates[:1])))
    text = changed_line(text, "REGULAR", "IRREGULAR")
    axis = "kinetic energy\r\neV\r\n1080.7\r\n0.1\r\n1\r\ncounts"
    text = text.replace(axis, "2\r\nkinetic energy\r\neV\r\ncounts")
    head, _ = text.split("\r\n4\r\n0\r\n12\r\n")
    values = ["8", "1080", "1083", "0", "12", "1080", "7", "1080.5", "0", "1081", "12", "1083", "9"]
    (read,) = parse_vamas("\r\n".join([head, *values, "end of experiment", ""]), HERE).blocks
    np.testing.assert_array_equal(read.points, [1080, 1080.5, 1081, 1083])
    np.testing.assert_array_equal(read.ordinates[0].values, [7, 0, 12, 9])
    assert read.step is None


@pytest.mark.parametrize(
    ("what", "to", "told"),
    [
        ("NORM", "MAP", r"made\.vms:8: experiment mode 'MAP' holds no spectra of one place"),
        ("REGULAR", "REGULER", r"made\.vms:9: scan mode 'REGULER' is neither"),
        ("1486.7", "1486,7", r"made\.vms:\d+: energy of the source should be a number"),
        ("1080.7", "1e37", r"made\.vms:\d+: abscissa start is marked as not known"),
        ("8", "7", r"made\.vms:\d+: 7 values are no whole number for each of 2 ordinates"),
        ("0.99", "nan", r"made\.vms:\d+: an ordinate value: nan is no figure"),
        ("0.98", "0.9O", r"made\.vms:\d+: an ordinate value should be a number, not '0\.9O'"),
        ("2", "2.5", r"made\.vms:\d+: number of spectral regions should be a whole number"),
        ("end of experiment", "17", r"made\.vms:\d+: here should be 'end of experiment'"),
    ],
)
def test_what_is_broken_is_told_with_its_line(what: str, to: str, told: str) -> None:
    text = changed_line(vamas_text(made(block())), what, to)
    with pytest.raises(RecordingError, match=told) as caught:
        parse_vamas(text, HERE)
    assert not isinstance(caught.value, CutOffError)


def test_the_line_that_is_told_is_the_one_that_is_wrong() -> None:
    text = changed_line(vamas_text(made()), "0.98", "0.9O")
    line = text.split("\r\n").index("0.9O") + 1
    with pytest.raises(RecordingError, match=rf"made\.vms:{line}: "):
        parse_vamas(text, HERE)


def test_a_text_file_of_another_kind_is_told() -> None:
    with pytest.raises(RecordingError, match=r"made\.vms:1: a VAMAS file begins with"):
        parse_vamas("energy,counts\n1,2\n", HERE)


@pytest.mark.parametrize("kept", [0.1, 0.35, 0.6, 0.9])
def test_a_file_that_ends_too_soon_is_told_apart_from_a_broken_one(kept: float) -> None:
    text = vamas_text(made())
    with pytest.raises(CutOffError, match="still writing it, wait"):
        parse_vamas(text[: int(kept * len(text))], HERE)


def test_every_cut_of_a_file_is_a_cut_or_whole() -> None:
    text = vamas_text(made(block()))
    whole = text.rindex("end of experiment")
    for end in range(len(text)):
        if end < whole:
            with pytest.raises(CutOffError):
                parse_vamas(text[:end], HERE)
    assert len(parse_vamas(text[:whole], HERE).blocks) == 1


JUNK = st.sampled_from(["", "-1", "0", "2", "1e300", "1e37", "nan", "7.5", "99999", "XPS", "SDP"])


@given(line=st.integers(0, 10_000), junk=JUNK, cut=st.booleans())
@settings(max_examples=150, deadline=None)
def test_a_file_with_any_line_changed_is_read_or_refused(line: int, junk: str, cut: bool) -> None:
    lines = TEXT.split("\r\n")
    line %= len(lines)
    lines[line : line + 1] = [] if cut else [junk]
    told = "made.vms:"
    try:
        parse_vamas("\r\n".join(lines), HERE)
    except RecordingError as error:
        told = str(error)
    assert told.startswith("made.vms:")


def test_the_whole_blocks_of_a_growing_file_are_read() -> None:
    text = vamas_text(made())
    file, cut = parse_whole_blocks(text[: int(0.9 * len(text))], HERE)
    assert cut is not None
    assert len(file.blocks) == 3


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"name": "two\nlines"}, "does not fit on a line"),
        ({"source_energy": float("inf")}, "not known"),
        ({"dwell": float("nan")}, "not known"),
        ({"variables": ()}, "as many values"),
        ({"step": None}, "even abscissa"),
        ({"ordinates": (Ordinate("counts", "d", np.array([np.nan])),)}, "figures only"),
    ],
)
def test_what_has_no_place_in_a_file_is_refused(wrong: dict[str, object], told: str) -> None:
    with pytest.raises(InputError, match=told):
        vamas_text(made(block(**wrong)))
