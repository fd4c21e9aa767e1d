"""What a run without a report loads: nothing that reads tables, draws, or validates what is surely valid."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "src")}

#: Modules, and packages with all that is in them.
NOT_LOADED = (
    "exchange_calendars",
    "jsonschema_rs",
    "matplotlib",
    "numba",
    "numpy.ma",
    "numpy.random",
    "pandas",
    "polars",
    "pyarrow",
    "qtrader.engine.lookahead",
    "qtrader.engine.report_content",
    "qtrader.engine.run_directory",
    "qtrader.research",
    "qtrader.services.data.loading",
    "qtrader.services.data.readers",
    "qtrader.services.reporting.charts",
    "qtrader.services.reporting.export",
    "qtrader.services.reporting.html",
    "rich",
    "sqlite3",
)
BACKTEST = (
    "sys.argv = ['qtrader', 'backtest', 'config/system.yaml', '--no-report']\n"
    "from qtrader.cli import main\n"
    "try:\n    main()\n"
    "except SystemExit as left:\n    assert left.code == 0, left.code\n"
)
SCRIPT = (
    "import qtrader as qt\n"
    "results = qt.backtest(qt.sample_data(), 'SMADualCrossStrategy')\n"
    "assert results.metrics['trade_count']\n"
)


@pytest.mark.parametrize("program", [BACKTEST, SCRIPT], ids=["command", "script"])
def test_a_run_without_a_report_loads_only_what_it_needs(program: str) -> None:
    code = f"import json, sys\n{program}print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    loaded = json.loads(done.stderr.splitlines()[-1])
    heavy = [name for name in loaded for root in NOT_LOADED if name == root or name.startswith(f"{root}.")]
    assert heavy == []


def test_what_ships_prepared_is_what_loading_gives() -> None:
    path = ROOT / "scripts" / "prepare_sample.py"
    spec = importlib.util.spec_from_file_location("prepare_sample", path)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.differences() == []


def test_the_process_is_settled_only_where_it_is_the_commands_own() -> None:
    code = (
        "import gc, os\nbefore = gc.get_threshold(), dict(os.environ)\n"
        "from qtrader.cli import main\n"
        "try:\n    main(['version'])\nexcept SystemExit:\n    pass\n"
        "assert (gc.get_threshold(), dict(os.environ)) == before\n"
    )
    subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, check=True)
