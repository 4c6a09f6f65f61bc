from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tifffile
import zmq

from acquire.watching import told_sight, watch_lab
from drivers.action import result_of
from drivers.clock import wall_seconds
from drivers.errors import LinkError
from drivers.lab import simulated_lab
from drivers.network.ports import Place
from drivers.network.view import Sight
from drivers.network.watching import watch
from tests.drivers.network.served import opened, served
from tests.simulators.stems import AREA, PICTURE


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """A served microscope."""
    with served(simulated_lab({"stem": {}})) as place:
        yield place


def test_a_viewer_sees_who_controls_what_runs_and_the_state(place: Place) -> None:
    with opened(place, "stem") as drivers:
        stem: Any = drivers["stem"]
        action = stem.spectrum(AREA, 100e-12, 5.0)
        next(action)
        next(action)
        stem.status()
        for seen in watch(place, None):
            if isinstance(seen, Sight) and "stem" in seen.doing and "stem" in seen.states:
                break
        assert isinstance(seen, Sight)
        assert "process" in seen.controller
        assert (seen.doing["stem"][0], seen.doing["stem"][3]) == ("spectrum", 2)
        assert seen.states["stem"]["beam_blanked"] is False
        action.close()


def test_when_its_controller_is_gone_a_viewer_sees_it_as_it_was_left(place: Place) -> None:
    with opened(place, "stem") as drivers:
        stem: Any = drivers["stem"]
        action = stem.spectrum(AREA, 100e-12, 5.0)
        next(action)
        stem.status()  # with the beam on
        action.close()
    for seen in watch(place, None):
        if isinstance(seen, Sight) and not seen.controller and seen.states:
            break
    assert isinstance(seen, Sight)
    assert seen.states["stem"]["beam_blanked"] is True


def test_a_state_is_told_with_its_units() -> None:
    state = {"shift_x": 2e-8, "needle": {"z": 1e-4}, "holder_temperature": 103.14, "milling": False}
    told = told_sight(Sight("lab", "", "", {}, {"stem": state}))
    wanted = "shift x 2e-08 m, needle (z 0.0001 m), holder temperature 103.1 K, milling no"
    assert told.splitlines() == ["lab: nobody controls it", f"  stem: {wanted}"]


def test_a_viewer_saves_the_newest_picture(place: Place, tmp_path: Path) -> None:
    said: list[str] = []
    with opened(place, "stem") as drivers:
        stem: Any = drivers["stem"]
        image = result_of(stem.image(PICTURE))
        file = tmp_path / "seen.ome.tif"
        watch_lab(place.requests, None, None, file, once=True, say=said.append)
    assert (tifffile.imread(file) == image.pixels).all()
    assert any("controlled by" in line or "nobody controls" in line for line in said)


def test_a_machine_is_told_in_json_without_nan(place: Place, tmp_path: Path) -> None:
    said: list[str] = []
    file = tmp_path / "seen.ome.tif"
    with opened(place, "stem") as drivers:
        stem: Any = drivers["stem"]
        result_of(stem.image(PICTURE))
        stem.status()
        watch_lab(place.requests, None, None, file, once=True, say=said.append, as_json=True)
    told = [json.loads(line, parse_constant=pytest.fail) for line in said]
    assert {"picture": str(file), "role": "stem"} in told
    seen = next(each for each in told if "controller" in each)
    assert "process" in seen["controller"]
    assert isinstance(seen["states"]["stem"]["beam_blanked"], bool)


def test_a_viewer_that_never_reads_holds_nobody_up(place: Place) -> None:
    with zmq.Context() as context, context.socket(zmq.SUB) as idle:
        idle.linger = 0
        idle.subscribe(b"")
        idle.connect(place.views)
        with opened(place, "stem") as drivers:
            stem: Any = drivers["stem"]
            began = wall_seconds()
            for _ in range(5):
                result_of(stem.image(PICTURE))
            assert wall_seconds() - began < 10


def test_where_nothing_is_told_a_viewer_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.network.watching.SILENT", 0.3)
    with pytest.raises(LinkError, match=r"has told nothing for 0\.3 s"):
        next(watch(Place("127.0.0.1", 19_990), None))
