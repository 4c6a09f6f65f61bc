"""A small campaign on a sound run, and how a broken one is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NoReturn

import pytest
from click.testing import CliRunner

from acquire.cli import main
from acquire.torture.campaign import Campaign, check_try, chosen
from acquire.torture.course import Course
from acquire.torture.ordeal import Ordeal
from acquire.torture.troubles import Plan, Session, fault_kinds, mixed
from drivers.clock import wait_a_moment
from drivers.errors import InputError
from drivers.lab import known_drivers, simulated_lab
from tests.acquire.torture.made import PROTOCOL, boundary
from tests.acquire.torture.test_planted_bugs import outcome_before_data


def quiet(done: int, total: int, text: str) -> None:
    pass


def test_a_sound_run_stands_crashes_torn_commits_and_faults(course: Course, tmp_path: Path) -> None:
    tries = {"crash": chosen(course, "crash", 6), "tail": chosen(course, "tail", 3)}
    tally = Campaign(course, tmp_path, quiet).go({**tries, "mixed": range(3)})
    assert tally.broken == []
    assert tally.tried == {"crash": 6, "tail": 3, "mixed": 3}
    assert not list(tmp_path.glob("*/*/run.db")), "folders of sound runs are removed"


def test_crashes_are_spread_over_kinds_of_boundary(course: Course) -> None:
    names = [course.boundaries[number].name for number in chosen(course, "crash", 12)]
    assert len(set(names)) >= 6


def test_every_boundary_that_leaves_another_disk_is_one_try(course: Course) -> None:
    every = chosen(course, "crash", len(course.boundaries))
    assert every == [n for n, boundary in enumerate(course.boundaries) if boundary.fresh]


def planned(number: int, seed: int = 1) -> Plan:
    lab = simulated_lab({"stem": {}})
    return mixed(seed, number, boundaries=500, size=1e6, seconds=100.0, lab=lab)


def test_the_same_seed_and_number_mean_the_same_troubles() -> None:
    assert planned(7) == planned(7)
    assert planned(7) != planned(8)
    assert planned(7) != planned(7, seed=2)
    assert all(len(planned(number).kinds) >= 2 for number in range(50))


@pytest.mark.parametrize("role", ["stem", "fib", "xps", "potentiostat"])
def test_a_simulator_tells_what_it_did_and_has_faults(role: str) -> None:
    spec = known_drivers()[f"simulated-{role}"]
    assert spec.ledger is not None
    assert len(fault_kinds(spec.settings)) >= 8


def test_what_breaks_is_told_with_the_command_that_repeats_it(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"crash {boundary(course, 'after outcome', 'stem.image')}"
    file = tmp_path / "scan.yaml"
    file.write_text(PROTOCOL, encoding="utf-8")
    outcome_before_data(monkeypatch)
    words = ["torture", str(file), "--out", str(tmp_path / "out"), "--seed", "3"]
    done = CliRunner().invoke(main, [*words, "--only", name, "--json"])
    assert done.exit_code == 1, done.output
    told = json.loads(done.output)["broken"]
    assert told[0]["invariant"] == "files_are_whole"
    assert told[0]["repeat"].endswith(f"--seed 3 --only '{name}'")
    monkeypatch.undo()
    sound = CliRunner().invoke(main, [*words, "--only", name])
    assert sound.exit_code == 0, sound.output
    assert "1 tries, 0 broken" in sound.output


def test_a_crash_may_be_gone_on_with_to_the_end_each_time(tmp_path: Path) -> None:
    file = tmp_path / "scan.yaml"
    file.write_text(PROTOCOL, encoding="utf-8")
    words = ["torture", str(file), "--out", str(tmp_path / "out"), "--family", "crash"]
    ended = [
        json.loads(CliRunner().invoke(main, [*words, "--runs", "4", "--json", *more]).output)[
            "ended"
        ]
        for more in ((), ("--to-the-end",))
    ]
    assert ended == [{"stopped": 4}, {"finished": 4}]


def test_a_run_whose_disk_was_full_is_gone_on_with_to_its_end(
    course: Course, tmp_path: Path
) -> None:
    plan = Plan("mixed 0", (Session(room=course.size / 2),))
    ordeal = Ordeal(course, plan, tmp_path / "torture")
    assert list(ordeal.go()) == []
    assert [end.state for end in ordeal.ends] == ["fault", "finished"]
    assert "the record cannot be written" in ordeal.ends[0].reason


def test_a_try_that_is_none_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["torture", "joule2020/eds-line", "--only", "17"])
    assert done.exit_code == 2
    assert "write one like 'mixed 17'" in done.output


def test_a_try_at_a_boundary_that_is_not_there_is_refused(course: Course) -> None:
    last = chosen(course, "crash", len(course.boundaries))[-1]
    check_try(course, "crash", last)
    for family, number in (("crash", len(course.boundaries)), ("tail", 0)):
        with pytest.raises(InputError, match=r"is no try of this run: it passes \d+ boundaries"):
            check_try(course, family, number)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("family", ["kill", "network"])
def test_a_run_goes_on_after_its_process_was_killed_or_its_network_was_bad(
    family: str, course: Course, tmp_path: Path
) -> None:
    tally = Campaign(course, tmp_path, quiet).go({family: range(3)})
    assert tally.broken == []
    assert tally.tried == {family: 3}
    assert tally.ended == {"finished": 3}


def test_a_session_that_hangs_is_told_and_not_waited_for(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(*args: object, **options: object) -> NoReturn:
        while True:
            wait_a_moment(0.01)

    monkeypatch.setattr("acquire.torture.ordeal.begin_run", hang)
    monkeypatch.setattr("acquire.torture.ordeal.PATIENCE", 0.2)
    monkeypatch.setattr("acquire.torture.ordeal.PER_WALL", 0.0)
    (broken,) = Ordeal(course, Plan("mixed 0", (Session(),)), tmp_path).go()
    assert "was not over" in broken.text
