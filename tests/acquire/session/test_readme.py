from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[3] / "README.md"


@pytest.mark.slow
@pytest.mark.parametrize("section", ["In a script or a notebook", "Bluesky"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_the_scripts_of_the_readme_run_as_they_stand(
    section: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if section == "Bluesky":
        pytest.importorskip("bluesky")
    monkeypatch.chdir(tmp_path)
    text = README.read_text(encoding="utf-8")
    after = text[text.index(f"## {section}\n") :]
    script = re.search(r"```python\n(.*?)```", after, re.DOTALL)
    assert script is not None
    exec(compile(script[1], str(README), "exec"), {})
    assert list((tmp_path / "runs").glob("*-session-*/run.db"))
