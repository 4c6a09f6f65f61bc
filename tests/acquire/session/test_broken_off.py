from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from acquire.record import RunRecord
from acquire.session.session import Session
from drivers.stem import Spectrum
from tests.acquire.session.labs import IMAGE, lab_file

SCRIPT = """
import os, signal, sys, threading
from acquire import Session
lab = Session(sys.argv[1], out=sys.argv[2], seed=3, quiet=True)
lab.stem.image("2 um", pixels=32)
threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGKILL)).start()
lab.stem.spectrum(0, 0, "500 nm", "500 nm", probe_current="100 pA", dwell="60 s")
"""


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    lab = lab_file(tmp_path, clock="real")
    killed = subprocess.run([sys.executable, "-c", SCRIPT, str(lab), str(tmp_path)])
    assert killed.returncode == -9
    return lab


def test_a_session_that_was_killed_is_settled_by_the_next_one_and_nothing_is_repeated(
    broken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = broken.parent
    with Session(broken, out=out, seed=3) as lab:
        assert lab.folder is not None  # what was cut off is looked at without being asked
        told = capsys.readouterr().err
        assert "in which the last session of this lab broke off" in told
        assert "stem.spectrum" in told
        assert "it is not done again" in told
        assert lab.stem.status().beam_blanked
        with RunRecord(lab.folder) as record:
            (done,) = record.done(None, "stem.spectrum", Spectrum)
        spent = lab.spent["dose_e_per_angstrom2"]["spent"]
        electrons = lab.stem.electrons()
        lab.stem.image(**IMAGE)
    assert done.ended_by == "cut off"
    assert electrons is not None
    # by the instrument's own meter, on which there is only a faint image beside it
    assert done.result.electrons == pytest.approx(electrons, rel=1e-3)
    assert done.result.electrons <= 60 * 100e-12 / 1.602e-19 * 1.001
    assert done.result.real_time < 30  # what came in before the kill is kept, no more
    assert spent == pytest.approx(done.result.electrons / 25e6, rel=1e-3)
    assert lab.record.state == "finished"
    assert [gap["name"] for gap in lab.record.view()["gaps"] if gap["kind"] == "interrupted"] == [
        "stem.spectrum"
    ]
    with Session(broken, out=out, seed=3, quiet=True) as third:
        third.stem.status()
    assert third.folder != lab.folder
