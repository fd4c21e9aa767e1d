"""The notebook's call: what it takes, and where each keyword goes."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.engine_inputs import BUY, Script, fills, log, session

import qtrader as qt
from qtrader.engine.config import default_run_config
from qtrader.errors import ConfigError

COLUMNS: dict[str, Any] = {
    "date": [session(number) for number in range(4)],
    "open": [100.0, 101.0, 50.0, 51.0],
    "high": [101.0, 102.0, 52.0, 53.0],
    "low": [99.0, 100.0, 49.0, 50.0],
    "close": [101.0, 100.0, 51.0, 52.0],
    "volume": [10, 20, 30, 40],
}
READING: dict[str, Any] = {"symbol": "X", "interval": "1d", "calendar": "XNYS", "prices": "raw"}
SPLIT = {"symbol": ["X"], "ex_date": [session(2)], "action": ["split"], "ratio": [2.0]}
DIVIDEND = {"symbol": ["X"], "ex_date": [session(2)], "action": ["cash_dividend"], "amount": [0.5]}


def backtest(data: Any = COLUMNS, **options: Any) -> qt.Results:
    return qt.backtest(data, Script({0: [BUY]}), **{**READING, "run_id": "r", **options})


def test_every_kind_of_data_gives_the_same_run(tmp_path: Path) -> None:
    import pandas as pd
    import polars as pl

    frame = pl.DataFrame(COLUMNS)
    frame.write_csv(tmp_path / "x.csv")
    frame.write_parquet(tmp_path / "x.parquet")
    expected = log(backtest())
    table = pd.DataFrame(COLUMNS | {"date": pd.to_datetime(COLUMNS["date"])})
    for data in (
        frame,
        frame.to_arrow(),
        table,
        tmp_path / "x.csv",
        str(tmp_path / "x.parquet"),
        str(tmp_path / "*.csv"),
    ):
        assert log(backtest(data)) == expected
    assert log(backtest({"X": COLUMNS}, symbol=None)) == expected


def test_a_call_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    repr(backtest())
    assert list(tmp_path.iterdir()) == []


def test_keywords_are_settings_wherever_they_stand() -> None:
    results = backtest(
        initial_equity=5_000, slippage_bps=10, sizing={"method": "percent_of_equity", "percent": 50}
    )
    assert results.valuations[0].equity == 5_000
    assert results.fills.select("quantity", "reference_price").rows() == [(24.0, 101.0)]  # 5,000 x 50 % / 101
    by_path = backtest(**{"portfolio.initial_cash": "50000", "execution.slippage_bps": 10})
    assert by_path.fills["price"].to_list() == [101.11]  # 101.101, up to the tick


def test_a_configuration_is_the_base_and_keywords_win() -> None:
    config = default_run_config().model_copy(
        update={"run": default_run_config().run.model_copy(update={"seed": 7})}
    )
    results = backtest(config=config, market_fill="next_close")
    assert results.run.config["run"]["seed"] == 7
    assert fills(results) == [("open", 100, 100)]


def test_actions_come_with_the_call() -> None:
    assert backtest(corporate_actions=SPLIT).open_positions[0].quantity == 200
    assert backtest().open_positions[0].quantity == 100


def test_dividends_are_the_accounts_or_the_datas_by_their_value() -> None:
    """`dividends` is a key of the account and of a source; both can be meant in one keyword."""
    cash = backtest(corporate_actions=DIVIDEND, dividends="cash")
    assert (cash.valuations[-1].cash, cash.open_positions[0].quantity) == (89_950, 100)
    reinvested = backtest(corporate_actions=DIVIDEND, dividends="reinvest")
    assert (reinvested.valuations[-1].cash, float(reinvested.open_positions[0].quantity)) == (
        89_900,
        pytest.approx(100 + 50 / 51, abs=1e-8),
    )
    split_too = {key: [*SPLIT.get(key, [None]), *DIVIDEND.get(key, [None])] for key in SPLIT | DIVIDEND}
    split_too["ex_date"] = [session(3), session(2)]
    as_paid = backtest(corporate_actions=split_too, dividends="as_paid")
    per_share_of_today = backtest(corporate_actions=split_too, dividends="split_adjusted")
    assert [one.valuations[-1].dividend_income for one in (as_paid, per_share_of_today)] == [50, 100]
    with pytest.raises(ConfigError, match=r"dividends.*'reinvested'.*cash.*reinvest"):
        backtest(dividends="reinvested")


def test_warmup_start_and_end_are_of_the_run() -> None:
    results = backtest(warmup_bars=1, start=session(1), end=session(2))
    assert results.refusal_counts == {"warmup": 1}
    assert [one.session for one in results.valuations] == [session(1), session(2)]
    with pytest.raises(ConfigError, match="the range is empty"):
        backtest(start=date(2024, 1, 5), end=date(2024, 1, 4))


def test_a_parameter_given_as_an_override_is_sent_where_it_belongs() -> None:
    class Own(qt.Strategy):
        period: int = 5

        def on_bar(self, bar: Any, context: Any) -> None:
            return

    with pytest.raises(ConfigError, match=r"parameters=\{"):
        qt.backtest(qt.sample_data("IBM"), Own, period=10)
