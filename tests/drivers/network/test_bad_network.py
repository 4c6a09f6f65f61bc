from __future__ import annotations

from pathlib import Path

import pytest

from acquire.launch import begin_run
from drivers.errors import LinkError
from drivers.lab import simulated_lab
from protocols.loader import load_protocol
from tests.campaigns.network_same import differences
from tests.campaigns.scan import desk, write_protocol
from tests.drivers.network.bad_network import Weather, between
from tests.drivers.network.served import opened, remote_lab, served, soon
from tests.simulators.stems import AREA, run_through

LAB = simulated_lab({"stem": {}})


def test_a_run_over_a_bad_network_has_the_numbers_of_one_in_this_process(tmp_path: Path) -> None:
    protocol = load_protocol(write_protocol(tmp_path, 6, 100))
    alone = begin_run(protocol, LAB, tmp_path / "alone", seed=5, desk=desk())
    weather = Weather(lost=0.01, doubled=0.3, late=0.3)
    with served(LAB, seed=5) as place, between(place, weather) as front:
        lab = remote_lab(front, "stem")
        afar = begin_run(protocol, lab, tmp_path / "afar", seed=5, desk=desk())
    assert differences(alone.folder, afar.folder)[1] == []
    assert min(weather.done["lost"], weather.done["doubled"], weather.done["late"]) > 0


def test_a_network_that_is_cut_is_a_link_error_and_the_instrument_is_safe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("drivers.network.link.PATIENCE", 0.0)
    log: list[str] = []
    weather = Weather()
    lab = LAB.__class__(LAB.name, LAB.clock, LAB.instruments, dead_man=0.5)
    with served(lab, log=log) as place, between(place, weather) as front:
        with opened(front, "stem") as drivers:
            stem = drivers["stem"]
            exposure = stem.spectrum(AREA, 100e-12, 5.0)  # type: ignore[attr-defined]
            next(exposure)
            weather.cut = True
            with pytest.raises(LinkError, match=r"was silent for 0\.5 s"):
                next(exposure)
            assert soon(lambda: any("let go:" in line for line in log))
            weather.cut = False
            with pytest.raises(LinkError, match=r"not heard for 0\.5 s.*go on from there"):
                run_through(stem.spectrum(AREA, 100e-12, 1.0))  # type: ignore[attr-defined]
            assert stem.status().beam_blanked  # type: ignore[attr-defined]
            told = stem.remembers("spectrum")  # type: ignore[attr-defined]
        assert told is not None
        assert "was closed at" in told
        assert any("stem.spectrum" in line and "left safe" in line for line in log)
