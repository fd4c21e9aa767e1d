"""`qtrader init`: the project runs at once, and nothing that exists is touched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


ROOT = Path(__file__).parents[3]
TEMPLATES = ROOT / "src" / "qtrader" / "templates"


def test_the_project_runs_at_once(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = run("init", tmp_path / "new" / "project")
    assert outcome.code == 0
    assert outcome.last_line == "  qtrader backtest config/system.yaml"
    monkeypatch.chdir(tmp_path / "new" / "project")
    outcome = run("backtest", "config/system.yaml")
    assert outcome.code == 0, outcome.err
    report = Path(outcome.last_line)
    assert report.parts[0] == "runs"
    assert "my_strategy" in report.read_text(encoding="utf-8")


def test_it_holds_what_its_readme_names(project: Path) -> None:
    files = sorted(str(path.relative_to(project)) for path in project.rglob("*") if path.is_file())
    assert files == [
        "README.md",
        "config/data_sources.yaml",
        "config/portfolio.yaml",
        "config/system.yaml",
        "my_strategy.py",
    ]
    readme = (project / "README.md").read_text(encoding="utf-8")
    assert all(f"`{file}`" in readme for file in files[1:])


@pytest.mark.parametrize("name", ["portfolio.yaml", "data_sources.yaml"])
def test_the_shipped_example_and_the_project_share_their_files(name: str) -> None:
    assert (TEMPLATES / "config" / name).read_bytes() == (ROOT / "config" / name).read_bytes()


def test_an_empty_folder_is_filled(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("init", ".").code == 0
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["README.md", "config", "my_strategy.py"]


def test_a_folder_that_holds_something_is_refused_by_name(tmp_path: Path, run: Run) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    outcome = run("init", tmp_path)
    assert outcome.code == 2
    assert "holds thesis.txt already; allowed is a folder that is new or empty" in outcome.err
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_is_refused(tmp_path: Path, run: Run) -> None:
    (tmp_path / "taken").touch()
    outcome = run("init", tmp_path / "taken")
    assert outcome.code == 2
    assert "is a file" in outcome.err
    outcome = run("init", tmp_path / "taken" / "below")
    assert outcome.code == 2
    assert "cannot be written" in outcome.err
