"""Results: every frame by hand for a run of ten days, and what is shown of it."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from tests.factories_run import RunBuilder, tiny_run

from qtrader.engine.fingerprints import configuration_hash, log_hash, log_lines
from qtrader.engine.results import Results, RunStatistics
from qtrader.events import codec
from qtrader.events.events import LedgerEntryEvent, Posting, PriceBarEvent, SignalRejectedEvent
from qtrader.events.vocabulary import LedgerKind, OrderPurpose, OrderStatus
from qtrader.services.reporting.equity import BenchmarkSeries
from qtrader.services.reporting.metric_catalog import METRICS

D = Decimal

FRAMES = (
    "equity_curve",
    "trades",
    "orders",
    "fills",
    "signals",
    "refusals",
    "order_updates",
    "ledger",
    "positions",
    "log",
    "recorded",
)
UTC_INSTANT = pl.Datetime("us", "UTC")


@pytest.fixture(scope="module")
def results() -> Results:
    day = 86_400_000_000
    return Results(
        tiny_run(
            warnings=("no costs",),
            logs={"sma": [(15_000 * day, "crossed", {"fast": 1.5, "price": D("10.10")})]},
            records={"sma": [(15_000 * day, "fast", 1.5), (15_001 * day, "fast", float("nan"))]},
        )
    )


def test_the_equity_curve_begins_with_the_starting_capital(results: Results) -> None:
    frame = results.equity_curve
    assert frame.height == 11
    assert frame.row(0, named=True)["session"] is None
    assert frame.row(0, named=True)["equity"] == 100_000.0
    last = frame.row(-1, named=True)
    # 500 on the long, 600 on the open short, 3.01 of commissions.
    assert last["equity"] == 101_096.99
    assert (last["cash"], last["net_exposure"], last["gross_exposure"]) == (109_696.99, -8_600.0, 8_600.0)
    assert (last["realized_pnl"], last["unrealized_pnl"], last["commissions"]) == (500.0, 600.0, 3.01)
    assert last["valued_at"] == datetime(2012, 1, 13, 21, tzinfo=UTC)
    assert frame["drawdown"].min() == pytest.approx(100_496.99 / 100_696.99 - 1)
    assert frame["period_return"].drop_nulls().len() == 10
    assert results.metrics["max_drawdown"] == frame["drawdown"].min()


def test_trades_close_flat_and_open_ones_are_marked(results: Results) -> None:
    closed, still = results.trades.rows(named=True)
    assert (closed["symbol"], closed["side"], closed["is_open"]) == ("AAPL", "long", False)
    assert (closed["net_pnl"], closed["entry_reason"], closed["exit_purpose"]) == (
        497.91,
        "fast above slow",
        "stop_loss",
    )
    assert (closed["bars_held"], closed["days_held"]) == (4, 6.0)
    assert (still["symbol"], still["side"], still["is_open"]) == ("MSFT", "short", True)
    assert (still["closed_at"], still["bars_held"], still["unrealized_pnl"]) == (None, None, 600.0)
    assert results.metrics["trade_count"] == 1
    total = sum(results.trades["net_pnl"]) + sum(results.trades["unrealized_pnl"])
    assert total == pytest.approx(results.metrics["net_profit"], abs=1e-9)


def test_orders_show_where_they_stand(results: Results) -> None:
    first, *_, resting = results.orders.rows(named=True)
    assert (first["status"], first["average_price"], first["filled_quantity"]) == ("filled", 102.0, 100.0)
    assert (first["commission"], first["is_working"]) == (1.02, False)
    assert (resting["status"], resting["limit_price"], resting["leaves_quantity"]) == ("accepted", 90.0, 50.0)
    assert (resting["is_working"], resting["reason"]) == (True, "accepted")
    assert results.working_orders.height == 1


def test_signals_show_their_outcome(results: Results) -> None:
    outcomes = results.signals.select("outcome", "refusal_reason").rows()
    assert outcomes == [
        ("ordered", None),
        ("refused", "already_open"),
        ("refused", "gross_leverage"),
        ("ordered", None),
        ("ordered", None),
        ("ordered", None),
    ]


def test_refusals_name_stage_reason_and_remedy(results: Results) -> None:
    by_manager, by_risk = results.refusals.rows(named=True)
    assert (by_manager["stage"], by_manager["reason"]) == ("manager", "already_open")
    assert (by_manager["message"], by_manager["remedy"]) == ("100 AAPL are held already", None)
    assert (by_risk["stage"], by_risk["requested_quantity"]) == ("risk", 5000.0)
    assert by_risk["remedy"] == "a quantity of 10 would have passed"
    assert results.refusal_counts == {"already_open": 1, "gross_leverage": 1}


def test_an_order_that_execution_rejects_is_a_refusal() -> None:
    builder = RunBuilder({"AAPL": [100.0]})
    builder.next_day()
    order = builder.order("AAPL", 10)
    builder.update(order, OrderStatus.REJECTED, "quantity_off_step")
    found = Results(builder.completed())
    assert found.refusals.select("stage", "reason", "order_id").rows() == [
        ("execution", "quantity_off_step", order.order_id)
    ]
    assert found.signals["outcome"].to_list() == ["ordered"], "the manager did order"


def test_a_signal_refused_in_one_leg_only_is_partly_refused() -> None:
    builder = RunBuilder({"AAPL": [100.0]})
    builder.next_day()
    order = builder.order("AAPL", -10, purpose=OrderPurpose.CLOSE)
    events = [event for _, event in builder.store.decisions()]
    signal = next(event for event in events if event.event_type == "signal")
    builder.publish(
        SignalRejectedEvent(
            envelope=builder._origin.effect_of(signal, signal.occurred_at),
            signal_id=order.signal_id,
            strategy_id="sma",
            symbol="AAPL",
            purpose=OrderPurpose.OPEN,
            reason="short_sale",
            message="no",
        )
    )
    assert Results(builder.completed()).signals["outcome"].to_list() == ["partly_refused"]


def test_fills_and_order_updates_have_a_row_each(results: Results) -> None:
    assert results.fills.select("symbol", "side", "quantity", "price", "notional", "slippage").row(0) == (
        "AAPL",
        "buy",
        100.0,
        102.0,
        10_200.0,
        0.5,
    )
    assert results.fills.height == 3
    assert results.order_updates["status"].to_list() == ["accepted", "filled"] * 3 + ["accepted"]


def test_the_ledger_is_exact_and_balanced(results: Results) -> None:
    ledger = results.ledger
    assert ledger.schema["amount"] == pl.Decimal(38, 8)
    assert ledger["amount"].sum() == D(0)
    assert ledger.filter(pl.col("account") == "assets:cash")["amount"].sum() == D("109696.99")
    assert ledger.filter(pl.col("kind") == "fill")["line"].to_list()[:3] == [0, 1, 2]


def test_positions_have_a_row_for_each_valuation(results: Results) -> None:
    assert results.positions.select("session", "symbol", "quantity").row(0) == (
        date(2012, 1, 3),
        "AAPL",
        100.0,
    )
    assert results.positions.height == 9


def test_log_and_recorded_keep_what_strategies_gave(results: Results) -> None:
    assert results.log.row(0) == (
        datetime(2011, 1, 26, tzinfo=UTC),
        "sma",
        "crossed",
        '{"fast":1.5,"price":"10.10"}',
    )
    assert results.recorded["value"].to_list()[0] == 1.5
    assert results.recorded["value"].is_nan().to_list() == [False, True]


@pytest.mark.parametrize("name", FRAMES)
def test_frames_keep_their_columns_and_types_in_a_run_without_events(results: Results, name: str) -> None:
    empty = Results(RunBuilder({"AAPL": [100.0]}).completed())
    full = getattr(results, name)
    assert getattr(empty, name).schema == full.schema
    assert all(dtype == UTC_INSTANT for dtype in full.schema.values() if isinstance(dtype, pl.Datetime))
    assert getattr(results, name) is full, "computed once"


@pytest.mark.parametrize("name", FRAMES)
def test_frames_go_to_pandas(results: Results, name: str) -> None:
    assert len(getattr(results, name).to_pandas()) == getattr(results, name).height


def test_events_are_the_whole_history_with_bars(results: Results) -> None:
    events = list(results.events())
    assert [sequence for sequence, _ in events] == list(range(len(events)))
    assert len([event for _, event in events if isinstance(event, PriceBarEvent)]) == 20


def test_metrics_are_those_of_the_catalogue(results: Results) -> None:
    assert list(results.metrics) == list(METRICS)
    assert results.summary.metrics is results.metrics


def test_a_benchmark_stands_beside_equity_scaled_to_the_capital() -> None:
    run = tiny_run()
    assert run.tape is not None
    series = BenchmarkSeries.from_tape_at(run.tape, "AAPL", run.tape.instants_us.tolist())
    found = Results(tiny_run(benchmark=series))
    assert found.equity_curve["benchmark"].to_list()[0] == 100_000.0
    assert found.equity_curve["benchmark"].to_list()[-1] == pytest.approx(109_000.0)
    assert found.metrics["benchmark_total_return"] == pytest.approx(0.09)


def test_warmup_is_neither_measured_nor_shown() -> None:
    builder = RunBuilder({"AAPL": [100.0] * 5}).idle(5)
    starts_us = int(datetime(2012, 1, 3, 21, tzinfo=UTC).timestamp() * 1_000_000)
    found = Results(builder.completed(trading_starts_us=starts_us))
    assert found.equity_curve["session"].to_list() == [
        None,
        date(2012, 1, 4),
        date(2012, 1, 5),
        date(2012, 1, 6),
    ]
    assert found.equity_curve["valued_at"].to_list()[0] == datetime(2012, 1, 4, 14, 30, tzinfo=UTC)


def test_money_that_was_paid_in_ends_no_drawdown() -> None:
    builder = RunBuilder({"AAPL": [100.0, 50.0, 50.0]}, initial=1_000)
    builder.next_day()
    builder.trade("AAPL", 10, "100")
    builder.close_day().idle().next_day()
    paid_in = (Posting("assets:cash", "USD", D(500)), Posting("equity:deposits", "USD", D(-500)))
    deposit = LedgerEntryEvent(
        envelope=builder._origin.effect_of_id(None, None, builder.closed_at),
        entry_id="deposit-2",
        kind=LedgerKind.DEPOSIT,
        description="deposit",
        postings=paid_in,
    )
    builder.publish(deposit)
    builder.books._books.ledger.post(deposit)
    found = Results(builder.close_day().completed())
    assert found.equity_curve["equity"].to_list() == [1_000.0, 1_000.0, 500.0, 1_000.0]
    assert found.equity_curve["drawdown"].to_list() == [0.0, 0.0, -0.5, -0.5]
    assert found.metrics["total_return"] == -0.5


def test_the_text_shows_measures_warnings_refusals_and_what_is_open(results: Results) -> None:
    text = repr(results)
    for part in (
        "tiny · 2012-01-02 to 2012-01-13 · AAPL, MSFT · sma · USD",
        "101,096.99",
        "Warning: no costs",
        "Refused: already_open 1, gross_leverage 1",
        "Open at the end: -200 MSFT",
    ):
        assert part in text
    assert max(len(line) for line in text.splitlines()) <= 100


def test_the_notebook_shows_a_picture_and_a_table(results: Results) -> None:
    shown = results._repr_html_()
    assert shown.count("<svg") == 1
    assert "no costs" in shown
    assert "<script" not in shown
    assert results.plot()._repr_html_().startswith("<svg")


def test_a_plot_is_written_as_a_picture_of_its_own(results: Results, tmp_path: Path) -> None:
    path = results.plot().save(tmp_path / "equity.svg")
    assert path.read_text().startswith('<svg xmlns="http://www.w3.org/2000/svg" ')


def test_a_report_is_written_where_it_was_asked_for(results: Results, tmp_path: Path) -> None:
    path = results.report(tmp_path / "new" / "report.html")
    assert path.read_text(encoding="utf-8") == results.html()


def test_a_run_before_its_first_valuation_can_be_shown() -> None:
    found = Results(RunBuilder({"AAPL": [100.0]}).completed())
    assert "no valuation" in repr(found)
    assert found.metrics["end_equity"] == 100_000.0
    assert found._repr_html_().startswith("<div>")


def test_statistics_are_for_display() -> None:
    assert RunStatistics(1_000, 0.5).bars_per_second == 2_000
    assert RunStatistics(1_000, 0.0).bars_per_second is None


def test_digests_depend_on_content_alone() -> None:
    assert configuration_hash({"a": 1, "b": 2}) == configuration_hash({"b": 2, "a": 1})
    assert configuration_hash({"a": 1}) != configuration_hash({"a": 2})
    assert log_hash(tiny_run().store) == log_hash(tiny_run().store)


def test_every_line_of_the_log_is_a_contract_document_with_its_sequence() -> None:
    run = tiny_run()
    decoded = [codec.decode_stored(line) for line in log_lines(run.store, with_bars=True)]
    assert decoded == list(run.store.history())


def test_results_load_no_frames_before_they_are_asked() -> None:
    source = Path(__file__).parents[3] / "src"
    program = "import sys, qtrader.engine.results; print('polars' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(source)},
    )
    assert done.stdout.strip() == "False"
