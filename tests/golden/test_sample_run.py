"""The golden run gives the same bytes on every machine, in every process and with every Python.

How to write the golden file again, and when that is right, stands in sample_run.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.engine_inputs import events
from tests.golden import sample_run

import qtrader as qt
from qtrader.events.events import FillEvent, LedgerEntryEvent, OrderUpdateEvent

ROOT = Path(__file__).resolve().parents[2]
EXPECTED = sample_run.GOLDEN.read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def results() -> qt.Results:
    return sample_run.results()


def digest_of(python: str | Path, hash_seed: str, folder: Path = ROOT) -> str:
    """Run it in another process, from another folder, in another zone and language."""
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
        "PYTHONHASHSEED": hash_seed,
        "TZ": "Asia/Tokyo",
        "LC_ALL": "C",
    }
    command: Sequence[str] = [str(python), "-m", "tests.golden.sample_run"]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_every_decision_is_the_golden_one(results: qt.Results) -> None:
    assert list(sample_run.lines(results))[1:] == EXPECTED[1:]


def test_the_complete_log_is_the_golden_one_to_the_byte(results: qt.Results) -> None:
    assert f"digest {sample_run.digest(results)}" == EXPECTED[0]


@pytest.mark.parametrize("hash_seed", ["1", "4242"])
def test_two_processes_with_other_hash_seeds_give_the_same_bytes(hash_seed: str, tmp_path: Path) -> None:
    assert f"digest {digest_of(sys.executable, hash_seed, tmp_path)}" == EXPECTED[0]


def test_another_python_gives_the_same_bytes(tmp_path: Path) -> None:
    """Every Python that runs this suite compares with the golden digest; here the newest one does."""
    python = ROOT / ".venv-newest" / "bin" / "python"
    if not python.exists() or Path(sys.executable).parent == python.parent:
        pytest.skip("no second environment (.venv-newest) beside this one; the change check makes one")
    assert f"digest {digest_of(python, '0', tmp_path)}" == EXPECTED[0]


def test_the_golden_run_has_in_it_what_it_is_for(results: qt.Results) -> None:
    found: Counter[str] = Counter()
    found.update(fill.purpose.value for fill in events(results, FillEvent))
    found.update(update.status.value for update in events(results, OrderUpdateEvent))
    found.update(entry.kind.value for entry in events(results, LedgerEntryEvent))
    found.update(results.refusal_counts)
    found.update(results.trades["side"].to_list())
    wanted = [
        *("open", "close", "stop_loss", "take_profit", "long", "short"),
        *("accepted", "triggered", "filled", "canceled", "expired"),
        *("deposit", "split", "dividend_entitlement", "dividend_payment"),
        *("warmup", "already_open", "no_position", "stop_on_wrong_side"),
    ]
    assert [name for name in wanted if not found[name]] == []
    assert results.fills["symbol"].unique().sort().to_list() == ["AAPL", "IBM", "MSFT"]
