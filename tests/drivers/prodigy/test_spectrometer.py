"""The Prodigy driver against the simulated server, in both versions of the protocol."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from drivers.action import result_of
from drivers.clock import JumpingClock, wait_a_moment, wall_seconds
from drivers.errors import (
    InstrumentFaultError,
    LimitError,
    LinkError,
    ReadbackError,
)
from drivers.lab import OpenRequest
from drivers.prodigy import DRIVER, ProdigyXps
from drivers.prodigy.refusals import MEANINGS, RefusalError
from drivers.prodigy.settings import GunSettings, LiveParameter, ProdigySettings
from drivers.xps import EtchBlock, SweepBlock, Xps, XpsLimits
from protocols.errors import InputError
from simulators.prodigy import Faults, ProdigyServer
from tests.drivers.prodigy.served import (
    ETCH,
    FLOOD,
    REGION,
    SOURCE,
    TIMER,
    Served,
    served,
    settings,
)
from tests.drivers.prodigy.stand_in import a_desk

VERSIONS = pytest.mark.parametrize("version", [(1, 22), (1, 5)], ids=["1.22", "1.5"])
SLOW = REGION.model_copy(update={"dwell": 20.0})


def until(what: Any) -> None:
    end = wall_seconds() + 10
    while not what():
        assert wall_seconds() < end
        wait_a_moment(0.002)


def run_through(generator: Any) -> tuple[list[Any], Any]:
    blocks = []
    while True:
        try:
            blocks.append(next(generator))
        except StopIteration as stop:
            return blocks, stop.value


@pytest.fixture
def at() -> Iterator[Served]:
    with served() as made:
        yield made


@VERSIONS
def test_it_reads_exactly_what_the_detector_counted(version: tuple[int, int]) -> None:
    with served(version) as at:
        blocks, spectrum = run_through(at.driver.acquire(REGION, 3))
        assert spectrum.counts.tolist() == np.sum(at.instrument.scans, axis=0).tolist()
        assert len(at.instrument.scans) == spectrum.sweeps == 3
        assert np.sum([block.counts for block in blocks], axis=0).tolist() == (
            spectrum.counts.tolist()
        )
        assert {block.sweep for block in blocks} == {0, 1, 2}
        assert at.driver.status().detector_on is False


@VERSIONS
def test_binding_energies_fall_as_they_were_asked_for(version: tuple[int, int]) -> None:
    with served(version) as at:
        spectrum = result_of(at.driver.acquire(REGION, 1))
        (scanned,) = at.instrument.regions
        assert (scanned.start, scanned.stop, scanned.pass_energy) == (397.0, 391.0, 20.0)
        assert spectrum.binding_energies[[0, -1]] == pytest.approx([397.0, 391.0])
        assert spectrum.counts.argmax() == pytest.approx(30, abs=8)


@VERSIONS
def test_it_etches_for_as_long_as_it_was_asked_by_the_guns_own_timer(
    version: tuple[int, int],
) -> None:
    with served(version) as at:
        blocks, etched = run_through(at.driver.etch(ETCH))
        assert etched.seconds == pytest.approx(60)
        assert at.instrument.etched == pytest.approx(60)
        assert at.driver.etch_seconds() == pytest.approx(60)
        seconds = [block.seconds for block in blocks if isinstance(block, EtchBlock)]
        assert seconds == sorted(seconds)
        assert at.desk.harmed == 0
        (asked,) = at.instrument.etches
        assert (asked.energy, asked.current, asked.raster_width) == (5000, 1e-6, 2e-3)


@VERSIONS
def test_a_gun_without_a_time_of_its_own_is_stopped_by_our_clock(version: tuple[int, int]) -> None:
    gun = GunSettings(duration=None, emission=None)
    with served(version, with_settings=settings(gun=gun), timed_gun=False, speed=50) as at:
        result_of(at.driver.set_source(True))
        etched = result_of(at.driver.etch(ETCH.model_copy(update={"duration": 20.0})))
        assert at.driver.etch_seconds() is None
        assert etched.seconds == pytest.approx(20, abs=3)
        assert at.instrument.etched == pytest.approx(etched.seconds, abs=3)
        assert not at.instrument.ions
        assert at.driver.status().source_on, "SetSafeState took the source off"


def test_it_is_an_xps_and_says_that_it_speaks_to_a_simulator(at: Served) -> None:
    assert isinstance(at.driver, Xps)
    identity = at.driver.identity()
    assert (identity.make, identity.simulated) == ("SPECS", True)
    assert at.driver.xray_seconds() is None
    assert at.driver.setup().photon_energy == pytest.approx(1486.7, abs=0.2)


def test_its_status_is_what_the_devices_show(at: Served) -> None:
    before = at.driver.status()
    assert before.pressure == pytest.approx(1.3e-7)
    assert (before.source_on, before.neutraliser_on, before.ions_on) == (False, False, False)
    result_of(at.driver.set_source(True))
    at.driver.set_neutraliser(True)
    after = at.driver.status()
    assert (after.source_on, after.neutraliser_on) == (True, True)
    result_of(at.driver.set_source(False))
    assert not at.driver.status().source_on


def test_while_it_scans_its_status_says_so_and_it_yields_often(at: Served) -> None:
    scan = at.driver.acquire(REGION, 1)
    block = next(scan)
    assert isinstance(block, SweepBlock)
    during = at.driver.status()
    assert during.acquiring
    assert during.detector_on
    scan.close()
    assert not at.driver.status().acquiring
    assert not at.driver.status().detector_on


def test_closing_an_etch_stops_the_gun_at_once(at: Served) -> None:
    etch = at.driver.etch(ETCH.model_copy(update={"duration": 3000.0}))
    for block in etch:
        if block.seconds > 5:
            break
    assert at.driver.status().ions_on
    etch.close()
    assert not at.driver.status().ions_on
    assert at.driver.etch_seconds() == pytest.approx(at.instrument.etched)
    assert at.instrument.etched < 3000


def test_the_gun_never_comes_on_while_the_detector_is_up(at: Served) -> None:
    at.desk.analyser.detector_up = True
    result_of(at.driver.etch(ETCH))
    assert at.desk.harmed == 0


def test_a_detector_that_stays_up_keeps_the_gun_off(at: Served) -> None:
    at.desk.analyser.detector_up = True
    at.faults.safe_state_fails = True
    with pytest.raises(RefusalError, match=r"215.*by hand"):
        result_of(at.driver.etch(ETCH))
    assert at.instrument.etches == []


def test_nothing_is_etched_while_something_is_scanned(at: Served) -> None:
    scan = at.driver.acquire(SLOW, 1)
    next(scan)
    at.driver.etch(ETCH)
    result_of(at.driver.etch(ETCH))
    with pytest.raises(InstrumentFaultError):
        result_of(scan)
    assert at.desk.harmed == 0


@VERSIONS
@pytest.mark.parametrize("early", [1, 5])
def test_points_that_are_reported_too_early_are_read_when_they_are_there(
    version: tuple[int, int], early: int
) -> None:
    with served(version, faults=Faults(early_points=early)) as at:
        spectrum = result_of(at.driver.acquire(REGION, 1))
        assert spectrum.counts.tolist() == at.instrument.scans[0].tolist()


@VERSIONS
def test_several_detector_channels_are_added_up(version: tuple[int, int]) -> None:
    with served(version) as at:
        at.desk.analyser.parameters["NumNonEnergyChannels"].value = 7
        spectrum = result_of(at.driver.acquire(REGION, 1))
        assert spectrum.counts.tolist() == at.instrument.scans[0].tolist()


def test_validated_values_that_differ_are_told(at: Served) -> None:
    at.faults.modify = lambda asked: {**asked, "StepWidth": 0.25, "LensMode": "LargeArea"}
    with pytest.raises(ReadbackError, match=r"StepWidth 0\.25 instead of 0\.1; LensMode LargeArea"):
        result_of(at.driver.acquire(REGION, 1))
    assert at.instrument.scans == []


def test_another_number_of_samples_is_told(at: Served) -> None:
    at.faults.modify = lambda asked: {**asked, "Samples": 31.0}
    with pytest.raises(ReadbackError, match="Samples 31 instead of 61"):
        result_of(at.driver.acquire(REGION, 1))


def test_an_analyser_that_is_offline_is_told_with_all_lines() -> None:
    no_detector = settings(detector=None)
    with served(faults=Faults(analyser_offline=True), with_settings=no_detector) as at:
        with pytest.raises(RefusalError, match=r"202.*The analyzer is offline.*switch") as caught:
            result_of(at.driver.acquire(REGION, 1))
        assert "\n" in caught.value.text


@VERSIONS
def test_an_abort_at_prodigys_own_screen_is_told(version: tuple[int, int]) -> None:
    with served(version) as at:
        scan = at.driver.acquire(SLOW, 1)
        next(scan)
        at.server.operator_aborts()
        with pytest.raises(InstrumentFaultError, match=r"N 1s ended after \d+ of 61 points"):
            result_of(scan)
        at.driver.safe()
        assert not at.driver.status().detector_on
        spectrum = result_of(at.driver.acquire(REGION, 1))
        assert spectrum.counts.tolist() == at.instrument.scans[-1].tolist()


def test_a_pause_at_prodigys_own_screen_is_waited_for(at: Served) -> None:
    scan = at.driver.acquire(REGION, 1)
    next(scan)
    at.server.operator_pauses()
    for _ in range(20):
        next(scan)
    at.desk.analyser.pause(False)
    spectrum = result_of(scan)
    assert spectrum.counts.tolist() == at.instrument.scans[0].tolist()


def test_a_pause_for_too_long_is_given_up() -> None:
    with served(with_settings=settings(pause_max=30.0)) as at:
        scan = at.driver.acquire(REGION, 1)
        next(scan)
        at.server.operator_pauses()
        with pytest.raises(InstrumentFaultError, match="paused at Prodigy"):
            result_of(scan)
        assert not at.driver.status().acquiring


def test_a_scan_that_fails_is_told_with_what_prodigy_says(at: Served) -> None:
    at.instrument.source_trips = True
    with pytest.raises(InstrumentFaultError, match=r"scan is error.*source has tripped"):
        result_of(at.driver.acquire(REGION, 1))
    at.instrument.source_trips = False
    result_of(at.driver.acquire(REGION, 1))


def test_a_detector_that_ramps_down_slowly_is_waited_for_and_the_source_stays_on(
    at: Served,
) -> None:
    at.faults.ramp = 30.0
    result_of(at.driver.set_source(True))
    result_of(at.driver.acquire(REGION, 2))
    assert not at.driver.status().detector_on
    assert at.driver.status().source_on
    result_of(at.driver.etch(ETCH))
    assert at.driver.status().source_on


@VERSIONS
def test_a_lost_link_in_a_region_is_told_and_the_region_can_be_repeated(
    version: tuple[int, int],
) -> None:
    with served(version) as at:
        scan = at.driver.acquire(SLOW, 1)
        next(scan)
        at.server.drop_link()
        with pytest.raises(LinkError, match=r"the connection was lost|no reply"):
            result_of(scan)
        status = at.driver.status()
        assert (status.acquiring, status.detector_on, status.ions_on) == (False, False, False)
        spectrum = result_of(at.driver.acquire(REGION, 1))
        assert spectrum.counts.tolist() == at.instrument.scans[-1].tolist()


@VERSIONS
def test_a_lost_link_in_an_etch_stops_the_gun_and_its_timer_tells_how_far_it_came(
    version: tuple[int, int],
) -> None:
    with served(version) as at:
        etch = at.driver.etch(ETCH.model_copy(update={"duration": 3000.0}))
        for block in etch:
            if block.seconds > 5:
                break
        at.server.drop_link()
        with pytest.raises(LinkError):
            result_of(etch)
        assert not at.driver.status().ions_on
        assert at.driver.etch_seconds() == pytest.approx(at.instrument.etched)
        assert 5 < at.instrument.etched < 3000
        assert len(at.instrument.etches) == 1


def test_a_gun_that_trips_is_told_with_what_was_done(at: Served) -> None:
    at.instrument.gun_trips_after = 20.0
    with pytest.raises(InstrumentFaultError, match=r"went off after 2\d\.\d of 60 s"):
        result_of(at.driver.etch(ETCH))
    assert at.driver.etch_seconds() == pytest.approx(20, abs=2)


def test_a_gun_that_does_not_start_is_told(at: Served) -> None:
    at.instrument.gun_starts = False
    with pytest.raises(InstrumentFaultError, match="did not come on"):
        result_of(at.driver.etch(ETCH))
    assert at.driver.etch_seconds() == 0


def test_a_stale_reading_is_no_reading(at: Served) -> None:
    at.driver.status()
    at.faults.unresponsive = {"Vacuum Gauge"}
    with pytest.raises(InstrumentFaultError, match="Vacuum Gauge is Unresponsive"):
        at.driver.status()


def test_a_gun_that_cannot_be_read_is_not_taken_for_off(at: Served) -> None:
    at.faults.unresponsive = {"IQE 12/38"}
    with pytest.raises(ReadbackError, match=r"perhaps not safe.*Unresponsive"):
        at.driver.safe()


def test_a_second_client_is_told_who_has_it(at: Served) -> None:
    host, port = at.server.address.split(":")
    request = OpenRequest(
        "xps", f"{host}:{port}", settings(), XpsLimits(), JumpingClock(), 0, None, lambda n, t: None
    )
    with pytest.raises(LinkError, match=r"error 2.*one only.*end the other program"):
        DRIVER.open(request)
    assert at.driver.status().pressure > 0


def test_replies_that_come_too_late_are_never_taken_for_another_requests() -> None:
    with served(with_settings=settings(reply_time=0.05)) as at:
        at.faults.late = 0.08
        with pytest.raises(LinkError, match="4 tries, and no reply"):
            at.driver.status()
        at.faults.late = 0.0
        spectrum = result_of(at.driver.acquire(REGION, 1))
        assert spectrum.counts.tolist() == at.instrument.scans[-1].tolist()


def test_no_server_is_told(at: Served) -> None:
    at.server.close()
    with pytest.raises(LinkError):
        at.driver.status()
    with pytest.raises(LinkError, match="start Prodigy, enable remote connections"):
        at.driver.status()


def test_after_a_run_another_client_may_connect(at: Served) -> None:
    at.driver.close()
    at.driver.close()
    with pytest.raises(LinkError, match="closed"):
        at.driver.status()
    assert not at.desk.connected


LIMITS: list[tuple[dict[str, Any], str]] = [
    ({"start": 1480.0, "stop": 1470.0}, "kinetic energy"),
    ({"step": 0.005}, "finer than 0.01"),
    ({"pass_energy": 33.0}, "none of 20, 40"),
    ({"dwell": 0.0005}, "dwell"),
]


@pytest.mark.parametrize(("changed", "told"), LIMITS)
def test_what_the_analyser_cannot_scan_is_refused(changed: dict[str, Any], told: str) -> None:
    with served(with_settings=settings(pass_energies=(20.0, 40.0))) as at:
        with pytest.raises(LimitError, match=told):
            at.driver.acquire(REGION.model_copy(update=changed), 1)
        assert at.instrument.scans == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"energy": 6000.0}, "energy 6000 eV"),
        ({"current": 1e-3}, "current"),
        ({"duration": 7200.0}, "duration"),
    ],
)
def test_an_etch_beyond_the_labs_limits_is_refused(
    at: Served, changed: dict[str, Any], told: str
) -> None:
    with pytest.raises(LimitError, match=told):
        at.driver.etch(ETCH.model_copy(update=changed))
    assert at.instrument.etches == []


def test_a_gun_whose_current_is_measured_etches_with_that_only() -> None:
    gun = GunSettings(timer=TIMER, current=None, measured_current=1e-6)
    with served(with_settings=settings(gun=gun)) as at:
        result_of(at.driver.etch(ETCH))
        with pytest.raises(LimitError, match="1e-06 A; the etch asks for 2e-06 A"):
            at.driver.etch(ETCH.model_copy(update={"current": 2e-6}))


def test_a_parameter_in_another_unit_is_refused_before_the_gun_runs() -> None:
    gun = GunSettings.model_validate({"energy": {"name": "Energy", "unit": "keV"}})
    with served(with_settings=settings(gun=gun)) as at:
        with pytest.raises(ReadbackError, match="is in 'eV', and the lab file says 'keV'"):
            result_of(at.driver.etch(ETCH))
        assert at.instrument.etches == []


def test_a_template_with_another_command_is_not_run() -> None:
    gun = GunSettings(command="Other Gun.Operate")
    with served(with_settings=settings(gun=gun)) as at:
        with pytest.raises(LimitError, match=r"holds IQE 12/38.Operate"):
            result_of(at.driver.etch(ETCH))
        assert at.instrument.etches == []


def test_a_prodigy_without_device_commands_scans_and_refuses_to_etch() -> None:
    old = ProdigySettings(
        detector=None, gauge=None, pressure_by_hand=1e-7, gun=GunSettings(emission=None)
    )
    with served((1, 5), with_settings=old, only_its_commands=True) as at:
        assert at.driver.status().pressure == 1e-7
        spectrum = result_of(at.driver.acquire(REGION, 2))
        assert spectrum.counts.tolist() == np.sum(at.instrument.scans, axis=0).tolist()
        with pytest.raises(LimitError, match=r"came with protocol 1\.18"):
            result_of(at.driver.etch(ETCH))


def test_a_prodigy_without_live_values_says_what_to_write() -> None:
    with (
        pytest.raises(InputError, match=r"came with protocol 1\.22.*pressure_by_hand"),
        served((1, 18), only_its_commands=True),
    ):
        pass


def test_a_prodigy_of_1_18_etches_by_our_clock_and_has_the_source_on_again() -> None:
    blind = settings(
        detector=None,
        gauge=None,
        pressure_by_hand=1e-7,
        gun=GunSettings(emission=None),
        source=SOURCE.model_copy(update={"live": None}),
        flood_gun=None,
    )
    with served((1, 18), with_settings=blind, only_its_commands=True, speed=200) as at:
        result_of(at.driver.set_source(True))
        result_of(at.driver.acquire(REGION, 2))
        assert at.driver.status().source_on
        assert at.instrument.source
        assert result_of(at.driver.etch(ETCH)).seconds == pytest.approx(60, abs=10)
        assert at.instrument.etched == pytest.approx(60, abs=1)
        assert at.driver.status().source_on
        assert at.instrument.source
        assert at.desk.harmed == 0


def test_a_lens_mode_that_is_none_is_told_with_those_that_are() -> None:
    with (
        pytest.raises(InputError, match=r"lens_mode 'Fisheye' is none of .*MediumArea"),
        served(with_settings=settings(lens_mode="Fisheye")),
    ):
        pass


def test_a_neutraliser_that_the_lab_does_not_have_is_refused() -> None:
    with served(with_settings=settings(flood_gun=None)) as at:
        at.driver.set_neutraliser(False)
        with pytest.raises(LimitError, match="flood_gun"):
            at.driver.set_neutraliser(True)
        assert at.driver.status().neutraliser_on is None


def test_a_device_that_does_not_come_on_is_told() -> None:
    never = FLOOD.model_copy(update={"on_above": 1e9})
    with (
        served(with_settings=settings(flood_gun=never)) as at,
        pytest.raises(ReadbackError, match=r"FG 22.Operate is not on after 10 s"),
    ):
        at.driver.set_neutraliser(True)


def test_prodigy_moves_no_stage(at: Served) -> None:
    with pytest.raises(LimitError, match="in Prodigy"):
        at.driver.move_stage(1e-3, 0.0)


def test_every_error_code_says_what_to_do() -> None:
    codes = [1, 2, 3, 4, *range(101, 108), *range(201, 221)]
    assert sorted(MEANINGS) == codes
    assert all(len(cure.split()) >= 3 for _, cure in MEANINGS.values())


def test_an_error_that_nobody_knows_is_told_all_the_same() -> None:
    assert "error 299" in str(RefusalError("Start", 299, "Too warm."))
    assert "Too warm." in str(RefusalError("Start", 299, "Too warm."))


@pytest.mark.parametrize("address", [None, "host:", ":7010", "host:99999"])
def test_an_address_that_is_none_is_told(address: str | None) -> None:
    request = OpenRequest(
        "xps", address, ProdigySettings(), XpsLimits(), JumpingClock(), 0, None, lambda n, t: None
    )
    with pytest.raises(InputError, match="prodigy"):
        DRIVER.open(request)


def test_a_rehearsal_runs_at_the_servers_speed() -> None:
    with ProdigyServer(a_desk(100.0)) as server:
        request = OpenRequest(
            "xps",
            server.address,
            settings(rehearsal_speed=100.0),
            XpsLimits(),
            JumpingClock(),
            0,
            None,
            lambda n, t: None,
        )
        driver = DRIVER.open(request)
        assert isinstance(driver, ProdigyXps)
        began = wall_seconds()
        result_of(driver.acquire(REGION, 1))
        assert wall_seconds() - began > 0.1
        driver.close()


def read_while_it_runs(at: Served, timer: LiveParameter) -> None:
    end = wall_seconds() + 10
    while wall_seconds() < end:
        at.driver._devices.steady(timer)


def test_a_live_value_that_will_not_rest_is_no_reading(at: Served) -> None:
    timer = LiveParameter(device="IQE 12/38", parameter="Etch Time", unit="s")
    etch = at.driver.etch(ETCH.model_copy(update={"duration": 3000.0}))
    next(block for block in etch if block.seconds > 1)
    until(lambda: at.driver._devices.live(timer) > 1)
    with pytest.raises(ReadbackError, match="should rest"):
        read_while_it_runs(at, timer)
    etch.close()
