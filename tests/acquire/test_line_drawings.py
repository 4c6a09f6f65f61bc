"""The drawings of a line scan: where things are drawn, and what is left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from acquire.eds.scan_data import ScanData, read_scan
from acquire.pages.charts import LEFT, RIGHT, ruler_for, running_mean, ticks, told_rate
from acquire.pages.findings import Finding, Place, findings
from acquire.pages.normalised_chart import NormalisedChart, normalised_chart
from acquire.pages.profile_chart import profile
from acquire.pages.spectra_chart import SpectraChart, spectra_chart
from acquire.pages.zones import Zone, zones
from acquire.record import RunRecord
from tests.acquire.made_run import POINTS, RISES, STEP, MadeRun

PER_METRE = (RIGHT - LEFT) / STEP.length


def scan_of(folder: Path) -> ScanData:
    with RunRecord(folder) as record:
        scan = read_scan(record, record.steps()[0])
    assert scan is not None
    return scan


def watching(*elements: str) -> Any:
    """Return the scan's protocol with other elements watched."""
    watched = [{"element": element} for element in elements]
    return type(STEP).model_validate({**STEP.model_dump(), "watch": watched})


def drawn(scan: ScanData, result: dict[str, Any]) -> NormalisedChart:
    chart = normalised_chart(scan, findings(scan.step.watch, result, []), result)
    assert chart is not None
    return chart


def points(text: str) -> list[tuple[float, float]]:
    """Return SVG points as numbers."""
    return [(float(x), float(y)) for x, y in (xy.split(",") for xy in text.split())]


def value_at(chart: NormalisedChart, y: float) -> float:
    """Return the normalised value that is drawn at `y`."""
    at = {tick.text: tick.at for tick in chart.y_ticks}
    return (y - at["0"]) / (at["1"] - at["0"])


def noisy(scan: ScanData) -> ScanData:
    """Return the scan with a background of two counts in each channel."""
    noise = np.random.default_rng(5).poisson(2.0, scan.main.counts.shape)
    counts = (scan.main.counts + noise).astype(np.uint16)
    return replace(scan, main=replace(scan.main, counts=counts))


def zones_of(scan: ScanData, found: tuple[Finding, ...]) -> tuple[Zone, ...]:
    return zones(found, scan.main)


def spectra_of(scan: ScanData, found: tuple[Finding, ...]) -> SpectraChart:
    ruler = ruler_for(scan.step.length, scan.pitch)
    chart = spectra_chart(scan, zones_of(scan, found), ruler)
    assert chart is not None
    return chart


@pytest.fixture
def scan(made: MadeRun) -> ScanData:
    """A whole scan of N and P with some positions lost."""
    made.whole_scan(lost=(3, 4, 45))
    return scan_of(made.close())


# -- one element's counts -----------------------------------------------------------------------


def test_a_profile_shows_gaps_and_the_interval(a_run_folder: Path) -> None:
    scan = scan_of(a_run_folder)
    onset = Place(50e-9, (46e-9, 52e-9), raised=54e-9)
    drawn = profile(scan, 0, scan.step.watch[0], onset)
    assert (len(drawn.dots), len(drawn.gaps)) == (58, 2)
    assert len(drawn.means) == 2
    assert drawn.interval is not None
    per_metre = (RIGHT - LEFT) / scan.step.length
    assert drawn.interval.at == pytest.approx(LEFT + 46e-9 * per_metre, abs=0.1)
    assert drawn.interval.width == pytest.approx(6e-9 * per_metre, abs=0.2)
    assert [(mark.kind, mark.before) for mark in drawn.marks] == [
        ("onset", True),
        ("raised", False),
    ]


def test_marks_at_the_ends_of_the_line_keep_their_words_within_it(a_run_folder: Path) -> None:
    scan = scan_of(a_run_folder)
    watch = scan.step.watch[0]
    first = profile(scan, 0, watch, Place(0.0, raised=4e-9)).marks
    assert [mark.text for mark in first] == ["", "onset 0 nm; flag raised at 4 nm"]
    assert not any(mark.before for mark in first)
    last = profile(scan, 0, watch, Place(112e-9, raised=116e-9)).marks
    assert [mark.text for mark in last] == ["onset 112 nm; flag raised at 116 nm", ""]


def test_an_element_whose_line_is_off_the_axis_says_so(a_run_folder: Path) -> None:
    scan = scan_of(a_run_folder)
    watch = scan.step.watch[0].model_copy(update={"element": "Cu"})
    assert "not within the energy axis" in profile(scan, 0, watch, Place()).problem


def test_the_running_mean_does_not_count_gaps() -> None:
    counts = np.array([2.0, 2.0, 0.0, 2.0, 2.0])
    weight = np.array([1.0, 1.0, 0.0, 1.0, 1.0])
    mean = running_mean(counts, weight)
    assert mean[[0, 1, 3, 4]].tolist() == [2.0] * 4
    assert np.isnan(mean[2])


@pytest.mark.parametrize("number", [1, 2, 8, 9, 10, 40])
def test_the_running_mean_of_a_constant_is_the_constant(number: int) -> None:
    assert running_mean(np.full(number, 3.0), np.ones(number)) == pytest.approx(np.full(number, 3))


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0.0, 350.0, 10, [0, 50, 100, 150, 200, 250, 300, 350]),
        (0.0, 1.08, 5, [0, 0.5, 1.0]),
        (0.0, 118.0, 10, [0, 20, 40, 60, 80, 100]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, most: int, expected: list[float]) -> None:
    assert ticks(low, high, most) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("length", "pitch", "metres", "text"),
    [
        (350e-9, 1e-9, 87.3e-9, "87 nm"),
        (350e-9, 0.5e-9, 87.3e-9, "87.3 nm"),
        (50e-6, 0.5e-6, 12.34e-6, "12.3 µm"),
    ],
)
def test_a_distance_is_rounded_to_the_pitch(
    length: float, pitch: float, metres: float, text: str
) -> None:
    assert ruler_for(length, pitch).text(metres) == text


def test_a_rate_has_three_digits_and_no_exponent() -> None:
    assert [told_rate(rate) for rate in (0.1234, 16_934.0)] == ["0.123 counts/s", "16900 counts/s"]


# -- all elements, normalised -------------------------------------------------------------------


def test_each_element_is_one_beyond_its_plateau(scan: ScanData) -> None:
    chart = drawn(scan, RISES)
    for curve in chart.curves:
        ends = [value_at(chart, y) for _, y in points(curve.means[-1])[-10:]]
        assert ends == pytest.approx([1.0] * 10, abs=0.02)
        assert "its mean beyond the plateau" in curve.legend


def test_a_gap_parts_the_lines_and_is_grey(scan: ScanData) -> None:
    chart = drawn(scan, RISES)
    assert [len(curve.means) for curve in chart.curves] == [3, 3]
    assert len(chart.gaps) == 3
    assert sum(len(curve.dots) for curve in chart.curves) + chart.outside == 2 * (POINTS - 3)


def test_onsets_and_plateaus_stand_under_the_plot_with_their_intervals(scan: ScanData) -> None:
    chart = drawn(scan, RISES)
    n, p = chart.bands.places
    assert n.y > chart.bottom
    assert p.y > n.y
    assert n.onset is not None
    assert n.onset.at == pytest.approx(LEFT + 46e-9 * PER_METRE, abs=0.1)
    assert n.onset.width == pytest.approx(6e-9 * PER_METRE, abs=0.2)
    assert p.plateau_at == pytest.approx(LEFT + 86e-9 * PER_METRE, abs=0.1)
    assert chart.bands.width is not None
    assert chart.bands.width.bar.width == pytest.approx(36e-9 * PER_METRE, abs=0.2)
    assert chart.bands.width.text == "36 nm (95 %: 30 to 44 nm)"
    assert chart.bands.axis > chart.bands.width.y


def test_what_was_not_found_has_no_band(scan: ScanData) -> None:
    none = {"none": "no significant rise"}
    chart = drawn(scan, {"onsets": {"N": none, "P": none}, "plateaus": {"N": none, "P": none}})
    assert chart.bands.places == ()
    assert chart.bands.width is None
    assert [curve.ramp for curve in chart.curves] == ["", ""]


def test_the_rise_goes_through_its_midpoint(scan: ScanData) -> None:
    chart = drawn(scan, RISES)
    n = [(x, value_at(chart, y)) for x, y in points(chart.curves[0].ramp)]
    assert [round((x - LEFT) / PER_METRE * 1e9) for x, _ in n] == [0, 50, 60, 70, 118]
    assert [value for _, value in n] == pytest.approx([n[0][1], n[0][1], 0.5, 1, 1], abs=0.03)
    assert len(points(chart.curves[1].ramp)) == 4  # no midpoint is known


def test_electrons_are_drawn_where_they_are_not_the_same_all_over(scan: ScanData) -> None:
    assert drawn(scan, RISES).bands.dose is None
    twice = scan.main.electrons * np.where(np.arange(POINTS) < 20, 1.0, 2.0)
    uneven = replace(scan, main=replace(scan.main, electrons=twice))
    chart = drawn(uneven, RISES)
    dose = chart.bands.dose
    assert dose is not None
    heights = dict(points(dose.area)[1:-1])
    assert max(heights.values()) - min(heights.values()) == pytest.approx(11.0, abs=0.1)
    assert dose.text == "electrons, up to 1.2e+08 at one position"
    assert chart.bands.axis > dose.y


def test_an_element_that_is_not_there_is_not_drawn_as_large_as_one_that_is(made: MadeRun) -> None:
    made.begin_scan(watching("N", "Cl"))
    for index in range(POINTS):
        made.expose(index)
    scan = noisy(scan_of(made.close()))
    onsets = {**RISES["onsets"], "Cl": {"none": "no significant rise"}}
    chart = drawn(scan, {"onsets": onsets, "plateaus": RISES["plateaus"]})
    absent = chart.curves[1]
    assert "its detection limit" in absent.legend
    assert max(abs(value_at(chart, y)) for part in absent.means for _, y in points(part)) < 0.5


def test_lines_differ_without_colours(made: MadeRun) -> None:
    made.begin_scan(watching("N", "P", "O"))
    for index in range(POINTS):
        made.expose(index)
    chart = drawn(scan_of(made.close()), RISES)
    assert len({curve.dash for curve in chart.curves}) == 3
    assert len({(curve.x, curve.y) for curve in chart.curves}) == 3
    assert max(curve.y for curve in chart.curves) < chart.top


def test_an_element_off_the_axis_is_left_out(made: MadeRun) -> None:
    made.begin_scan(watching("N", "Cu"))
    made.expose(0)
    chart = drawn(scan_of(made.close()), {})
    assert [curve.element for curve in chart.curves] == ["N"]


def test_nothing_is_drawn_of_lost_positions_alone(made: MadeRun) -> None:
    made.begin_scan()
    made.expose(0, lost=True)
    scan = scan_of(made.close())
    assert normalised_chart(scan, findings(scan.step.watch, None, []), {}) is None
    assert zones_of(scan, ()) == ()


# -- summed spectra -------------------------------------------------------------------------------


def test_spectra_are_summed_before_within_and_beyond_the_interphase(scan: ScanData) -> None:
    before, within, beyond = zones_of(scan, findings(scan.step.watch, RISES, []))
    assert before.last < 46e-9
    assert 50e-9 < within.first < 68e-9 < within.last < 86e-9
    assert beyond.first > 92e-9
    assert [len(zone.rows) for zone in (before, within, beyond)] == [9, 9, 9]
    assert not set(np.concatenate([before.rows, within.rows])) & {3, 4, 45}


def test_without_an_onset_they_are_from_the_thirds(scan: ScanData) -> None:
    found = zones_of(scan, findings(scan.step.watch, None, []))
    assert [zone.words for zone in found] == [
        "in the first third",
        "in the second third",
        "in the last third",
    ]


def test_an_onset_at_the_first_point_leaves_a_first_spectrum_of_one_position(
    scan: ScanData,
) -> None:
    found = (Finding("N", "N Ka", Place(0.0, (0.0, 4e-9))),)
    first = zones_of(scan, found)[0]
    assert first.rows.tolist() == [0]


def test_spectra_have_one_scale_and_show_where_a_line_is(scan: ScanData) -> None:
    chart = spectra_of(scan, findings(scan.step.watch, RISES, []))
    low, high = chart.panels
    assert [line.text for line in low.lines] == ["C Ka", "N Ka", "O Ka"]
    assert [line.text for line in high.lines] == ["P Ka", "P Kb"]
    peaks = [
        [
            (row.bottom - min(y for _, y in points(area))) / (row.bottom - row.top)
            for row, area in zip(chart.rows, panel.areas, strict=True)
        ]
        for panel in chart.panels
    ]
    # N: 1, 21 and 21 counts; P: 1, between and 31; heights are their square roots
    assert peaks[0] == pytest.approx([(1 / 21) ** 0.5, 1.0, 1.0], abs=0.01)
    assert peaks[1][::2] == pytest.approx([(1 / 31) ** 0.5, 1.0], abs=0.01)
    assert 0.2 < peaks[1][1] < 0.9


def test_elements_of_the_low_range_alone_need_one_panel(made: MadeRun) -> None:
    made.begin_scan(watching("N", "O"))
    made.expose(0)
    chart = spectra_of(scan_of(made.close()), ())
    (panel,) = chart.panels
    assert (panel.left, panel.right) == (LEFT, RIGHT)
    assert [line.watched for line in panel.lines] == [False, True, True]
