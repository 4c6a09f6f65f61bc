from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from acquire.bluesky import Axis, Detector, Flyer, Monitor, axes
from acquire.session.session import Session
from drivers.errors import InputError
from tests.acquire.session.labs import SPECTRUM, simulated

pytest.importorskip("bluesky")

from bluesky import RunEngine
from bluesky import plan_stubs as bps
from bluesky import plans as bp
from bluesky import protocols as bluesky
from bluesky.utils import FailedStatus
from event_model import DocumentNames, schema_validators

Documents = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Session]:
    with simulated(tmp_path, "stem", "potentiostat", dose_limit="500 e/angstrom^2") as opened:
        yield opened


@pytest.fixture(scope="module")
def engine() -> RunEngine:
    return RunEngine({}, context_managers=[])


def run(engine: RunEngine, plan: Any) -> Documents:
    """Return the documents of a plan, each as event-model's schemas want it."""
    kept: Documents = []

    def keep(name: str, document: dict[str, Any]) -> None:
        schema_validators[DocumentNames[name]].validate(document)
        kept.append((name, document))

    engine(plan, keep)
    return kept


def events(documents: Documents) -> list[dict[str, Any]]:
    return [document["data"] for name, document in documents if name == "event"]


def test_the_devices_are_what_bluesky_calls_them(lab: Session) -> None:
    image = Detector(lab.stem, "image", field="2 um", pixels=32)
    shift = axes(lab.stem)["stem_shift_x"]
    hold = Flyer(lab.potentiostat, "hold", mode="rest", voltage_min=0, voltage_max=5)
    for device in (image, shift, Monitor(lab.stem), image.field):
        assert isinstance(device, bluesky.Readable)
        assert isinstance(device, bluesky.Configurable)
    assert isinstance(image, bluesky.Triggerable)
    for movable in (shift, image.field):
        assert isinstance(movable, bluesky.NamedMovable)
        assert isinstance(movable, bluesky.Locatable)
    for stoppable in (image, shift, hold):
        assert isinstance(stoppable, bluesky.Stoppable)
    assert isinstance(hold, bluesky.Flyable)
    assert isinstance(hold, bluesky.EventCollectable)


def test_count_takes_images_and_reads_the_status_through_the_session(
    lab: Session, engine: RunEngine
) -> None:
    image = Detector(lab.stem, "image", field="2 um", pixels=32)
    documents = run(engine, bp.count([image, Monitor(lab.stem)], num=2))
    first, second = events(documents)
    assert first["stem_image_pixels"].shape == (32, 32)
    assert not np.array_equal(first["stem_image_pixels"], second["stem_image_pixels"])
    assert first["stem_status_beam_blanked"] is True
    (descriptor,) = [document for name, document in documents if name == "descriptor"]
    key = descriptor["data_keys"]["stem_image_pixels"]
    assert (key["shape"], key["dtype"], key["dtype_numpy"]) == ([32, 32], "array", "<u2")
    assert descriptor["data_keys"]["stem_image_pixel_size"]["units"] == "m"
    assert lab.record.budgets["dose_e_per_angstrom2"]["spent"] == pytest.approx(
        first["stem_image_dose"] + second["stem_image_dose"], rel=0.01
    )


def test_scan_moves_a_setting_and_measures_where_it_says(lab: Session, engine: RunEngine) -> None:
    spectrum = Detector(lab.stem, "spectrum", **SPECTRUM, dwell="10 ms")
    seen = events(run(engine, bp.scan([spectrum], spectrum.x, -1e-7, 1e-7, 3)))
    assert [event["stem_spectrum_x"] for event in seen] == pytest.approx([-1e-7, 0, 1e-7])
    assert [event["stem_spectrum_asked_x"] for event in seen] == pytest.approx([-1e-7, 0, 1e-7])
    assert all(event["stem_spectrum_counts"].shape == (2048,) for event in seen)


def test_scan_moves_the_instrument_and_reads_back_where_it_is(
    lab: Session, engine: RunEngine
) -> None:
    image = Detector(lab.stem, "image", field="2 um", pixels=32)
    shift = axes(lab.stem)["stem_shift_x"]
    seen = events(run(engine, bp.scan([image], shift, -1e-7, 1e-7, 3)))
    assert [event["stem_shift_x"] for event in seen] == pytest.approx([-1e-7, 0, 1e-7])
    assert lab.stem.status().shift_x == pytest.approx(1e-7)


def test_an_axis_takes_text_with_a_unit(lab: Session, engine: RunEngine) -> None:
    shift = axes(lab.stem)["stem_shift_y"]
    engine(bps.mv(shift, "50 nm"))
    assert shift.locate() == {"setpoint": 5e-8, "readback": pytest.approx(5e-8)}


def test_a_hold_flies_and_its_samples_are_events(lab: Session, engine: RunEngine) -> None:
    hold = Flyer(
        lab.potentiostat,
        "hold",
        mode="current",
        current="1 uA",
        end_seconds="20 s",
        voltage_min=2,
        voltage_max=5.2,
    )
    documents = run(engine, bp.fly([hold]))
    pages = [document["data"] for name, document in documents if name == "event_page"]
    seconds = [time for page in pages for time in page["potentiostat_hold_seconds"]]
    assert len(seconds) == len(lab.potentiostat.samples().voltage) >= 20
    assert seconds == sorted(seconds)


def test_a_refusal_fails_the_plan_with_the_reason_and_spends_nothing(
    lab: Session, engine: RunEngine
) -> None:
    spectrum = Detector(lab.stem, "spectrum", **SPECTRUM, dwell="100 s")
    with pytest.raises(FailedStatus) as failed:
        engine(bp.count([spectrum]))
    assert "the limit is 500" in str(failed.value.__cause__)
    assert lab.stem.electrons() == 0


def test_a_stop_ends_what_goes_on(tmp_path: Path) -> None:
    with simulated(tmp_path, real_time=True) as lab:
        spectrum = Detector(lab.stem, "spectrum", **SPECTRUM, dwell="60 s")
        lab.stem.status()
        status = spectrum.trigger()
        while not lab.stem.readings:
            assert not status.done
        spectrum.stop()
        assert "stopped by Bluesky" in str(status.exception(timeout=20))
        assert lab.stem.status().beam_blanked


def test_a_detector_says_what_its_call_needs(lab: Session) -> None:
    with pytest.raises(InputError, match="stem_spectrum needs x="):
        Detector(lab.stem, "spectrum")
    with pytest.raises(InputError, match="takes no colour"):
        Detector(lab.stem, "image", field="2 um", colour="red")


def test_an_axis_of_anyones_own(lab: Session) -> None:
    axis = Axis(
        lab.stem, "shift_scan", "dx", readback="shift_x", beside={"dy": "shift_y"}, name="x"
    )
    assert axis.set(2e-8).exception(timeout=20) is None
    assert axis.read()["x"]["value"] == pytest.approx(2e-8)
