"""Running the command line inside the test's process, in a project that `qtrader init` wrote."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from qtrader.cli import main


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def last_line(self) -> str:
        return self.out.splitlines()[-1]


Run = Callable[..., Outcome]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run `qtrader` with arguments; modules of strategies are forgotten between runs."""
    monkeypatch.setattr(sys, "path", list(sys.path))

    def call(*arguments: str | Path) -> Outcome:
        known = set(sys.modules)
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        for name in set(sys.modules) - known:
            if str(getattr(sys.modules[name], "__file__", None)).startswith(str(tmp_path)):
                del sys.modules[name]
        out, err = capfd.readouterr()
        code = left.value.code
        return Outcome(code if isinstance(code, int) else 0, out, err)

    return call


@pytest.fixture
def project(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a project as `qtrader init` does, shortened to a year, and make it the current folder."""
    folder = tmp_path / "project"
    assert run("init", folder).code == 0
    system = folder / "config" / "system.yaml"
    text = system.read_text(encoding="utf-8")
    assert "start: 2005-01-03" in text
    assert "end: 2012-12-31" in text
    system.write_text(text.replace("2012-12-31", "2005-12-30"), encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder
