"""The harness: what surrounds the processes that it times."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.harness import Bench, Case


def test_every_program_keeps_its_compiled_bytecode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    module = tmp_path / "to_compile.py"
    module.write_text("value = 1\n", encoding="utf-8")
    bench = Bench(tmp_path / "bench", tmp_path / "peers")
    environment = bench.environment(Case("a process", "process", "import to_compile"))

    subprocess.run(
        [sys.executable, "-c", "import to_compile"],
        check=True,
        env={**environment, "PYTHONPATH": str(tmp_path)},
    )

    assert list((tmp_path / "bench" / "bytecode" / "qtrader").rglob("to_compile.*.pyc"))
    assert bench.environment(Case("a peer", "vectorbt", "x"))["PYTHONPYCACHEPREFIX"].endswith("vectorbt")
