"""From results to what a report shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qtrader.clock import to_epoch_us
from qtrader.engine.bounds_view import doubt_section
from qtrader.engine.equity_frame import benchmark_of, drawdown_of
from qtrader.engine.fingerprints import configuration_hash
from qtrader.engine.results_frames import days_held, signal_reasons
from qtrader.events.codec import canonical_decimal
from qtrader.events.events import FillEvent
from qtrader.money import ZERO, money_context
from qtrader.services.reporting.report import (
    Cell,
    Curve,
    Marker,
    MarkerKind,
    PriceChart,
    ReportContent,
    Table,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qtrader.engine.results import Results
    from qtrader.market.tape import Tape
    from qtrader.services.reporting.trades import Trade

_TRADE_COLUMNS: tuple[tuple[str, str], ...] = (
    ("Symbol", "text"),
    ("Strategy", "text"),
    ("Side", "text"),
    ("Opened", "instant"),
    ("Closed", "instant"),
    ("Days", "days"),
    ("Quantity", "quantity"),
    ("Entry", "price"),
    ("Exit", "price"),
    ("Gross", "money"),
    ("Dividends", "money"),
    ("Commission", "money"),
    ("Net", "money"),
    ("Return", "percent"),
    ("Exit by", "text"),
    ("Entry reason", "text"),
    ("Exit reason", "text"),
)


_DROPPED_IF_EMPTY = frozenset({"Dividends", "Commission", "Entry reason", "Exit reason"})


def report_content(results: Results) -> ReportContent:
    """Collect what the report of a run shows."""
    run, account = results.run, results.account
    instants = account.valued_at_us.tolist()
    benchmark = benchmark_of(run, account)
    fills = [event for _, event in run.store.decisions() if type(event) is FillEvent]
    return ReportContent(
        name=run.name,
        run_id=run.run_id,
        base_currency=run.base_currency,
        symbols=run.symbols,
        strategy_ids=run.strategy_ids,
        warnings=run.warnings,
        notes=results.notes,
        conventions=results.conventions,
        summary=results.summary,
        equity=Curve(instants, account.equity.tolist()),
        drawdown=Curve(instants, drawdown_of(account).tolist()),
        benchmark=None if benchmark is None else Curve(instants, benchmark.tolist()),
        benchmark_name=None if run.benchmark is None else run.benchmark.name,
        prices=() if run.tape is None else _price_charts(run.tape, fills, run.symbols),
        trades=_trades(results.trade_records, signal_reasons(event for _, event in run.store.decisions())),
        refusals=_refusals(results),
        open_positions=_open_positions(results),
        working_orders=_working_orders(results),
        costs=_costs(results, fills),
        provenance=_provenance(results),
        configuration=configuration_yaml(run.config),
        doubts=doubt_section(results.bounds()),
    )


def configuration_yaml(config: Mapping[str, object]) -> str:
    """Write a configuration as YAML, keys in their own order."""
    import yaml

    text: str = yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True, width=110)
    return text


def _price_charts(tape: Tape, fills: list[FillEvent], symbols: tuple[str, ...]) -> tuple[PriceChart, ...]:
    traded = {fill.symbol for fill in fills}
    shown = [symbol for symbol in symbols if symbol in tape.symbols and len(tape.matching_rows_of(symbol))]
    # What was traded comes first; a page has no room for the charts of a whole market.
    chosen = [symbol for symbol in shown if symbol in traded] + [one for one in shown if one not in traded]
    return tuple(
        _price_chart(tape, symbol, [fill for fill in fills if fill.symbol == symbol])
        for symbol in chosen[:12]
    )


def _price_chart(tape: Tape, symbol: str, fills: list[FillEvent]) -> PriceChart:
    rows = tape.matching_rows_of(symbol)
    factors, closes_us = tape.signal_factor[rows], tape.closed_at_us[rows]
    adjusted = tape.close[rows] * factors / factors[-1]
    markers: list[Marker] = []
    for fill in fills:
        at_us = to_epoch_us(fill.executed_at)
        row = min(int(np.searchsorted(closes_us, at_us)), len(rows) - 1)
        price = float(fill.price) * float(factors[row]) / float(factors[-1])
        text = (
            f"{fill.side.value} {canonical_decimal(fill.quantity)} at {canonical_decimal(fill.price)}, "
            f"{fill.purpose.value.replace('_', ' ')} ({fill.strategy_id})"
        )
        markers.append(Marker(at_us, price, _marker_kind(fill), text))
    return PriceChart(symbol, Curve(closes_us.tolist(), adjusted.tolist()), tuple(markers))


def _marker_kind(fill: FillEvent) -> MarkerKind:
    is_buy = fill.side.value == "buy"
    if fill.purpose.value == "open":
        return "long_entry" if is_buy else "short_entry"
    return "short_exit" if is_buy else "long_exit"


def _trades(trades: tuple[Trade, ...], reasons: Mapping[str, str | None]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            trade.symbol,
            trade.strategy_id,
            trade.side,
            to_epoch_us(trade.opened_at),
            to_epoch_us(trade.closed_at),
            days_held(trade),
            float(trade.quantity),
            float(trade.entry_price),
            None if trade.exit_price is None else float(trade.exit_price),
            float(trade.gross_pnl),
            float(trade.dividends),
            float(trade.commission),
            float(trade.net_pnl),
            trade.return_fraction,
            None if trade.exit_purpose is None else trade.exit_purpose.replace("_", " "),
            reasons.get(trade.entry_signal_id),
            reasons.get(trade.exit_signal_id or ""),
        )
        for trade in trades
        if trade.closed_at is not None
    ]
    names = tuple(name for name, _ in _TRADE_COLUMNS)
    formats = tuple(form for _, form in _TRADE_COLUMNS)
    return _without_empty(Table(names, formats, tuple(rows)))


def _without_empty(table: Table) -> Table:
    """Leave out the columns that say nothing: one strategy for all rows, no dividends, no reasons."""
    kept = []
    for place, name in enumerate(table.columns):
        values = {row[place] for row in table.rows}
        is_empty = values <= {None, 0.0, ""} and name in _DROPPED_IF_EMPTY
        if not (is_empty or (name == "Strategy" and len(values) < 2)):
            kept.append(place)
    return Table(
        tuple(table.columns[place] for place in kept),
        tuple(table.formats[place] for place in kept),
        tuple(tuple(row[place] for place in kept) for row in table.rows),
    )


def _refusals(results: Results) -> Table:
    counts: dict[tuple[str, str], list[object]] = {}
    for refusal in results.refusal_records:
        entry = counts.setdefault((refusal.stage, refusal.reason), [0, refusal.message])
        entry[0] = int(str(entry[0])) + 1
    rows: list[tuple[Cell, ...]] = [
        (reason, stage, int(str(count)), str(message)) for (stage, reason), (count, message) in counts.items()
    ]
    rows.sort(key=lambda row: (-int(row[2] or 0), str(row[0]), str(row[1])))
    return Table(
        ("Reason", "Refused by", "Count", "First one"), ("text", "text", "count", "text"), tuple(rows)
    )


def _open_positions(results: Results) -> Table:
    columns = (
        "Symbol",
        "Strategy",
        "Quantity",
        "Average price",
        "Last price",
        "Market value",
        "Unrealized",
        "Realized",
    )
    formats = ("text", "text", "quantity", "price", "price", "money", "money", "money")
    rows: list[tuple[Cell, ...]] = []
    for one in results.open_positions:
        with money_context():
            average = float(one.cost / one.quantity)
        amounts = (one.market_value, one.unrealized_pnl, one.realized_pnl)
        rows.append(
            (
                one.symbol,
                one.strategy_id,
                float(one.quantity),
                average,
                float(one.market_price),
                *(float(x) for x in amounts),
            )
        )
    return Table(columns, formats, tuple(rows))


def _working_orders(results: Results) -> Table:
    columns = ("Order", "Symbol", "Side", "Type", "Purpose", "Quantity", "Limit", "Stop", "Status")
    formats = ("text", "text", "text", "text", "text", "quantity", "price", "price", "text")
    rows: list[tuple[Cell, ...]] = []
    for life in results.order_records:
        if not life.is_working:
            continue
        order, latest = life.order, life.update or life.order
        leaves = life.order.quantity if life.update is None else life.update.leaves_quantity
        texts = (order.order_id, order.symbol, order.side.value, order.order_type.value, order.purpose.value)
        prices = (None if one is None else float(one) for one in (latest.limit_price, latest.stop_price))
        rows.append((*texts, float(leaves), *prices, life.status))
    return Table(columns, formats, tuple(rows))


def _costs(results: Results, fills: list[FillEvent]) -> Table:
    traded = commission = slippage = ZERO
    with money_context():
        for fill in fills:
            traded += fill.quantity * fill.price
            commission += fill.commission
            slippage += fill.slippage
        dividends = results.valuations[-1].dividend_income if results.valuations else ZERO
        share = float(commission / traded * 10_000) if traded else None
    ambiguous = len([fill for fill in fills if fill.is_ambiguous])
    rows: tuple[tuple[Cell, ...], ...] = (
        ("Fills", f"{len(fills):,}"),
        ("Traded value", f"{traded:,.2f}"),
        ("Commissions", f"{commission:,.2f}"),
        ("Commissions, basis points of traded value", "n/a" if share is None else f"{share:,.2f}"),
        ("Slippage (in the prices, a memo)", f"{slippage:,.2f}"),
        ("Dividends, net of those that shorts owed", f"{dividends:,.2f}"),
        ("Ambiguous fills (the bar leaves the order of events open)", f"{ambiguous:,}"),
    )
    return Table(("", results.run.base_currency), ("text", "number"), rows)


def _provenance(results: Results) -> dict[str, str]:
    run = results.run
    found = {"Run": run.run_id, "QTrader": run.engine_version or "unknown"}
    found["Tape"] = "not kept" if run.tape is None else f"{run.tape.fingerprint} ({len(run.tape):,} bars)"
    found["Configuration"] = configuration_hash(run.config)
    for name, digest in run.strategy_hashes.items():
        found[f"Strategy {name}"] = digest
    return found
