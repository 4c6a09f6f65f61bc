from __future__ import annotations

import re
import struct
import zlib
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from acquire.pages.png import grey, png
from acquire.pages.report import told_duration, write_report
from drivers.errors import RunFolderError
from tests.acquire.made_run import PITCH, REFINED, RISES, STEP, MadeRun

OUTSIDE = re.compile(r"""(?:src|href)\s*=\s*["'](?!data:)|@import|url\(|https?://|<script""")


class Words(HTMLParser):
    """The page as a person reads it, and the tags left open."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.open: list[str] = []
        self.feed(page)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.text += " " if tag in ("td", "th", "p") else ""

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def report(folder: Path) -> str:
    return write_report(folder).read_text(encoding="utf-8")


def words(folder: Path) -> str:
    page = Words(report(folder))
    assert page.open == []
    return page.text


def test_the_page_needs_nothing_beside_itself(a_run_folder: Path) -> None:
    page = report(a_run_folder)
    assert not OUTSIDE.search(page)
    assert "data:image/png;base64," in page


def test_results_stand_with_units_and_intervals(a_run_folder: Path) -> None:
    text = words(a_run_folder)
    assert "50 nm 95 %: 46 to 52 nm 54 nm 12.3 (flag above 9.4)" in text
    assert "no onset: no significant rise in 60 positions" in text
    assert "undecided: fewer than two elements have an onset" in text
    assert "1235 e/Å² of 2000 e/Å² allowed (62 %)" in text
    assert "2 positions without data" in text
    assert "note of <N>" in text
    assert "One session, from beginning to end." in text


def test_what_follows_from_the_rises_stands_in_words(made: MadeRun) -> None:
    made.whole_scan()
    made.result(**RISES, refined=REFINED)
    text = words(made.close())
    assert "plateau 70 nm 95 %: 66 to 76 nm" in text
    assert "N before P: the intervals are apart" in text
    assert "36 nm (95 %: 30 to 44 nm), from the onset of N to the plateau of P" in text
    assert "shape of the rise linear erf" in text
    assert "below the best / nats 0.0 1.5" in text
    assert "do not exclude differ by up to 4 nm" in text
    assert "N 34.2 counts/s (6.15 counts), P 25 counts/s (4.5 counts)" in text
    assert "3 passes" in text
    assert "electrons on the line 1.3e+09 1.3e+09 1.3e+09 3.9e+09" in text
    assert "half of the 95 % interval of width 7.0 nm 6.8 nm 9.9 nm 7.5 nm" in text


def test_why_there_is_no_plateau_and_no_width_is_told(made: MadeRun) -> None:
    made.whole_scan()
    short = {"none": "the line ends 12 nm before it"}
    made.result(plateaus={"N": short, "P": short}, width={"none": "no plateau"})
    text = words(made.close())
    assert "no plateau: the line ends 12 nm before it" in text
    assert "not known: no plateau" in text


@pytest.mark.parametrize(
    ("simulated", "recorded", "word"),
    [
        (True, False, "SIMULATED"),
        (False, True, "RECORDED"),
        (True, True, "RECORDED SIMULATION"),
        (False, False, None),
    ],
)
def test_a_banner_says_where_the_data_come_from(
    tmp_path: Path, simulated: bool, recorded: bool, word: str | None
) -> None:
    made = MadeRun(tmp_path / "run", simulated=simulated, recorded=recorded)
    made.whole_scan()
    page = report(made.close())
    banner = re.search(r'class="banner".*?<strong>(.*?)</strong>', page)
    assert (banner[1] if banner else None) == word
    assert page.count(f">{word}<") >= 3 or word is None  # in each drawing too


def test_what_others_wrote_is_never_markup(tmp_path: Path) -> None:
    evil = '"><script>alert(1)</script>'
    made = MadeRun(tmp_path / "run", title=evil)
    made.begin_scan(STEP.model_copy(update={"name": evil}))
    made.expose(0)
    made.flag(evil, 1, 1, 1, 1)
    made.event("warning", text=evil)
    made.journal.add_question(1, "x", evil, [evil, "stop"], "stop", made.stamp().utc)
    (made.folder / "specimen.yaml").write_text(evil, encoding="utf-8")
    page = report(made.close("stopped", evil))
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 6


def test_everything_that_went_wrong_is_told(made: MadeRun) -> None:
    made.whole_scan()
    told = {"action": 9, "name": "stem.spectrum"}
    made.event("fault", **told, error="LinkError", text="no answer from the column")
    made.event(
        "interrupted", **told, ended_by="kill", meter=None, meter_advance=None, blocks_kept=2
    )
    made.event("warning", text="another library")
    made.event("session", state="running", reason="", gap_s=5400.0)
    made.journal.add_question(9, "fault 0", "Try again?", ["stop"], "stop", made.stamp().utc)
    text = words(made.close("waiting", "question 1"))
    assert "fault stem.spectrum: no answer from the column" in text
    assert "was cut off: kill. Done of it: not known; 2 readings kept" in text
    assert "another library" in text
    assert "1.5 h between two sessions" in text
    assert "Try again? stop (safe: stop)" in text
    assert "open" in text


def test_a_run_that_goes_on_has_its_page(made: MadeRun) -> None:
    made.begin_scan()
    for index in range(30):
        made.expose(index)
    made.flag("N", 27, 25, 23, 26)
    made.expose(30)
    text = words(made.folder)
    made.close()
    assert "31 of 60 measured" in text
    assert "50 nm 95 %: 46 to 52 nm" in text
    assert "no onset: not seen so far" in text
    assert "not ended" in text


@pytest.mark.parametrize("stage", ["begun", "setup", "line"])
def test_a_run_that_broke_off_early_has_its_page(made: MadeRun, stage: str) -> None:
    if stage == "setup":
        made.journal.add_entry(0, "step", "eds_line_scan", STEP.model_dump_json(), made.stamp())
    elif stage == "line":
        made.begin_scan()
    text = words(made.close("fault", "the gun is off"))
    assert "the gun is off" in text
    assert ("No step has begun." in text) == (stage == "begun")
    assert ("no data yet" in text) == (stage == "line")


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"no run\.db"):
        write_report(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.25, "0.25 s"), (90.0, "1.5 min"), (5400.0, "1.5 h"), (1e6, "11.6 d")]
)
def test_durations_are_readable(seconds: float, text: str) -> None:
    assert told_duration(seconds) == text


def test_the_line_lies_in_its_survey_image_to_scale(a_run_folder: Path) -> None:
    page = report(a_run_folder)
    strip = re.search(r'<polygon points="([^"]+)" fill="#56B4E9"', page)
    assert strip is not None
    corners = np.array([[float(v) for v in xy.split(",")] for xy in strip[1].split()])
    pixel = 400e-9 / 64
    sides = np.hypot(*(corners - np.roll(corners, -1, axis=0)).T) * pixel
    assert sides == pytest.approx([59 * PITCH, 100e-9] * 2, abs=pixel)
    middle = corners.mean(axis=0) * pixel - 200e-9
    half = 59 * PITCH / 2
    assert middle == pytest.approx(
        [-60e-9 + half * np.cos(0.1), 10e-9 + half * np.sin(0.1)], abs=pixel
    )


# -- pictures ---------------------------------------------------------------------------------


def test_a_png_holds_the_pixels() -> None:
    picture = np.arange(12, dtype=np.uint8).reshape(3, 4)
    data = png(picture)
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (4, 3)
    start = data.index(b"IDAT")
    (size,) = struct.unpack(">I", data[start - 4 : start])
    rows = np.frombuffer(zlib.decompress(data[start + 4 : start + 4 + size]), np.uint8)
    assert (rows.reshape(3, 5)[:, 1:] == picture).all()


def test_another_reader_agrees_that_it_is_a_png(tmp_path: Path) -> None:
    imageio = pytest.importorskip("imageio.v3")
    picture = np.random.default_rng(1).integers(0, 256, (31, 17)).astype(np.uint8)
    (tmp_path / "p.png").write_bytes(png(picture))
    assert (imageio.imread(tmp_path / "p.png") == picture).all()


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4), np.uint16),
        np.full((4, 4), np.nan),
        np.array([[0.0, np.nan], [1.0, 2.0]]),
        np.zeros((1, 3000), np.uint16),
    ],
)
def test_any_image_can_be_shown(pixels: np.ndarray) -> None:  # type: ignore[type-arg]
    shown = grey(pixels)
    assert shown.dtype == np.uint8
    assert max(shown.shape) <= 1024


def test_a_large_image_is_averaged_down() -> None:
    pixels = np.indices((2048, 2048)).sum(axis=0) % 2
    shown = grey(pixels.astype(np.uint16))
    assert shown.shape == (1024, 1024)
    assert np.unique(shown).size == 1
