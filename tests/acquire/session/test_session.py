from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from acquire.record import RunRecord
from acquire.session.session import NoInstrumentError, Session
from drivers.errors import BudgetError, InputError, InterlockError, RunInUseError
from drivers.stem import Image, Spectrum
from tests.acquire.session.labs import IMAGE, SPECTRUM, lab_file, simulated


def test_the_package_gives_the_session_and_stays_light() -> None:
    light = (
        "import acquire, sys; assert 'numpy' not in sys.modules and 'pydantic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", light], check=True)
    import acquire

    assert acquire.Session is Session


def test_nothing_is_connected_or_written_before_it_is_used(tmp_path: Path) -> None:
    with Session(lab_file(tmp_path), out=tmp_path / "runs", quiet=True) as lab:
        assert lab.folder is None
        assert not (tmp_path / "runs").exists()
        lab.stem.status()
        assert lab.folder is not None
        assert (lab.folder / "world-stem.db").exists()
        assert not (lab.folder / "world-xps.db").exists()


def test_it_tells_what_is_connected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Session.simulated(out=tmp_path, seed=7) as lab:
        lab.stem.image(**IMAGE)
        lab.stem.image(**IMAGE)
    told = capsys.readouterr().err
    assert told.count("stem is connected: liftline simulated STEM world 7, SIMULATED") == 1


def test_an_image_costs_what_its_settings_say_and_text_is_as_good_as_numbers(
    tmp_path: Path,
) -> None:
    with simulated(tmp_path) as lab:
        first = lab.stem.image("2 um", pixels=32, dwell="2 us", probe_current="25 pA")
        second = lab.stem.image(2e-6, pixels=32, dwell=2e-6, probe_current=25e-12)
    assert isinstance(first, Image)
    assert first.pixels.shape == (32, 32)
    assert first.dose == pytest.approx(second.dose, rel=1e-6)
    assert first.dose == pytest.approx(25e-12 * 32 * 32 * 2e-6 / 1.602e-19 / 4e8, rel=0.05)


def test_what_is_done_by_hand_is_a_run_that_shows_reports_and_exports(tmp_path: Path) -> None:
    with simulated(tmp_path) as lab:
        lab.stem.image(**IMAGE)
        spectrum = lab.stem.spectrum(**SPECTRUM, dwell="0.1 s")
        result = lab.record
        assert result.state == "running"
    assert isinstance(spectrum, Spectrum)
    assert result.state == "finished"
    assert result.results[0]["done"] == {"stem.image": 1, "stem.spectrum": 1}
    from acquire.pages.report import write_report
    from acquire.views import export

    page = write_report(result.folder).read_text(encoding="utf-8")
    assert "data:image/png" in page
    assert "SIMULATED" in page
    assert [path.suffix for path in export(result.folder, "hspy")] == [".hspy"]


def test_a_dose_limit_holds_over_calls_and_names_the_kind(tmp_path: Path) -> None:
    with simulated(tmp_path, dose_limit="30 e/angstrom^2") as lab:
        lab.stem.spectrum(**SPECTRUM, dwell="1 s")
        with pytest.raises(
            BudgetError, match=r"dose_e_per_angstrom2: this would make .* limit is 30"
        ):
            lab.stem.spectrum(**SPECTRUM, dwell="1 s")
        assert lab.spent["dose_e_per_angstrom2"]["spent"] == pytest.approx(24.97, rel=0.01)


def test_what_has_no_limit_is_counted_all_the_same(tmp_path: Path) -> None:
    with simulated(tmp_path) as lab:
        lab.stem.spectrum(**SPECTRUM, dwell="1 s")
        assert lab.spent == {
            "dose_e_per_angstrom2": {"limit": None, "spent": pytest.approx(24.97, rel=0.01)}
        }
        assert lab.record.budgets["dose_e_per_angstrom2"]["limit"] is None


def test_the_gate_refuses_and_the_session_goes_on(tmp_path: Path) -> None:
    with simulated(tmp_path, "xps") as lab:
        with pytest.raises(InterlockError, match="X-ray source is off"):
            lab.xps.acquire("N 1s", "410 eV", "400 eV", step="1 eV")
        lab.xps.set_source(True)
        assert len(lab.xps.acquire("N 1s", "410 eV", "400 eV", step="1 eV").counts) == 11


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"field": "2"}, r"field: 2 has no unit; write it like '2 m'"),
        ({"field": "2 s"}, r"field: '2 s': 's' does not measure the same as 'metre'"),
        ({"field": float("nan")}, r"field: nan is not a finite number"),
        ({"field": "2 um", "pixels": 3}, r"pixels: .* greater than or equal to 16"),
        ({"field": "2 um", "x": "far"}, r"x: 'far' is not a quantity; write it like '50 nm'"),
    ],
)
def test_a_wrong_argument_is_named_with_its_cure(
    tmp_path: Path, wrong: dict[str, object], told: str
) -> None:
    with simulated(tmp_path) as lab, pytest.raises(InputError, match=told):
        lab.stem.image(**wrong)  # type: ignore[arg-type]


def test_a_wrong_name_is_told_with_the_right_one(tmp_path: Path) -> None:
    with Session(lab_file(tmp_path), out=tmp_path, quiet=True) as lab:
        with pytest.raises(NoInstrumentError, match="did you mean 'stem'"):
            lab.stm  # noqa: B018
        with pytest.raises(NoInstrumentError, match=r"lab 'bench' has no fib; it has: stem, xps"):
            lab.fib  # noqa: B018
        assert not hasattr(lab, "fib")
        assert {"stem", "xps", "run", "resume"} <= set(dir(lab))
        assert "fib" not in dir(lab)


def test_a_wrong_limit_is_refused_when_the_session_begins(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="does_limit: there is no such setting, did you mean 'dose_"
    ):
        simulated(tmp_path, does_limit="1 e/angstrom^2")
    with pytest.raises(InputError, match=r"dose_limit: .*write it like '2000 e/angstrom\^2'"):
        simulated(tmp_path, dose_limit="5 s")


def test_the_calls_have_the_documentation_of_their_interface() -> None:
    from acquire.session.instruments import SessionStem

    told = SessionStem.image.__doc__ or ""
    assert told.startswith("Take a dark-field image centred on (x, y).")
    assert "probe_current: Current in the probe while imaging." in told


def test_a_hold_gives_its_samples(tmp_path: Path) -> None:
    with simulated(tmp_path, "potentiostat") as lab:
        held = lab.potentiostat.hold(
            "current", current="1 uA", end_seconds="60 s", voltage_min=2, voltage_max="5.2 V"
        )
        samples = lab.potentiostat.samples()
    assert held.ended_by == "time"
    assert len(samples.voltage) == len(samples.seconds) >= 60


def test_the_first_ctrl_c_ends_an_action_safe_and_journalled(tmp_path: Path) -> None:
    with simulated(tmp_path, real_time=True) as lab:
        lab.stem.status()
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt, match="the instrument is safe"):
            lab.stem.spectrum(**SPECTRUM, dwell="60 s")
        assert lab.stem.status().beam_blanked
        electrons = lab.stem.electrons()
        with RunRecord(lab.record.folder) as record:
            (done,) = record.done(0, "stem.spectrum", Spectrum)
        assert done.ended_by == "stopped by Ctrl-C"
        assert done.result.electrons == electrons
        assert 0 < done.result.real_time < 30
        lab.stem.image(**IMAGE)  # and the session goes on


def test_a_wait_lets_the_lab_s_time_pass(tmp_path: Path) -> None:
    with simulated(tmp_path, "fib", "cryo") as lab:
        lab.cryo.cool("-180 degC")
        with pytest.raises(InputError, match="duration: 3 has no unit"):
            lab.wait("3")
        with pytest.raises(InputError, match="is negative"):
            lab.wait(-3)
        lab.wait("3 h")
        assert lab.cryo.status().stage_temperature == pytest.approx(93.15, abs=1.0)


def test_ctrl_c_ends_a_wait_and_the_session_goes_on(tmp_path: Path) -> None:
    with simulated(tmp_path, real_time=True) as lab:
        lab.stem.status()
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt, match="stopped"):
            lab.wait("1 h")
        lab.stem.image(**IMAGE)


def test_two_sessions_cannot_have_one_instrument(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from acquire import channels

    monkeypatch.setattr(channels, "channel_of", lambda chosen: f"{chosen.driver} default")
    monkeypatch.setattr(channels, "locks", lambda: tmp_path)
    with simulated(tmp_path) as lab:
        lab.stem.status()
        with simulated(tmp_path) as other, pytest.raises(RunInUseError, match="is held by"):
            other.stem.status()


def test_a_session_left_by_an_error_says_so(tmp_path: Path) -> None:
    lab = simulated(tmp_path)

    def script() -> None:
        with lab:
            lab.stem.status()
            1 / 0  # noqa: B018

    with pytest.raises(ZeroDivisionError):
        script()
    assert lab.record.state == "stopped"
    assert lab.record.reason == "left by ZeroDivisionError: division by zero"
    with pytest.raises(InputError, match="this session is closed"):
        lab.stem.status()


def test_a_session_that_nobody_closes_is_closed_with_the_last_name_for_it(tmp_path: Path) -> None:
    lab = simulated(tmp_path)
    lab.stem.status()
    record = lab.record
    del lab
    assert record.state == "finished"


@pytest.mark.slow
def test_a_type_checker_knows_what_a_call_returns(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from acquire import Session\n"
        "with Session('lab.yaml') as lab:\n"
        "    reveal_type(lab.stem.image(field='2 um'))\n"
        "    reveal_type(lab.xps.etch)\n"
        "    lab.stm\n"
    )
    said = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", str(script)], capture_output=True, text=True
    ).stdout
    assert 'Revealed type is "drivers.stem.Image"' in said
    assert '"Session" has no attribute "stm"; maybe "stem"?' in said


def test_the_view_for_machines_fits_its_schema(tmp_path: Path) -> None:
    import json

    import jsonschema

    from acquire.show import SCHEMA

    with simulated(tmp_path) as lab:
        lab.stem.image(**IMAGE)
        jsonschema.validate(lab.record.view(), json.loads(SCHEMA.read_text(encoding="utf-8")))
    jsonschema.validate(lab.record.view(), json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_two_threads_begin_one_session_and_take_turns(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with simulated(tmp_path) as lab, ThreadPoolExecutor(2) as pool:
        images = list(pool.map(lambda _: lab.stem.image(**IMAGE), range(4)))
    assert len(images) == 4
    assert len(list(tmp_path.glob("*-session-*"))) == 1
    assert lab.record.results[0]["done"] == {"stem.image": 4}
