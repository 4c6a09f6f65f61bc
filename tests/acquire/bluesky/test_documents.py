from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from acquire.bluesky import documents
from acquire.launch import begin_run
from acquire.share import Desk
from acquire.views import export
from drivers.lab import simulated_lab
from protocols.loader import load_protocol
from tests.acquire.session.labs import IMAGE, SPECTRUM, simulated
from tests.core.bench_run import Heard

event_model = pytest.importorskip("event_model")

Documents = list[tuple[str, dict[str, Any]]]


def valid(folder: Path) -> Documents:
    """Return the documents of a run, each as event-model's schemas want it."""
    found = list(documents(folder))
    for name, document in found:
        event_model.schema_validators[event_model.DocumentNames[name]].validate(document)
    return found


def of(found: Documents, kind: str) -> list[dict[str, Any]]:
    return [document for name, document in found if name == kind]


@pytest.fixture
def by_hand(tmp_path: Path) -> Path:
    with simulated(tmp_path) as lab:
        lab.stem.image(**IMAGE)
        lab.stem.image("1 um", pixels=64)
        lab.stem.spectrum(**SPECTRUM, dwell="10 ms")
    assert lab.folder is not None
    return lab.folder


def test_documents_begin_end_and_refer_to_each_other(by_hand: Path) -> None:
    found = valid(by_hand)
    names = [name for name, _ in found]
    assert (names[0], names[-1]) == ("start", "stop")
    start, stop = found[0][1], found[-1][1]
    assert start["simulated"] is True
    assert stop["run_start"] == start["uid"]
    assert stop["exit_status"] == "success"
    described: set[str] = set()
    for name, document in found:
        if name == "descriptor":
            described.add(document["uid"])
        if name == "event":
            assert document["descriptor"] in described


def test_images_of_two_sizes_are_two_streams_with_their_pixels(by_hand: Path) -> None:
    found = valid(by_hand)
    streams = {each["name"]: each for each in of(found, "descriptor")}
    assert set(streams) == {"stem_image", "stem_image_2", "stem_spectrum"}
    assert streams["stem_image_2"]["data_keys"]["stem_image_pixels"]["shape"] == [64, 64]
    pixels = of(found, "event")[0]["data"]["stem_image_pixels"]
    assert (len(pixels), len(pixels[0])) == (32, 32)
    setup = streams["stem_image"]["configuration"]["stem"]["data"]
    assert setup["stem_setup_beam_energy"] == 200e3


def test_an_event_says_what_was_asked_for_by_name(by_hand: Path) -> None:
    spectrum = of(valid(by_hand), "event")[-1]["data"]
    assert spectrum["stem_spectrum_asked_area_along"] == 5e-7
    assert spectrum["stem_spectrum_asked_dwell"] == 0.01


def test_the_same_run_gives_the_same_documents(by_hand: Path) -> None:
    assert list(documents(by_hand)) == list(documents(by_hand))


def test_a_run_that_goes_on_has_no_stop_document(tmp_path: Path) -> None:
    with simulated(tmp_path) as lab:
        lab.stem.image(**IMAGE)
        assert lab.folder is not None
        assert of(valid(lab.folder), "stop") == []


def test_the_samples_of_a_hold_are_pages_of_events(tmp_path: Path) -> None:
    with simulated(tmp_path, "potentiostat") as lab:
        lab.potentiostat.hold(
            "current", current="1 uA", end_seconds="20 s", voltage_min=2, voltage_max=5.2
        )
        count = len(lab.potentiostat.samples().voltage)
    assert lab.folder is not None
    found = valid(lab.folder)
    assert of(found, "stop")[0]["num_events"] == {
        "potentiostat_hold": 1,
        "potentiostat_hold_readings": count,
    }
    (page,) = of(found, "event_page")
    assert page["seq_num"] == list(range(1, count + 1))
    assert page["time"] == sorted(page["time"])


def test_export_writes_the_same_in_lines_of_json(by_hand: Path) -> None:
    (path,) = export(by_hand, "documents")
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [tuple(json.loads(line)) for line in lines] == list(documents(by_hand))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("protocol", "roles"),
    [
        ("joule2020/eds-line", ("stem",)),
        ("joule2020/lift-out", ("fib", "cryo")),
        ("joule2020/xps-depth-profile", ("xps",)),
        ("joule2020/cycling", ("potentiostat",)),
    ],
)
def test_every_kind_of_published_protocol_gives_valid_documents(
    tmp_path: Path, protocol: str, roles: tuple[str, ...]
) -> None:
    lab = simulated_lab({role: {} for role in roles})
    end = begin_run(load_protocol(protocol), lab, tmp_path, seed=1, desk=Desk(Heard()))
    assert of(valid(end.folder), "stop")[0]["exit_status"] == "success"
