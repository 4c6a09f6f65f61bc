"""The lab files that the README and `python -m simulators.prodigy --help` show."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from drivers.lab_file import load_lab
from drivers.prodigy.settings import ProdigySettings
from simulators.prodigy import __main__ as started

DOCS = started.__doc__ or ""
README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
LAB = re.compile(
    r"^( *)name: .*\n\1instruments:\n\1  xps:\n\1    driver: prodigy\n(?:\1 +.*\n)+", re.MULTILINE
)


@pytest.mark.parametrize("text", [DOCS, README], ids=["help", "README"])
def test_a_lab_file_that_is_shown_can_be_used(text: str, tmp_path: Path) -> None:
    shown = LAB.search(text)
    assert shown is not None
    file = tmp_path / "lab.yaml"
    file.write_text(textwrap.dedent(shown.group()), encoding="utf-8")
    (chosen,) = load_lab(file).instruments
    assert isinstance(chosen.settings, ProdigySettings)
    assert chosen.settings.gun is not None
    assert chosen.settings.gun.timer is not None
