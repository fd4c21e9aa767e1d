"""From results to what a report shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from qtrader.engine.bounds_view import doubt_section
from qtrader.engine.equity_frame import benchmark_of, drawdown_of
from qtrader.engine.fingerprints import configuration_hash
from qtrader.engine.report_prices import price_charts
from qtrader.money import ZERO, money_context
from qtrader.services.reporting.html_tables import ROWS_EMBEDDED
from qtrader.services.reporting.report import Cell, Curve, ReportContent, Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qtrader.engine.results import Results

#: Heading, format and column of the frame.
_TRADE_COLUMNS: Final = (
    ("Symbol", "text", "symbol"),
    ("Strategy", "text", "strategy_id"),
    ("Side", "text", "side"),
    ("Opened", "instant", "opened_at"),
    ("Closed", "instant", "closed_at"),
    ("Days", "days", "days_held"),
    ("Quantity", "quantity", "quantity"),
    ("Entry", "price", "entry_price"),
    ("Exit", "price", "exit_price"),
    ("Gross", "money", "gross_pnl"),
    ("Dividends", "money", "dividends"),
    ("Commission", "money", "commission"),
    ("Net", "money", "net_pnl"),
    ("Return", "percent", "return_fraction"),
    ("Exit by", "text", "exit_purpose"),
    ("Entry reason", "text", "entry_reason"),
    ("Exit reason", "text", "exit_reason"),
)

_DROPPED_IF_EMPTY: Final = {
    name: column
    for name, _, column in _TRADE_COLUMNS
    if name in {"Dividends", "Commission", "Entry reason", "Exit reason"}
}


def report_content(results: Results) -> ReportContent:
    """Collect what the report of a run shows."""
    run, account = results.run, results.account
    instants = account.valued_at_us.tolist()
    benchmark = benchmark_of(run, account)
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
        prices=() if run.tape is None else price_charts(results, run.tape),
        trades=_trades(results.trades),
        refusals=_refusals(results),
        open_positions=_open_positions(results),
        working_orders=_working_orders(results),
        costs=_costs(results),
        provenance=_provenance(results),
        configuration=configuration_yaml(run.config),
        doubts=doubt_section(results.bounds()),
    )


def configuration_yaml(config: Mapping[str, object]) -> str:
    """Write a configuration as YAML, keys in their own order."""
    import yaml

    text: str = yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True, width=110)
    return text


def _trades(trades: pl.DataFrame) -> Table:
    """Show the first of the closed trades; columns that say nothing of any trade are left out."""
    closed = trades.lazy().filter(~pl.col("is_open"))
    said = closed.select(
        pl.len().alias("count"),
        pl.col("strategy_id").n_unique().alias("Strategy"),
        *(_says_something(column).alias(name) for name, column in _DROPPED_IF_EMPTY.items()),
    ).collect()
    dropped = {name for name in _DROPPED_IF_EMPTY if not said[name].item()}
    if said["Strategy"].item() < 2:
        dropped.add("Strategy")
    kept = [each for each in _TRADE_COLUMNS if each[0] not in dropped]
    shown = closed.head(ROWS_EMBEDDED).select(
        pl.col("opened_at", "closed_at").cast(pl.Int64),
        pl.col("exit_purpose").str.replace_all("_", " ", literal=True),
        pl.exclude("opened_at", "closed_at", "exit_purpose"),
    )
    return Table(
        tuple(name for name, _, _ in kept),
        tuple(form for _, form, _ in kept),
        tuple(shown.select(column for _, _, column in kept).collect().iter_rows()),
        said["count"].item(),
    )


def _says_something(column: str) -> pl.Expr:
    values = pl.col(column)
    empty: float | str = "" if column.endswith("reason") else 0.0
    return (values.is_not_null() & (values != empty)).any()


def _refusals(results: Results) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (reason, stage, found.count, found.first_message)
        for (stage, reason), found in results.digest.refusals.items()
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
    for life in results.digest.working_orders:
        order, latest = life.order, life.update or life.order
        leaves = life.order.quantity if life.update is None else life.update.leaves_quantity
        texts = (order.order_id, order.symbol, order.side.value, order.order_type.value, order.purpose.value)
        prices = (None if one is None else float(one) for one in (latest.limit_price, latest.stop_price))
        rows.append((*texts, float(leaves), *prices, life.status))
    return Table(columns, formats, tuple(rows))


def _costs(results: Results) -> Table:
    fills, latest = results.digest.fills, results.valuations.latest
    dividends = ZERO if latest is None else latest.dividend_income
    traded = fills.traded_value
    with money_context():
        share = float(fills.commission / traded * 10_000) if traded else None
    rows: tuple[tuple[Cell, ...], ...] = (
        ("Fills", f"{fills.count:,}"),
        ("Traded value", f"{traded:,.2f}"),
        ("Commissions", f"{fills.commission:,.2f}"),
        ("Commissions, basis points of traded value", "n/a" if share is None else f"{share:,.2f}"),
        ("Slippage (in the prices, a memo)", f"{fills.slippage:,.2f}"),
        ("Dividends, net of those that shorts owed", f"{dividends:,.2f}"),
        ("Ambiguous fills (the bar leaves the order of events open)", f"{fills.ambiguous_count:,}"),
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
