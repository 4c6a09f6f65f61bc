"""A spectrometer behind a folder: it waits for files, refuses wrong ones, says go and stop."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from drivers.clock import JumpingClock
from drivers.errors import InputError, LimitError, LinkError, ReadbackError
from drivers.lab import OpenRequest
from drivers.lab_file import load_lab
from drivers.open_lab import open_lab
from drivers.vamas.content import VamasFile
from drivers.vamas.write import vamas_text
from drivers.watch_folder import DRIVER
from drivers.watch_folder.spectrometer import WatchFolder
from drivers.xps import Xps
from protocols.xps import Region
from tests.drivers.test_recorded_xps import ETCH, region
from tests.drivers.xps_files import LINES, block, counts_of, cycles, profile, write

R = TypeVar("R")


def opened(folder: Path, clock: JumpingClock | None = None, **settings: Any) -> WatchFolder:
    asked = DRIVER.settings.model_validate(
        {"vendor_interlocks": True, "deadline": "10 min", **settings}
    )
    request = OpenRequest(
        "xps",
        str(folder),
        asked,
        DRIVER.limits(),
        clock or JumpingClock(),
        0,
        None,
        lambda name, text: None,
    )
    xps: Any = DRIVER.open(request)
    return xps


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "profile"
    made.mkdir()
    return made


def cycle(number: int, lines: Iterable[str] = tuple(LINES)) -> VamasFile:
    return profile(block(line, number) for line in lines)


def vendor_writes(folder: Path, number: int, lines: Iterable[str] = tuple(LINES)) -> Path:
    return write(folder / f"scan_{number}.vms", cycle(number, lines))


def with_events(
    doing: Generator[Any, None, R], events: dict[int, Callable[[], object]]
) -> tuple[R, int]:
    """Run to the end; after so many looks something happens. Return also how many there were."""
    looks = 0
    while True:
        events.get(looks, lambda: None)()
        try:
            next(doing)
        except StopIteration as end:
            return end.value, looks
        looks += 1


def ended(doing: Generator[Any, None, R], *first: Callable[[], object]) -> R:
    return with_events(doing, dict(enumerate(first, 3)))[0]


def trigger(folder: Path) -> str:
    return (folder / "liftline-trigger.txt").read_text().splitlines()[0]


def test_a_profile_goes_on_with_each_file_and_says_go_in_between(folder: Path) -> None:
    xps = opened(folder)
    assert isinstance(xps, Xps)
    for number in range(3):
        if number == 0:
            vendor_writes(folder, 0)
        else:
            etched = ended(xps.etch(ETCH), lambda n=number: vendor_writes(folder, n))
            assert etched.seconds == 60
            assert trigger(folder) == f"go {number}"
        for line in LINES:
            spectrum = ended(xps.acquire(region(line), 1))
            np.testing.assert_array_equal(spectrum.counts, counts_of(line, number))
            assert spectrum.etch_time == 60 * number
    xps.close()
    assert trigger(folder) == "stop 2"


def test_the_trigger_tells_a_person_what_to_do(folder: Path) -> None:
    vendor_writes(folder, 0)
    xps = opened(folder)
    doing = xps.etch(ETCH)
    next(doing)
    _, words = (folder / "liftline-trigger.txt").read_text().splitlines()
    assert words == (
        "etch 60 s, 0 s so far: Ar+ of 5000 eV, 1 uA, over 2 x 2 mm; then measure cycle 1"
    )


def test_waiting_yields_at_least_once_a_second(folder: Path) -> None:
    clock = JumpingClock()
    xps = opened(folder, clock)
    began = clock.now()
    write_late = {20: lambda: vendor_writes(folder, 0)}
    spectrum, looks = with_events(xps.acquire(region(), 1), write_late)
    assert looks - 1 >= clock.now() - began >= 20
    assert spectrum.counts.sum() == counts_of("C 1s", 0).sum()


def test_a_file_that_still_grows_is_left_alone(folder: Path) -> None:
    path = folder / "scan_0.vms"
    text = vamas_text(cycle(0))
    xps = opened(folder)

    def grow(share: float) -> Callable[[], object]:
        return lambda: path.write_text(text[: int(share * len(text))], newline="")

    growing = {look: grow(look / 30) for look in range(1, 31)}
    spectrum, looks = with_events(xps.acquire(region("N 1s"), 1), growing)
    np.testing.assert_array_equal(spectrum.counts, counts_of("N 1s", 0))
    assert looks > 30


def test_one_file_that_grows_by_a_cycle_at_a_time_serves(folder: Path) -> None:
    path = write(folder / "all.vms", cycles(1))
    xps = opened(folder)
    ended(xps.acquire(region(), 1))
    ended(xps.etch(ETCH), lambda: write(path, cycles(2)))
    spectrum = ended(xps.acquire(region(), 1))
    np.testing.assert_array_equal(spectrum.counts, counts_of("C 1s", 1))


def test_a_file_that_says_its_last_number_of_blocks_from_the_first_on_serves(folder: Path) -> None:
    path, text = folder / "all.vms", vamas_text(cycles(3))
    cut = text.index("\r\nC 1s\r\nmade\r\n", text.index("\r\nN 1s\r\nmade\r\n"))
    path.write_text(text[: cut + 2], newline="")
    xps = opened(folder)
    ended(xps.acquire(region("N 1s"), 1))
    ended(xps.etch(ETCH), lambda: path.write_text(text, newline=""))
    spectrum = ended(xps.acquire(region(), 1))
    np.testing.assert_array_equal(spectrum.counts, counts_of("C 1s", 1))


def test_regions_in_files_of_their_own_serve_as_they_come(folder: Path) -> None:
    xps = opened(folder)
    write(folder / "C1s_0.vms", cycle(0, ["C 1s"]))
    ended(xps.acquire(region("C 1s"), 1))
    ended(xps.acquire(region("N 1s"), 1), lambda: write(folder / "N1s_0.vms", cycle(0, ["N 1s"])))
    ended(xps.etch(ETCH), lambda: write(folder / "C1s_1.vms", cycle(1, ["C 1s"])))
    assert ended(xps.acquire(region("C 1s"), 1)).etch_time == 60


def test_a_file_that_never_comes_is_told_when_the_deadline_passes(folder: Path) -> None:
    clock = JumpingClock()
    xps = opened(folder, clock)
    with pytest.raises(LinkError, match=r"C 1s of cycle 0 did not come into .* within 10 min"):
        ended(xps.acquire(region(), 1))
    assert clock.now() == pytest.approx(600)


def test_an_etch_that_is_closed_or_fails_says_stop(folder: Path) -> None:
    vendor_writes(folder, 0)
    xps = opened(folder)
    doing = xps.etch(ETCH)
    for _ in range(5):
        next(doing)
    assert trigger(folder) == "go 1"
    doing.close()
    assert trigger(folder) == "stop 1"
    with pytest.raises(LinkError, match="a region of cycle 1 did not come"):
        ended(xps.etch(ETCH))
    assert trigger(folder) == "stop 1"


def test_an_etch_that_was_cut_off_and_is_repeated_leads_to_the_same_cycle(folder: Path) -> None:
    vendor_writes(folder, 0)
    before = opened(folder)
    ended(before.acquire(region(), 1))
    doing = before.etch(ETCH)
    for _ in range(5):
        next(doing)
    after = opened(folder)  # as after a crash: nothing was closed
    ended(after.etch(ETCH), lambda: vendor_writes(folder, 1))
    assert trigger(folder) == "go 1"
    assert ended(after.acquire(region(), 1)).etch_time == 60


def test_a_run_that_is_resumed_goes_on_with_the_next_cycle(folder: Path) -> None:
    vendor_writes(folder, 0)
    before = opened(folder)
    ended(before.etch(ETCH), lambda: vendor_writes(folder, 1))
    before.close()
    after = opened(folder)
    assert ended(after.acquire(region(), 1)).etch_time == 60
    ended(after.etch(ETCH), lambda: vendor_writes(folder, 2))
    assert trigger(folder) == "go 2"


@pytest.mark.parametrize("stored", [True, False])
def test_etch_seconds_count_what_led_to_a_file_across_sessions(folder: Path, stored: bool) -> None:
    def vendor(number: int) -> None:
        made = profile([block("C 1s", number)])
        if not stored:
            made = replace(made, variables=(), blocks=(replace(made.blocks[0], variables=()),))
        write(folder / f"scan_{number}.vms", made)

    vendor(0)
    before = opened(folder)
    ended(before.etch(ETCH), lambda: vendor(1))
    assert before.etch_seconds() == 60
    doing = before.etch(ETCH)
    next(doing)
    assert before.etch_seconds() == 60
    while_away = opened(folder)  # nothing came before the crash
    assert while_away.etch_seconds() == 60
    vendor(2)
    after = opened(folder)
    assert after.etch_seconds() == 60
    assert ended(after.etch(ETCH)).seconds == 60
    assert after.etch_seconds() == 120
    ended(after.etch(ETCH), lambda: vendor(3))
    assert trigger(folder) == "go 3"
    assert opened(folder).etch_seconds() == 180


def test_a_file_that_comes_after_the_meter_was_read_does_not_lead_to_a_second_etch(
    folder: Path,
) -> None:
    vendor_writes(folder, 0)
    before = opened(folder)
    doing = before.etch(ETCH)
    next(doing)
    after = opened(folder)
    assert after.etch_seconds() == 0
    vendor_writes(folder, 1)
    ended(after.etch(ETCH))
    assert trigger(folder) == "go 1"


def test_a_region_is_given_once_a_cycle(folder: Path) -> None:
    vendor_writes(folder, 0)
    xps = opened(folder)
    ended(xps.acquire(region(), 1))
    with pytest.raises(LimitError, match="measures C 1s once a cycle; leave out faint_sweeps"):
        ended(xps.acquire(region(), 1))


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (region(start=297.0), "the vendor's method differs: .* has C 1s 296 to 276 eV"),
        (region("O 1s"), "cycle 0 has no O 1s, and cycle 1 has begun; the files have C 1s"),
    ],
)
def test_other_regions_than_the_protocols_are_refused(
    folder: Path, asked: Region, told: str
) -> None:
    vendor_writes(folder, 0)
    xps = opened(folder)
    with pytest.raises(ReadbackError, match=told):
        ended(xps.acquire(asked, 1), lambda: vendor_writes(folder, 1))


def test_other_xrays_than_the_lab_files_are_refused(folder: Path) -> None:
    write(folder / "scan_0.vms", profile([replace(block("C 1s", 0), source_energy=1253.6)]))
    with pytest.raises(ReadbackError, match=r"the files say X-rays of 1253\.6 eV"):
        ended(opened(folder).acquire(region(), 1))


@pytest.mark.parametrize(
    ("name", "etch", "told"),
    [
        ("scan_1.vms", 180.0, r"scan_1\.vms came after scan_2\.vms was read"),
        ("scan_3.vms", 60.0, "was etched for 60 s and follows one of 120 s"),
    ],
)
def test_cycles_out_of_order_are_refused(folder: Path, name: str, etch: float, told: str) -> None:
    vendor_writes(folder, 0)
    xps = opened(folder)
    ended(xps.etch(ETCH), lambda: write(folder / "scan_2.vms", profile([block("C 1s", 2)])))
    with pytest.raises(LinkError, match=told):
        ended(xps.etch(ETCH), lambda: write(folder / name, profile([block("C 1s", 3, etch)])))


def test_a_broken_file_is_told_with_its_line(folder: Path) -> None:
    path = vendor_writes(folder, 0)
    path.write_bytes(path.read_bytes().replace(b"\r\n1486.7\r\n", b"\r\n1486,7\r\n", 1))
    with pytest.raises(
        LinkError, match=r"scan_0\.vms:\d+: energy of the source should be a number"
    ):
        ended(opened(folder).acquire(region(), 1))


def test_a_folder_with_another_profile_in_it_is_refused(folder: Path) -> None:
    vendor_writes(folder, 0)
    vendor_writes(folder, 1)
    with pytest.raises(InputError, match="already holds 2 cycles, of another profile perhaps"):
        opened(folder)


def test_a_trigger_file_of_something_else_is_refused(folder: Path) -> None:
    (folder / "liftline-trigger.txt").write_text("start\n")
    with pytest.raises(LinkError, match="which liftline did not write; give this profile"):
        opened(folder)


def test_the_vendors_interlocks_must_be_declared(folder: Path) -> None:
    with pytest.raises(InputError, match=r"settings: \{vendor_interlocks: true\}"):
        opened(folder, vendor_interlocks=False)


def test_nothing_is_told_before_the_profile_begins(folder: Path) -> None:
    xps = opened(folder)
    xps.safe()
    xps.close()
    assert not list(folder.iterdir())


def test_the_lab_file_of_the_readme_opens_it(folder: Path, tmp_path: Path) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (text,) = [part for part in readme.split("```") if "driver: watch-folder" in part]
    lab = tmp_path / "lab.yaml"
    lab.write_text(text.removeprefix("yaml").replace("C:/Data/profile-7", str(folder)))
    with open_lab(load_lab(lab), clock=JumpingClock()) as opened:
        assert isinstance(opened.drivers["xps"], WatchFolder)
