"""What a run leaves behind is the same wherever the project lies, and names no place of the machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import qtrader as qt
from qtrader.engine.backtest_engine import BacktestEngine
from qtrader.engine.config import apply_overrides, load_run_config
from qtrader.engine.results import Results

SYSTEM = """
run: {name: portable}
import_from: [../strategies]
data: [{source: own}, {source: shipped, symbols: [IBM]}]
data_sources:
  sources:
    own: {path: ../data/bars.csv, symbol: OWN, corporate_actions: actions.csv}
    shipped: {path: "sample:bars.parquet", calendar: XNYS, prices: raw, start: 2005-01-03, end: 2005-03-31}
strategies: [{strategy: "holder_of_portable:Holder"}]
"""
STRATEGY = """
from qtrader import Strategy


class Holder(Strategy):
    def on_bar(self, bar, context):
        if not context.position(bar.symbol):
            context.emit_signal(bar.symbol, "open_long")
"""
BARS = "Date,Open,High,Low,Close,Adj Close\n" + "".join(
    f"2005-01-{day:02},10,11,9,10.5,9\n" for day in (3, 4, 5, 6, 7, 10)
)


def checkout(folder: Path) -> Path:
    for name in ("config", "data", "strategies"):
        (folder / name).mkdir(parents=True)
    (folder / "data" / "bars.csv").write_text(BARS, encoding="utf-8")
    (folder / "config" / "actions.csv").write_text(
        "symbol,ex_date,action,amount\nOWN,2005-01-05,cash_dividend,0.5\n", encoding="utf-8"
    )
    (folder / "strategies" / "holder_of_portable.py").write_text(STRATEGY, encoding="utf-8")
    system = folder / "config" / "system.yaml"
    text = SYSTEM.replace("symbol: OWN", "symbol: OWN, prices: raw")
    system.write_text(text, encoding="utf-8")
    return system


def run_of(system: Path, **overrides: object) -> Results:
    return BacktestEngine.from_config(apply_overrides(load_run_config(system), overrides)).run()


@pytest.mark.parametrize("overrides", [{}, {"seed": 7}])
def test_two_checkouts_leave_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: dict[str, object]
) -> None:
    found = []
    for name in ("one", "another/deeper"):
        system = checkout(tmp_path / name)
        found.append(run_of(system, **overrides).save(tmp_path / name / "runs"))
        monkeypatch.delitem(sys.modules, "holder_of_portable", raising=False)
    files = sorted(file.name for file in found[0].iterdir())
    assert files == sorted(file.name for file in found[1].iterdir())
    for file in files:
        content = (found[0] / file).read_bytes()
        assert content == (found[1] / file).read_bytes(), file
        assert str(tmp_path).encode() not in content, file
    config = (found[0] / "config.yaml").read_text(encoding="utf-8")
    for shown in ("../strategies", "../data/bars.csv", "- actions.csv", "sample:bars.parquet"):
        assert shown in config


def test_notes_of_loading_stand_in_results_and_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "holder_of_portable", raising=False)
    results = run_of(checkout(tmp_path), import_from=[str(tmp_path / "strategies")])
    note = "own: no calendar declared: each date is 00:00\N{EN DASH}24:00 UTC; bars fall on weekdays only"
    assert any(one.startswith(note) for one in results.notes)
    assert any(one.startswith("../data/bars.csv: column 'Adj Close' is ignored") for one in results.notes)
    assert note in results.html()


def test_the_period_begins_with_the_first_bars_day_and_quantities_are_short() -> None:
    data = {
        "date": ["2020-01-02", "2020-01-03", "2020-01-06"],
        **{name: [10.0, 10.0, 5.0] for name in ("open", "high", "low", "close")},
    }
    split = {"symbol": ["A"], "ex_date": ["2020-01-06"], "action": ["split"], "ratio": ["2"]}
    results = qt.backtest(
        data, "BuyAndHoldStrategy", symbol="A", prices="raw", corporate_actions=split, initial_equity=10_000
    )
    assert results.metrics["started_on"] == "2020-01-02"
    assert results.period == "2020-01-02 to 2020-01-06"
    assert results.metrics["years"] == 5 / 365.25
    assert "Open at the end: 200 A" in repr(results)
