"""The cold stage that the operator reads: what is confirmed counts, for a while."""

from __future__ import annotations

import math
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drivers.clock import JumpingClock
from drivers.errors import DriverError, LimitError
from drivers.lab import OpenRequest
from drivers.operator_cryo import DRIVER, EXAMPLE, OperatorCryo, OperatorCryoSettings
from protocols.errors import InputError, ProtocolFileError

START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
WITHOUT_SLOPE = EXAMPLE.replace("slope: 0 K/min", "")


class Desk:
    """The operator's file, a clock, and the driver."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "cold-stage.yaml"
        self.clock = JumpingClock(start_utc=START)

    def confirm(self, text: str = EXAMPLE) -> None:
        self.file.write_text(text)
        now = self.clock.utc().timestamp()
        os.utime(self.file, (now, now))

    def open(self) -> OperatorCryo:
        request = OpenRequest(
            "cryo",
            str(self.file),
            OperatorCryoSettings(),
            DRIVER.limits(),
            self.clock,
            0,
            None,
            lambda name, text: None,
        )
        opened = DRIVER.open(request)
        assert isinstance(opened, OperatorCryo)
        return opened


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    made.confirm()
    return made


def test_it_says_what_the_operator_wrote(desk: Desk) -> None:
    status = desk.open().status()
    assert status.stage_temperature == pytest.approx(88.15)
    assert status.needle_temperature == pytest.approx(113.15)
    assert status.shield_temperature == pytest.approx(83.15)
    assert status.stage_slope == 0.0
    assert status.ln2_hold == pytest.approx(3 * 3600)
    assert not status.refilling


def test_the_nitrogen_runs_down_between_two_looks(desk: Desk) -> None:
    cryo = desk.open()
    desk.clock.sleep(600)
    assert cryo.status().ln2_hold == pytest.approx(3 * 3600 - 600)


def test_an_old_reading_is_none_until_it_is_confirmed_again(desk: Desk) -> None:
    cryo = desk.open()
    desk.clock.sleep(1799)
    assert cryo.status().stage_temperature == pytest.approx(88.15)
    desk.clock.sleep(2)
    with pytest.raises(DriverError, match=r"confirmed 30 min ago.*look at the cold stage"):
        cryo.status()
    desk.confirm()
    assert cryo.status().stage_temperature == pytest.approx(88.15)


def test_two_readings_give_the_slope(desk: Desk) -> None:
    cryo = desk.open()
    desk.clock.sleep(300)
    desk.confirm(WITHOUT_SLOPE.replace("-185", "-184"))
    assert cryo.status().stage_slope == pytest.approx(1 / 300)


def test_one_reading_gives_no_slope(desk: Desk) -> None:
    desk.confirm(WITHOUT_SLOPE)
    cryo = desk.open()
    with pytest.raises(DriverError, match="slope: 0 K/min"):
        cryo.status()
    desk.clock.sleep(5)
    desk.confirm(WITHOUT_SLOPE)
    with pytest.raises(DriverError, match="one reading gives no slope"):
        cryo.status()


def test_a_setpoint_is_noted_and_changes_nothing_else(desk: Desk) -> None:
    cryo = desk.open()
    before = desk.file.read_text()
    cryo.cool(88.15)
    assert cryo.status().setpoint == 88.15
    assert desk.file.read_text() == before


@pytest.mark.parametrize("setpoint", [math.nan, 4.0, 1000.0])
def test_a_setpoint_out_of_range_is_refused(desk: Desk, setpoint: float) -> None:
    with pytest.raises(LimitError):
        desk.open().cool(setpoint)


def test_a_missing_file_shows_what_to_write(desk: Desk) -> None:
    desk.file.unlink()
    with pytest.raises(InputError, match="stage: -185 degC"):
        desk.open()


def test_a_bare_number_is_refused_when_opened_and_while_it_runs(desk: Desk) -> None:
    cryo = desk.open()
    desk.confirm(EXAMPLE.replace("-185 degC", "-185"))
    with pytest.raises(DriverError, match=r"cold-stage\.yaml:1: stage: -185 has no unit"):
        cryo.status()
    with pytest.raises(ProtocolFileError):
        desk.open()


def test_a_file_from_the_future_is_refused(desk: Desk) -> None:
    cryo = desk.open()
    later = desk.clock.utc().timestamp() + 3600
    os.utime(desk.file, (later, later))
    with pytest.raises(DriverError, match="yet to come"):
        cryo.status()
