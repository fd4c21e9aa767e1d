"""From a driven engine to the one value of which results are made, with what readers must know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtrader.engine.completed_run import CompletedRun, RunStatistics
from qtrader.engine.config import config_fingerprint
from qtrader.errors import ConfigError
from qtrader.money import ZERO
from qtrader.services.data.source import shown_path
from qtrader.services.execution.commission_settings import NoCommission
from qtrader.services.execution.fill_model_settings import CustomFillModel
from qtrader.services.execution.slippage_settings import FixedBpsSlippage, NoSlippage
from qtrader.services.reporting.equity import BenchmarkSeries, periods_per_year, trading_began_us
from qtrader.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qtrader.engine.config import RunConfig
    from qtrader.engine.inputs import Inputs
    from qtrader.engine.wiring import House
    from qtrader.market.tape import Tape
    from qtrader.services.data.report import LoadReport
    from qtrader.services.execution.settings import ExecutionSettings
    from qtrader.services.execution.slippage_settings import SlippageSettings
    from qtrader.services.reporting.valuations import Valuations

_FILL_CONVENTIONS = {
    "next_open": "Market orders fill at the open of the next bar that opens at or after their acceptance.",
    "next_close": "Market orders fill at the close of the next bar that opens at or after their acceptance.",
    "same_close": "Market orders fill at the close of the bar that they were decided on: a lookahead.",
}


def complete(
    config: RunConfig,
    inputs: Inputs,
    house: House,
    *,
    run_id: str,
    strategy_hashes: Mapping[str, str],
    seconds: float,
) -> CompletedRun:
    """Put together what a finished run leaves behind."""
    tape, reporting = inputs.data.tape, config.reporting
    contexts = house.strategies.contexts()
    chosen = reporting.periods_per_year
    return CompletedRun(
        run_id=run_id,
        name=config.run.name,
        store=house.bus.store,
        tape=tape,
        initial_equity=config.portfolio.initial_cash,
        base_currency=config.portfolio.base_currency,
        valuations=house.reporting.valuations,
        symbols=tape.symbols,
        strategy_ids=tuple(contexts),
        config=_shown(config),
        config_fingerprint=config_fingerprint(config),
        warnings=(*_warnings(config), *_uncovered(tape, inputs.trading_starts_us)),
        notes=_notes(inputs.data.report),
        conventions=_conventions(config),
        logs={name: tuple(context.logs) for name, context in contexts.items()},
        records={name: tuple(context.records) for name, context in contexts.items()},
        trading_starts_us=inputs.trading_starts_us,
        benchmark=_benchmark(inputs, reporting.benchmark, house.reporting.valuations),
        periods_per_year=periods_per_year(tape) if chosen == "auto" else chosen,
        risk_free=reporting.risk_free,
        strategy_hashes=dict(strategy_hashes),
        engine_version=__version__,
        statistics=RunStatistics(len(tape), seconds),
    )


def check_benchmark(inputs: Inputs, symbol: str | None) -> None:
    """Refuse a benchmark that is not on the tape, before anything runs.

    Raises:
        ConfigError: naming it and what there is.
    """
    symbols = inputs.data.tape.symbols
    if symbol is not None and symbol not in symbols:
        msg = f"reporting.benchmark is {symbol!r}; allowed is a symbol of the data: {', '.join(symbols)}"
        raise ConfigError(msg)


def _shown(config: RunConfig) -> dict[str, Any]:
    """Write the configuration with paths from its own folder on: two checkouts leave the same behind."""
    document, folder = config.to_dict(), config.data_sources.folder
    document["import_from"] = [shown_path(path, folder) for path in config.import_from]
    for name, source in config.data_sources.sources.items():
        shown = document["data_sources"]["sources"][name]
        shown["path"] = [shown_path(path, folder) for path in source.path]
        shown["corporate_actions"] = [shown_path(path, folder) for path in source.corporate_actions]
        shown["universe"] = None if source.universe is None else shown_path(source.universe, folder)
        shown["cache_dir"] = None if source.cache_dir is None else shown_path(source.cache_dir, folder)
    return document


def _benchmark(inputs: Inputs, symbol: str | None, valuations: Valuations) -> BenchmarkSeries | None:
    """Take what a benchmark was at the points of the equity curve."""
    if symbol is None:
        return None
    tape, starts_us = inputs.data.tape, inputs.trading_starts_us
    valued_us = valuations.after(starts_us).instants_us.tolist()
    began_us = trading_began_us(tape, starts_us, valued_us)
    return BenchmarkSeries.from_tape_at(tape, symbol, [began_us, *valued_us])


def _warnings(config: RunConfig) -> tuple[str, ...]:
    execution = config.execution
    warnings = []
    if execution.market_fill == "same_close":
        warnings.append("lookahead: same_close: market orders fill at the price that they were decided on")
    if execution.commission == NoCommission() and execution.slippage == NoSlippage():
        warnings.append("no costs: neither commission nor slippage is charged; real results would be worse")
    return tuple(warnings)


def _uncovered(tape: Tape, trading_starts_us: int) -> tuple[str, ...]:
    """Warn of bars before and after a symbol's finest ones, where its orders meet nothing."""
    warnings = []
    for symbol in tape.symbols if len(tape.intervals) > 1 else ():
        finest, *coarser = tape.intervals_of(symbol) or ("",)
        for interval in coarser:
            inside, rows = tape.matching_rows_of(symbol), tape.rows_of_interval(symbol, interval)
            begin_us, end_us = tape.opened_at_us[inside[0]], tape.closed_at_us[inside[-1]]
            outside = 0
            for block in tape.row_blocks(rows):
                opened, closed = tape.opened_at_us[block], tape.closed_at_us[block]
                is_outside = ((closed <= begin_us) | (opened >= end_us)) & (closed > trading_starts_us)
                outside += int(is_outside.sum())
            if outside:
                warnings.append(
                    f"{symbol}: {outside} bars of {interval} lie before or after its bars of "
                    f"{finest}: orders meet only the latter, so that there they just wait"
                )
    return tuple(warnings)


def _notes(report: LoadReport) -> tuple[str, ...]:
    notes = list(report.notes)
    notes += [f"not applied again: {action}" for action in report.actions_in_prices]
    notes += [f"{count} rows dropped: {rule}" for rule, count in report.dropped.items()]
    if report.widened:
        notes.append(
            f"{report.widened} bars had a high or low moved to their open or close (by at most 1e-6 of it)"
        )
    return tuple(notes)


def _slippage_convention(slippage: SlippageSettings) -> str:
    if isinstance(slippage, (NoSlippage, FixedBpsSlippage)):
        bps = slippage.bps if isinstance(slippage, FixedBpsSlippage) else ZERO
        return f"Slippage on market and stop orders is {bps:f} bps; limits have none."
    numbers = slippage.model_dump(exclude={"type"}, exclude_defaults=True)
    shown = ", ".join(f"{name} {value}" for name, value in numbers.items())
    model = f"{slippage.type} ({shown})" if shown else slippage.type
    return f"Slippage on market and stop orders is by the model {model}; limits have none."


def _fill_conventions(execution: ExecutionSettings) -> list[str]:
    model = execution.fill_model
    if isinstance(model, CustomFillModel):
        told = [f"Orders fill as the model {model.model} says."]
    else:
        limit = "touched" if model.default == "touch" else "traded through"
        stops = "stops when it is touched, at the open where it gaps"
        told = [f"Limit orders fill when the limit is {limit}; {stops}."]
        if model.default == "mid":
            told.append("Market orders fill at the middle of the bar's range (fill model mid).")
        told += [f"{symbol} fills by the model {name}." for symbol, name in sorted(model.symbols.items())]
    if execution.participation_percent is not None:
        told.append(
            f"All orders together take at most {execution.participation_percent:f} % of a bar's volume."
        )
    latency = execution.latency
    if latency is not None:
        on_its_way = f"{latency.bars} bars" if latency.bars is not None else f"{latency.milliseconds} ms"
        told.append(f"Orders reach the market {on_its_way} after their acceptance.")
    return told


def _conventions(config: RunConfig) -> tuple[str, ...]:
    execution, portfolio, run = config.execution, config.portfolio, config.run
    dividends = (
        "paid in cash"
        if portfolio.dividends == "cash"
        else f"reinvested at the {portfolio.reinvest_at.replace('_', ' ')}"
    )
    return (
        _FILL_CONVENTIONS[execution.market_fill],
        *_fill_conventions(execution),
        _slippage_convention(execution.slippage),
        f"Dividends are {dividends}; holders at the ex date's open are entitled.",
        f"Orders, fills and marks are in raw prices; signal prices are: {run.signal_prices}, point in time.",
        f"The books are marked at the session closes of calendar {run.valuation_calendar}.",
        f"Risk policy {config.risk.name}: {config.risk.sizing.method}, {config.risk.account} account.",
    )
