"""A depth profile's flags: what appears, levels off, falls and goes, and where that was."""

from __future__ import annotations

import numpy as np
import pytest

from acquire.flags import Flag
from acquire.xps.depth_watch import DepthWatch
from drivers.xps import RegionSpectrum
from tests.acquire.xps.made_profile import SETUP, Line, drawn, made_step, ramp, watched

CARBON = Line("C 1s", 284.6, [20000, 16000, 9000, 3000, 1200] + [600] * 35)
STEADY = Line("C 1s", 284.6, [5000.0] * 42)
NITROGEN = Line("N 1s", 394.4, ramp(5.0, 150, 1500))
PHOSPHORUS = Line("P 2p", 132.8, ramp(12.0, 150, 1500))


def named(flags: list[Flag]) -> list[tuple[str, str]]:
    return [(flag.kind, flag.of) for flag in flags]


def found(flags: list[Flag], kind: str, of: str) -> Flag:
    return next(flag for flag in flags if (flag.kind, flag.of) == (kind, of))


def test_a_line_is_told_once_it_is_there_and_when_its_rise_has_ended() -> None:
    watch, flags = watched([STEADY, NITROGEN, PHOSPHORUS], 30)
    assert found(flags, "present", "C 1s").index == 0
    assert found(flags, "onset", "N 1s").index in (6, 7, 8)
    assert found(flags, "onset", "P 2p").index in (13, 14, 15)
    assert found(flags, "plateau", "N 1s").place["etch_time_s"] == pytest.approx(900, abs=90)
    assert watch.findings().order == "N before P"


def test_the_onset_is_back_dated_and_its_interval_holds_it() -> None:
    watch, _ = watched([STEADY, NITROGEN, PHOSPHORUS], 24)
    for line, true in (("N 1s", 300.0), ("P 2p", 720.0)):
        onset = next(
            each
            for each in watch.findings().as_dict()["boundaries"]
            if (each["kind"], each["of"]) == ("onset", line)
        )
        low, high = onset["interval_etch_s"]
        assert low <= true <= high
        assert onset["etch_time_s"] == pytest.approx(true, abs=60)


def test_onsets_in_the_same_place_are_in_no_order() -> None:
    both = [STEADY, NITROGEN, Line("P 2p", 132.8, ramp(5.3, 150, 1500))]
    watch, flags = watched(both, 20)
    assert ("onset", "P 2p") in named(flags)
    assert watch.findings().order == "undecided"


def test_what_falls_is_gone_only_where_its_upper_limit_is_low_enough() -> None:
    _, flags = watched([CARBON], 10)
    assert found(flags, "falls", "C 1s").index == 3  # 3000 of 20000
    assert found(flags, "gone", "C 1s").index == 5  # 600: not 1200, which is above 5 %


def test_a_faint_line_below_its_noise_is_not_gone() -> None:
    faint = Line("C 1s", 284.6, [600.0] * 2 + [0.0] * 8)  # its limit is 5 % of 600: 30 counts
    _, flags = watched([faint], 10)
    assert ("falls", "C 1s") in named(flags)
    assert ("gone", "C 1s") not in named(flags)


def test_what_was_gone_and_rises_again_returns() -> None:
    carbon = Line("C 1s", 284.6, [20000.0, 4000, 200, 200, 200, 200, 3000, 9000, 12000, 12000])
    _, flags = watched([carbon], 10)
    assert found(flags, "returns", "C 1s").place["etch_time_s"] == pytest.approx(300, abs=40)
    assert ("onset", "C 1s") not in named(flags)


def test_nothing_appears_where_nothing_is() -> None:
    _, flags = watched([STEADY], 42)
    assert named(flags) == [("present", "C 1s")]


def test_a_line_is_found_where_charging_has_moved_it() -> None:
    shifts = dict.fromkeys(range(5, 20), 3.0)
    watch, flags = watched([STEADY, NITROGEN], 20, shifts)
    assert found(flags, "onset", "N 1s").index in (6, 7, 8)
    reading = watch.row()["N 1s"]
    assert reading.state == "nitride"
    assert reading.binding_energy == pytest.approx(394.4, abs=3 * 0.1)
    assert reading.uncertainty == pytest.approx(0.11, abs=0.02)
    moved = found(flags, "shift", "C 1s")
    assert (moved.index, moved.place["interval_etch_s"]) == (5 + 1, (240.0, 300.0))
    assert "by +3.0" in moved.note or "by +2.9" in moved.note


def test_without_its_reference_a_line_has_no_energy() -> None:
    carbon = Line("C 1s", 284.6, [5000.0] * 10 + [0.0] * 10)
    watch, _ = watched([carbon, NITROGEN], 18)
    reading = watch.row()["N 1s"]
    assert reading.significance > 20
    assert reading.binding_energy is None
    assert reading.state is None


def test_a_line_there_before_any_etch_is_present() -> None:
    _, flags = watched([STEADY, Line("N 1s", 398.0, [800.0] * 3)], 3)
    flag = found(flags, "present", "N 1s")
    assert flag.place["binding_energy_eV"] == pytest.approx(398.0, abs=0.3)
    assert flag.place["interval_etch_s"] is None


@pytest.mark.parametrize(("area", "doubt"), [(0.0, False), (190.0, True), (2000.0, False)])
def test_only_what_may_be_a_peak_is_faint(area: float, doubt: bool) -> None:
    watch, rng = DepthWatch(made_step(), SETUP), np.random.default_rng(4)
    quiet = drawn([STEADY], 0, rng)
    watch.update(0, 0.0, quiet)
    energies = quiet["N 1s"].binding_energies
    shape = np.exp(-2.77 * ((energies - 394.4) / 1.5) ** 2)
    counts = np.round(40 + area * shape / shape.sum()).astype(np.uint32)
    assert watch.faint("N 1s", RegionSpectrum(counts, 406.0, 0.1, 0.2, 1)) is doubt


def test_a_cycle_without_a_region_tells_nothing_of_its_line() -> None:
    rng, watch = np.random.default_rng(1), DepthWatch(made_step(), SETUP)
    spectra = drawn([STEADY], 0, rng)
    del spectra["N 1s"]
    watch.update(0, 0.0, spectra)
    assert set(watch.row()) == {"C 1s", "P 2p"}
    assert watch.findings().lines["N 1s"] == {"none": "no line has appeared in 0 cycles"}


def test_the_profile_is_finished_some_cycles_after_the_last_plateau() -> None:
    step = made_step(stop={"lines": ["N 1s"], "cycles": 2})
    watch, rng = DepthWatch(step, SETUP), np.random.default_rng(1)
    flagged = None
    for cycle in range(40):
        flags = watch.update(cycle, 60.0 * cycle, drawn([STEADY, NITROGEN], cycle, rng))
        if any(flag.kind == "plateau" for flag in flags):
            flagged = cycle
        assert watch.finished() is (flagged is not None and cycle >= flagged + 2)
        if watch.finished():
            break
    assert flagged is not None


def test_composition_is_that_of_the_areas_by_their_sensitivities() -> None:
    watch, _ = watched([STEADY, Line("N 1s", 394.4, [5000.0] * 4)], 4)
    told = watch.findings().as_dict()["composition"]
    carbon, nitrogen = told["atomic_percent"]["C"][-1], told["atomic_percent"]["N"][-1]
    ratio = (
        13634 / 24520 * ((1486.7 - 283.8) / (1486.7 - 401.6)) ** 0.15
    )  # Scofield, KE^(0.75 - 0.6)
    assert nitrogen / carbon == pytest.approx(ratio, rel=0.06)
    assert told["uncertainty"]["N"][-1] == pytest.approx(0.14 * carbon * nitrogen / 100, rel=0.2)


def test_depth_is_told_where_a_rate_is_declared() -> None:
    step = made_step(etch_rate={"surface": 0.1, "N 1s": 0.05})
    watch, rng = DepthWatch(step, SETUP), np.random.default_rng(1)
    for cycle in range(20):
        watch.update(cycle, 60.0 * cycle, drawn([STEADY, NITROGEN, PHOSPHORUS], cycle, rng))
    places = {(b["kind"], b["of"]): b for b in watch.findings().as_dict()["boundaries"]}
    n, p = places["onset", "N 1s"], places["onset", "P 2p"]
    assert n["depth"] == pytest.approx(0.1 * n["etch_time_s"])
    assert p["depth"] == pytest.approx(n["depth"] + 0.05 * (p["etch_time_s"] - n["etch_time_s"]))
