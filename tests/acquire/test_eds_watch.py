"""Watching spectra: windows, flags, gaps, what was there before, and the order of two onsets."""

from __future__ import annotations

import numpy as np
import pytest

from acquire.eds.net_counts import NetCounts
from acquire.eds.watch import EdsWatch
from acquire.eds.windows import line_width, window_of
from acquire.flags import Flag
from drivers.stem import EnergyAxis, Spectrum, StemSetup
from protocols.eds import Watch
from protocols.errors import InputError

AXIS = EnergyAxis(offset=-200.0, scale=10.0, channels=1024)
SETUP = StemSetup(200e3, AXIS, 130.0, 0.4, 0.0, None, 1e-9, 1e-6)
ENERGIES = AXIS.offset + AXIS.scale * np.arange(AXIS.channels)
NM = 1e-9


def spectrum(
    rng: np.random.Generator, background: float = 0.05, live_time: float = 0.1, **lines: float
) -> Spectrum:
    """Return Poisson counts: a flat background per channel, and counts in each element's line."""
    expected = np.full(AXIS.channels, background)
    for element, counts in lines.items():
        energy = Watch(element=element).energy
        sigma = line_width(energy, SETUP.resolution) / 2.3548
        shape = np.exp(-(((ENERGIES - energy) / sigma) ** 2) / 2)
        expected += counts * shape / shape.sum()
    counted = rng.poisson(expected * live_time / 0.1).astype(np.uint32)
    return Spectrum(counted, live_time, live_time, 1e6)


def new_watch(*elements: str, background_points: int = 30) -> EdsWatch:
    return EdsWatch(
        [Watch(element=element) for element in elements],
        SETUP,
        background_points=background_points,
        average_run_length=10_000,
    )


def scan(watch: EdsWatch, spectra: list[Spectrum]) -> list[Flag]:
    return [
        flag for index, each in enumerate(spectra) for flag in watch.update(index, index * NM, each)
    ]


def only(kind: str, flags: list[Flag]) -> list[Flag]:
    return [flag for flag in flags if flag.kind == kind]


def rising(seed: int, **onsets: int) -> list[Spectrum]:
    """Return 150 spectra in which 20 counts of each element begin at its point."""
    rng = np.random.default_rng(seed)
    return [
        spectrum(rng, **{element: 20.0 * (index >= at) for element, at in onsets.items()})
        for index in range(150)
    ]


def test_a_line_is_as_wide_as_the_reference_says() -> None:
    assert line_width(5895.0, 130.0) == pytest.approx(130.0)
    assert line_width(392.4, 130.0) == pytest.approx(60.0, abs=1.0)
    assert line_width(2009.9, 130.0) == pytest.approx(87.0, abs=1.0)


def test_the_window_holds_one_width_on_either_side() -> None:
    window = window_of(Watch(element="P"), SETUP)
    inside = ENERGIES[window.counted]
    assert inside[0] == pytest.approx(2009.9 - 87, abs=10)
    assert inside[-1] == pytest.approx(2009.9 + 87, abs=10)


def test_a_line_off_the_energy_axis_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"watch: Fe: its line Fe_Ka at 6399\.5 eV is not within .* 0 to 5110 eV"
    ):
        EdsWatch(
            [Watch(element="Fe", line="Ka")],
            StemSetup(200e3, EnergyAxis(0.0, 10.0, 512), 130.0, 0.4, 0.0, None, 1e-9, 1e-6),
            background_points=30,
            average_run_length=10_000,
        )


def test_an_onset_has_its_place_and_its_evidence() -> None:
    watch = new_watch("N", "P")
    (flag,) = only("onset", scan(watch, rising(1, P=80)))
    assert flag.of == "P"
    assert flag.place["position_m"] == pytest.approx(80 * NM, abs=1.5 * NM)
    interval = flag.place["interval_m"]
    assert isinstance(interval, tuple)
    assert interval[0] <= 80 * NM <= interval[1]
    assert flag.confidence == 0.95
    assert flag.statistic is not None
    assert flag.threshold is not None
    assert flag.statistic > flag.threshold
    assert watch.findings().onsets["N"] == {"none": "no significant rise in 150 positions"}


def test_the_result_places_onset_midpoint_and_plateau_of_a_step_where_it_is() -> None:
    watch = new_watch("N", "P")
    scan(watch, rising(1, P=80))
    found = watch.findings()
    onset, plateau = found.onsets["P"], found.plateaus["P"]
    assert "none" not in onset
    assert "none" not in plateau
    for place in (onset["position_m"], onset["midpoint_m"], plateau["position_m"]):
        assert place == pytest.approx(79.5 * NM, abs=2.5 * NM)
    for low, high in (onset["interval_m"], onset["midpoint_interval_m"], plateau["interval_m"]):
        assert low <= 80 * NM
        assert high >= 79 * NM
        assert high - low < 10 * NM
    assert onset["confidence"] == plateau["confidence"] == 0.95
    assert found.plateaus["N"] == {"none": "no onset: no significant rise in 150 positions"}


def test_profiles_are_kept_for_the_report() -> None:
    watch = new_watch("P")
    scan(watch, rising(1, P=80))
    assert watch.counts["P"].shape == watch.live_time.shape == (150,)
    assert watch.rates["P"][100:].mean() == pytest.approx(200, rel=0.2)


def test_a_gap_is_no_onset_and_hides_none() -> None:
    spectra = rising(2, P=80)
    lost = Spectrum(np.zeros(0, np.uint32), 0.0, 0.0, 1e6)
    for index in (10, 50, 79, 80):
        spectra[index] = lost
    watch = new_watch("P")
    (flag,) = only("onset", scan(watch, spectra))
    interval = flag.place["interval_m"]
    assert isinstance(interval, tuple)
    assert interval[0] < 78.5 * NM  # it may have begun within the gap
    assert interval[1] > 80.5 * NM
    assert watch.live_time[79] == 0.0
    assert np.isnan(watch.rates["P"][79])


def test_what_is_there_from_the_first_point_is_present_and_no_onset() -> None:
    rng = np.random.default_rng(3)
    watch = new_watch("P")
    (flag,) = scan(watch, [spectrum(rng, P=20.0) for _ in range(100)])
    assert (flag.kind, flag.index) == ("present", 29)
    assert flag.place["position_m"] is None
    assert watch.findings().onsets["P"] == {"none": "present from the first point"}


def test_a_rise_from_a_level_present_says_so() -> None:
    rng = np.random.default_rng(4)
    spectra = [spectrum(rng, P=20.0 if index < 80 else 60.0) for index in range(120)]
    present, onset, *_ = scan(new_watch("P"), spectra)
    assert (present.kind, onset.kind) == ("present", "onset")
    assert "rises from a level present from the first point" in onset.note


def test_background_alone_is_not_present() -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        watch = new_watch("N", "P")
        assert scan(watch, [spectrum(rng, background=1.0) for _ in range(30)]) == []


def test_carbon_and_oxygen_beside_it_do_not_make_nitrogen_present() -> None:
    rng = np.random.default_rng(6)
    watch = new_watch("N")
    assert scan(watch, [spectrum(rng, C=20.0, O=200.0) for _ in range(60)]) == []


def test_too_few_points_say_so() -> None:
    watch = new_watch("P")
    scan(watch, rising(1)[:12])
    assert watch.findings().onsets["P"] == {
        "none": "only 12 positions with live time; the first 30 set the level"
    }


def test_order_is_claimed_where_the_intervals_are_apart() -> None:
    watch = new_watch("N", "P")
    scan(watch, rising(7, N=60, P=100))
    assert watch.findings().order == "N before P"


def test_order_is_undecided_at_one_onset_or_with_one_missing() -> None:
    both, one = new_watch("N", "P"), new_watch("N", "P")
    scan(both, rising(8, N=80, P=80))
    scan(one, rising(8, N=80))
    assert both.findings().order == one.findings().order == "undecided"


def test_no_order_is_invented_for_a_weak_and_a_strong_element_that_begin_together() -> None:
    """N has fewer counts and is flagged later; its interval must allow for that."""
    claims = 0
    for seed in range(15):
        rng = np.random.default_rng([9, seed])
        watch = new_watch("N", "P")
        for index in range(180):
            share = min(max(index - 79, 0) / 76, 1.0)
            watch.update(index, index * NM, spectrum(rng, 0.05, N=8 * share, P=45 * share))
        claims += watch.findings().order != "undecided"
    assert claims <= 1  # of two 95 % intervals, each may miss 5 %


def present_from_the_first_point(growth: float, rise: float, seed: int) -> EdsWatch:
    """Return a watch of C that is there; the thickness grows evenly, C itself rises at 90."""
    rng = np.random.default_rng([11, seed])
    watch = new_watch("C")
    for index in range(200):
        share = min(max(index - 90, 0) / 40, 1.0)
        amount = 20.0 * (1 + growth * index / 199) * (1 + rise * share)
        watch.update(index, index * NM, spectrum(rng, C=amount))
    return watch


def test_a_wedge_makes_no_onset_of_what_is_there_from_the_first_point() -> None:
    raised = [only("onset", present_from_the_first_point(0.2, 0.0, s).flags) for s in range(8)]
    assert raised == [[]] * 8


@pytest.mark.parametrize("seed", range(3))
def test_a_real_rise_of_what_is_there_is_an_onset_on_a_wedge_too(seed: int) -> None:
    watch = present_from_the_first_point(0.2, 2.0, seed)
    (flag,) = only("onset", watch.flags)
    assert 90 * NM < flag.place["raised_position_m"] < 130 * NM  # type: ignore[operator]
    onset = watch.findings().onsets["C"]
    assert "none" not in onset
    assert onset["position_m"] == pytest.approx(90 * NM, abs=12 * NM)


def test_the_end_of_a_rise_is_flagged_once_and_placed() -> None:
    rng = np.random.default_rng(12)
    watch = new_watch("P")
    for index in range(200):
        share = min(max(index - 60, 0) / 50, 1.0)
        watch.update(index, index * NM, spectrum(rng, P=40.0 * share))
    (flag,) = only("plateau", watch.flags)
    interval = flag.place["interval_m"]
    assert isinstance(interval, tuple)
    assert interval[0] <= 110 * NM <= interval[1]
    assert flag.statistic is not None
    assert flag.threshold is not None
    assert flag.statistic > flag.threshold
    assert flag.place["raised_position_m"] > 110 * NM  # type: ignore[operator]


def test_a_detection_limit_is_what_is_seen_in_a_single_position() -> None:
    """Currie's limit: of as many net counts 95 % are above its half, of none 5 %."""
    rng = np.random.default_rng(13)
    watch = new_watch("P")
    for index in range(200):
        watch.update(index, index * NM, spectrum(rng, background=2.0, P=100.0 * (index > 99)))
    found = watch.detection_limits()["P"]
    assert found["net_counts_per_s"] == pytest.approx(found["net_counts"] / 0.1)
    spectra = [
        np.array([spectrum(rng, background=2.0, P=net).counts for _ in range(400)])
        for net in (0.0, found["net_counts"])
    ]
    net = NetCounts(SETUP, [Watch(element="P")], sum(each.sum(axis=0) for each in spectra))
    without, with_it = (net.of(each)["P"][0] for each in spectra)
    half = found["net_counts"] / 2
    assert (without > half).mean() == pytest.approx(0.05, abs=0.04)
    assert (with_it > half).mean() == pytest.approx(0.95, abs=0.04)


def test_before_the_background_is_known_there_is_no_detection_limit() -> None:
    watch = new_watch("P")
    scan(watch, rising(1)[:12])
    assert watch.detection_limits() == {}
