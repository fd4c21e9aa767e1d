"""The service's collection of valuations, the account series made of them, and the benchmark beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest
from tests.factories_run import RunBuilder, tape_of

from qtrader.clock import to_epoch_us
from qtrader.errors import DataError
from qtrader.events.events import LedgerEntryEvent, Posting
from qtrader.events.identity import Envelope
from qtrader.events.vocabulary import LedgerKind
from qtrader.market.tape_build import SymbolColumns, build_tape
from qtrader.services.reporting.equity import (
    BenchmarkSeries,
    account_series,
    periods_per_year,
    trading_began_us,
)
from qtrader.services.reporting.service import ReportingService
from qtrader.services.reporting.valuations import Valuations

D = Decimal


def us(*when: int) -> int:
    return to_epoch_us(datetime(*when, tzinfo=UTC))  # type: ignore[arg-type]


def run_of_three_days() -> RunBuilder:
    builder = RunBuilder({"AAPL": [100.0, 110.0, 121.0]})
    builder.next_day()
    builder.trade("AAPL", 1000, "100", commission="10")
    return builder.close_day().idle(2)


def test_the_first_point_is_the_starting_capital_at_the_first_open() -> None:
    builder = run_of_three_days()
    began_us = trading_began_us(builder.tape, -(2**63), [])
    account = account_series(builder.initial, began_us, builder.valuations, builder.store.decision_events)
    assert began_us == us(2012, 1, 2, 14, 30)
    assert account.equity.tolist() == [100_000.0, 99_990.0, 109_990.0, 120_990.0]
    assert account.valued_at_us.tolist() == [
        us(2012, 1, 2, 14, 30),
        us(2012, 1, 2, 21),
        us(2012, 1, 3, 21),
        us(2012, 1, 4, 21),
    ]
    assert account.gross_exposure is not None
    assert account.gross_exposure.tolist() == [0.0, 100_000.0, 110_000.0, 121_000.0]
    assert account.traded_value is not None
    assert account.traded_value.tolist() == [0.0, 100_000.0, 0.0, 0.0]
    assert account.flows is None, "the initial cash is not a flow"


def test_the_service_measures_what_it_collected() -> None:
    builder = run_of_three_days()
    service = ReportingService(initial_equity=builder.initial)
    for valuation in builder.valuations:
        service.on_consolidated_portfolio(valuation)
    summary = service.summary(builder.store.decision_events, began_us=us(2012, 1, 2, 14, 30))
    assert list(service.valuations) == builder.valuations
    assert summary.metrics["total_return"] == pytest.approx(0.2099, abs=1e-12)
    assert summary.metrics["trade_count"] == 0
    assert summary.metrics["time_in_market"] == 1.0


def test_a_run_without_valuations_has_measures_that_do_not_exist() -> None:
    summary = ReportingService(initial_equity=D(1000)).summary((), began_us=0)
    assert summary.metrics["total_return"] is None
    assert summary.metrics["end_equity"] == 1000.0


def test_valuations_of_the_warmup_are_left_out() -> None:
    builder = run_of_three_days()
    starts_us = us(2012, 1, 2, 21)
    kept = Valuations.of(builder.valuations).after(starts_us)
    assert [one.session.day for one in kept] == [day.day for day in kept.sessions] == [3, 4]
    assert trading_began_us(builder.tape, starts_us, [us(2012, 1, 3, 21)]) == us(2012, 1, 3, 14, 30)
    service = ReportingService(initial_equity=D(99990), trading_starts_us=starts_us)
    for valuation in builder.valuations:
        service.on_consolidated_portfolio(valuation)
    assert service.summary((), began_us=us(2012, 1, 3, 14, 30)).metrics["period_count"] == 2


def test_without_bars_trading_begins_just_before_the_first_valuation() -> None:
    assert trading_began_us(None, 0, [1_000]) == 999
    assert trading_began_us(None, 0, []) == 0


def test_money_paid_in_later_is_a_flow_and_no_gain() -> None:
    builder = RunBuilder({"AAPL": [100.0, 100.0]}, initial=1000)
    builder.idle(1).next_day()
    deposit = LedgerEntryEvent(
        envelope=Envelope.known(event_id="deposit", occurred_at=builder.closed_at),
        entry_id="deposit-2",
        kind=LedgerKind.DEPOSIT,
        description="deposit",
        postings=(Posting("assets:cash", "USD", D(500)), Posting("equity:deposits", "USD", D(-500))),
    )
    builder.close_day()
    account = account_series(builder.initial, us(2012, 1, 2), builder.valuations, [*builder.entries, deposit])
    assert account.flows is not None
    assert account.flows.tolist() == [0.0, 0.0, 500.0]


def test_a_benchmark_is_looked_up_as_of_each_instant_and_adjusted_for_splits() -> None:
    tape = tape_of({"AAPL": [100.0, 110.0, 60.5]}, factors={"AAPL": [1.0, 1.0, 2.0]})
    series = BenchmarkSeries.from_tape_at(tape, "AAPL", tape.instants_us.tolist())
    instants = np.array([us(2012, 1, 2), us(2012, 1, 2, 21), us(2012, 1, 3, 23), us(2012, 1, 5)])
    assert series.at(instants).tolist() == [100.0, 100.0, 110.0, 121.0]
    found = series.over(instants)
    assert found.returns == pytest.approx([0.0, 0.1, 0.1])
    assert (found.name, found.total_return) == ("AAPL", False)
    with pytest.raises(DataError, match="'XYZ' is not on the tape"):
        BenchmarkSeries.from_tape_at(tape, "XYZ", tape.instants_us.tolist())


def daily(symbol: str, days: list[int]) -> SymbolColumns:
    closes = np.array([(day + 1) * 86_400_000_000 for day in days], dtype=np.int64)
    price = np.full(len(days), 10.0)
    return SymbolColumns(symbol, "1d", closes - 86_400_000_000, closes, price, price, price, price)


def test_a_year_has_365_periods_only_where_everything_trades_every_day() -> None:
    every_day = daily("BTC", list(range(28)))
    weekdays = daily("AAPL", [day for day in range(28) if day % 7 not in {2, 3}])
    sundays_too = daily("EUR", [day for day in range(28) if day % 7 != 2])
    assert periods_per_year(build_tape([every_day])) == 365
    assert periods_per_year(build_tape([weekdays])) == 252
    assert periods_per_year(build_tape([sundays_too])) == 252
    assert periods_per_year(build_tape([every_day, weekdays])) == 252
