"""Random configurations of market, terms and signals, run by the sweep kernel and by the engine.

A case is made of a seed alone. Prices lie on cents, on finer grids or on none; bars are missing, stand still
or have no volume; conditions are columns of truths and crosses; terms go through everything that the kernel
does. The engine is asked through `on_bar`, by a strategy that sends what the columns say.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from qtrader.clock import to_epoch_us
from qtrader.engine.backtest_engine import BacktestEngine
from qtrader.engine.config import RunConfig, apply_overrides, default_run_config
from qtrader.engine.inputs import FROM_THE_FIRST_BAR_US, Inputs
from qtrader.market.calendars import get_calendar
from qtrader.market.instruments import Instrument, Instruments
from qtrader.market.tape_build import SymbolColumns, build_tape
from qtrader.services.data.assembly import LoadedData
from qtrader.services.data.report import LoadReport
from qtrader.services.strategy.conditions import Cross, Direction, Relation, side_of
from qtrader.services.strategy.protocol import StrategySpec
from qtrader.services.strategy.signals import CheckedSignals, Signals

if TYPE_CHECKING:
    from qtrader.engine.results import Results
    from qtrader.events.events import PriceBarEvent
    from qtrader.research.kernel import KernelResult
    from qtrader.services.strategy.context import Context

_MINUTE_US = 60_000_000
#: 2024-01-02T00:00Z.
_BEGIN_US = 1_704_153_600_000_000
_INTERVALS = (("5m", 5), ("1h", 60), ("1d", 1440))


@dataclass(frozen=True)
class Case:
    """One configuration."""

    seed: int
    inputs: Inputs
    config: RunConfig
    signals: Signals


class Spoken:
    """Send what columns say, bar by bar: the exit of what is held, then the entry."""

    def __init__(self, signals: Signals, closed_at_us: Any, symbols: tuple[str, ...]) -> None:
        self.said: CheckedSignals = signals.checked((len(closed_at_us), len(symbols)), "spoken")
        self.times = {int(instant): time for time, instant in enumerate(closed_at_us)}
        self.places = {symbol: place for place, symbol in enumerate(symbols)}

    def on_bar(self, bar: PriceBarEvent, context: Context) -> None:
        said, place = self.said, (self.times[bar.closed_at_us], self.places[bar.symbol])
        held = context.position(bar.symbol)
        if said.exit[place] and (held.is_long or held.is_short):
            context.emit_signal(bar.symbol, "close_long" if held.is_long else "close_short")
        if said.entry[place]:
            values = {name: float(column[place]) for name, column in said.terms.items()}
            terms: dict[str, Any] = {name: value for name, value in values.items() if not np.isnan(value)}
            kinds = {(False, False): "market", (True, False): "limit", (False, True): "stop"}
            kind = kinds.get(("limit_price" in terms, "stop_price" in terms), "stop_limit")
            intention = "open_long" if said.side[place] > 0 else "open_short"
            context.emit_signal(bar.symbol, intention, order_type=kind, **terms)


def run_engine(case: Case) -> Results:
    """Run a case through the engine."""
    tape = case.inputs.data.tape
    strategy = Spoken(case.signals, tape.instants_us, tape.symbols)
    return BacktestEngine(case.config, case.inputs, (StrategySpec(strategy, "spoken"),)).run()


def run_kernel(case: Case, threads: int = 1) -> KernelResult:
    """Run a case through the kernel."""
    from qtrader.research.kernel import run_sets
    from qtrader.research.kernel_tape import KernelTape
    from qtrader.research.kernel_terms import KernelTerms

    tape, terms = KernelTape.of(case.inputs, case.config), KernelTerms.of(case.inputs, case.config)
    return run_sets(tape, terms, [case.signals], threads=threads, keep_equity=True, keep_trades=True)


def make_case(seed: int) -> Case:
    """Make the configuration of a seed."""
    rng = np.random.default_rng([11, seed])
    inputs = _inputs(rng)
    config = _config(rng)
    return Case(seed, inputs, config, _signals(rng, inputs, config))


def _inputs(rng: np.random.Generator) -> Inputs:
    width = int(rng.choice([1, 1, 1, 2, 3, 5]))
    times = int(rng.integers(30, 140))
    interval, minutes = _INTERVALS[int(rng.integers(3))]
    digits = int(rng.choice([2, 2, 2, 4, 15]))
    tick = rng.choice(["0.01", "0.01", "0.05", "0.0001", "none"])
    step = Decimal(str(rng.choice(["1", "1", "1", "100", "0.01", "0.00000001"])))
    columns, instruments = [], []
    missing, silent = rng.choice([0.0, 0.0, 0.15]), rng.choice([0.0, 0.0, 0.2])
    for place in range(width):
        symbol = f"S{place}"
        columns.append(_bars(rng, symbol, (interval, minutes, times), digits, (missing, silent)))
        tick_size = None if tick == "none" else Decimal(str(tick))
        instruments.append(Instrument(symbol=symbol, tick_size=tick_size, quantity_step=step))
    calendars = {part.symbol: get_calendar("UTC") for part in columns}
    tape = build_tape(columns)
    starts_us = FROM_THE_FIRST_BAR_US
    if rng.random() < 0.15:
        starts_us = int(tape.instants_us[int(rng.integers(1, tape.instant_count // 2))])
    data = LoadedData(tape, (), Instruments(instruments), calendars, None, LoadReport())
    return Inputs(data, starts_us)


def _bars(
    rng: np.random.Generator,
    symbol: str,
    span: tuple[str, int, int],
    digits: int,
    rates: tuple[float, float],
) -> SymbolColumns:
    """Make a random walk with gaps, in which bars are missing, without volume, or stand still."""
    missing, silent = rates
    interval, minutes, times = span
    spread = float(rng.choice([0.002, 0.01, 0.03]))
    close = float(rng.choice([3.0, 47.0, 100.0, 950.0])) * np.exp(np.cumsum(rng.normal(0, spread, times)))
    opened = np.concatenate((close[:1], close[:-1])) * np.exp(
        rng.normal(0, spread / 2, times) * (rng.random(times) < 0.6)
    )
    high = np.maximum(opened, close) * (1 + np.abs(rng.normal(0, spread / 2, times)))
    low = np.minimum(opened, close) * (1 - np.abs(rng.normal(0, spread / 2, times)))
    opened, high, low, close = (
        np.maximum(np.round(part, digits), 0.01) for part in (opened, high, low, close)
    )
    high, low = np.maximum(high, np.maximum(opened, close)), np.minimum(low, np.minimum(opened, close))
    volume = np.where(rng.random(times) < silent, 0.0, 1000.0)
    if rng.random() < 0.2:
        volume[rng.random(times) < 0.3] = np.nan
    for row in range(1, times):
        if volume[row] == 0.0 and rng.random() < 0.5:
            for part in (opened, high, low, close):
                part[row] = part[row - 1]
    closed_at_us = _BEGIN_US + (np.arange(times, dtype=np.int64) + 1) * minutes * _MINUTE_US
    made = SymbolColumns(
        symbol=symbol,
        interval=interval,
        opened_at_us=closed_at_us - minutes * _MINUTE_US,
        closed_at_us=closed_at_us,
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=volume,
    )
    kept = np.flatnonzero(rng.random(times) >= missing)
    return made.take(kept if len(kept) else np.arange(times))


def _config(rng: np.random.Generator) -> RunConfig:
    execution: dict[str, Any] = {
        "slippage_bps": str(rng.choice(["0", "0", "1", "5", "12.5", "100"])),
        "commission": _commission(rng),
        "buying_power": [None, None, "trim", "reject", "allow_margin"][int(rng.integers(5))],
        "fill_on_no_volume": bool(rng.random() < 0.3),
        "fill_on_stale": bool(rng.random() < 0.3),
        "limit_touch": bool(rng.random() < 0.2),
    }
    limits: dict[str, Any] = {
        "allow_short": bool(rng.random() < 0.9),
        "max_gross_leverage": [None, "1", "1", "0.5", "2.5"][int(rng.integers(5))],
        "max_position_percent": [None, "100", "100", "33.5"][int(rng.integers(4))],
        "max_position_quantity": [None, None, None, "150"][int(rng.integers(4))],
        "on_breach": ["reject", "reject", "shrink", "warn"][int(rng.integers(4))],
    }
    sizing: dict[str, Any] = {"method": "fixed_quantity", "quantity": str(rng.choice([100, 7, 33, 1000]))}
    if rng.random() < 0.5:
        percent = str(rng.choice(["10", "100", "33.333", "95", "50"]))
        sizing = {"method": "percent_of_equity", "percent": percent}
    risk = {
        "account": "cash" if rng.random() < 0.25 else "margin",
        "sizing": sizing,
        "scale_in": bool(rng.random() < 0.25),
        "proceeds_fund_same_instant": bool(rng.random() < 0.25),
        "limits": limits,
    }
    cash = str(rng.choice(["100000", "10000", "25000.55"]))
    settings = {"run_id": "case", "initial_equity": cash, "execution": execution, "risk": risk}
    return apply_overrides(default_run_config(), settings)


def _commission(rng: np.random.Generator) -> Any:
    choices = (
        {"type": "none"},
        {"type": "percent", "percent": "0.1"},
        {"type": "percent", "percent": "0.0375", "minimum": "1"},
        {"type": "percent", "percent": "0.25", "minimum": "0.35", "maximum": "4.5"},
        {"type": "per_share", "amount": "0.005", "minimum": "1", "maximum_percent": "1"},
        {"type": "per_share", "amount": "0.0035"},
        {"type": "per_order", "amount": "1.25"},
    )
    return choices[int(rng.integers(len(choices)))]


def _grid(inputs: Inputs, column: Any) -> Any:
    tape = inputs.data.tape
    laid = np.full((tape.instant_count, len(tape.symbols)), np.nan)
    for place, symbol in enumerate(tape.symbols):
        rows = tape.rows_of(symbol)
        laid[np.searchsorted(tape.instants_us, tape.closed_at_us[rows]), place] = column[rows]
    return laid


def _average(close: Any, window: int) -> Any:
    found = np.full_like(close, np.nan)
    for place in range(close.shape[1]):
        own = np.flatnonzero(~np.isnan(close[:, place]))
        values = close[own, place]
        for row in range(window - 1, len(own)):
            found[own[row], place] = float(np.mean(values[row - window + 1 : row + 1]))
    return found


def _signals(rng: np.random.Generator, inputs: Inputs, config: RunConfig) -> Signals:
    close = _grid(inputs, inputs.data.tape.close)
    has_bar = ~np.isnan(close)
    fast, slow = _average(close, int(rng.integers(1, 5))), _average(close, int(rng.integers(5, 12)))
    other = _average(close, int(rng.integers(2, 9)))
    rate = float(rng.choice([0.02, 0.1, 0.5]))
    conditions = [
        (rng.random(close.shape) < rate) & has_bar,
        Cross(fast, slow, Direction.EITHER),
        Cross(fast, slow, Direction.ABOVE),
        Cross(fast, slow, Direction.BELOW),
        Cross(other, slow, Direction.EITHER),
    ]
    entry = conditions[int(rng.integers(5))]
    leave = [None, *conditions, (rng.random(close.shape) < rate) & has_bar][int(rng.integers(7))]
    sides = [1, 1, -1, np.where(rng.random(close.shape) < 0.5, 1, -1), side_of(fast, slow)]
    if isinstance(entry, Cross):
        sides.append(side_of(entry.fast, entry.slow))
    side = sides[int(rng.integers(len(sides)))]
    # The engine refuses an entry without a side: before two columns have differed there is none.
    if isinstance(entry, np.ndarray):
        entry = entry & (Signals(entry=entry, side=side).checked(close.shape, "case").side != 0)
    elif isinstance(side, Relation):
        side = side_of(entry.fast, entry.slow)
    terms: dict[str, Any] = {}
    if not config.risk.scale_in and rng.random() < 0.6:
        terms = _prices(rng, close, Signals(entry=entry, side=side).checked(close.shape, "case").side)
    if rng.random() < 0.2:
        quantity = np.where(
            rng.random(close.shape) < 0.7, rng.choice([5.0, 12.5, 100.0, 0.3], close.shape), np.nan
        )
        terms["quantity"] = quantity if rng.random() < 0.7 else 17
    return Signals(entry=entry, exit=leave, side=side, **terms)


def _prices(rng: np.random.Generator, close: Any, side: Any) -> dict[str, Any]:
    """Make brackets and prices of entries around the close, mostly on the right side of it."""
    sign = np.where(side >= 0, 1.0, -1.0)
    width = float(rng.choice([0.002, 0.01, 0.03]))

    def away(direction: float, part: float) -> Any:
        found = close * (1 + direction * sign * width * part * rng.random(close.shape))
        return np.where(
            rng.random(close.shape) < 0.15, np.nan, found if rng.random() < 0.5 else np.round(found, 2)
        )

    terms: dict[str, Any] = {}
    kind = int(rng.integers(4))
    if kind in (1, 3):
        terms["limit_price"] = away(-1.0, 0.6) if kind == 1 else away(1.0, 1.4)
    if kind in (2, 3):
        terms["stop_price"] = away(1.0, 0.8)
    if rng.random() < 0.7:
        terms["stop_loss"] = away(-1.0, 2.0)
    if rng.random() < 0.7:
        terms["take_profit"] = away(1.0, 2.5)
    return {name: np.where(np.isnan(close), np.nan, np.maximum(value, 0.01)) for name, value in terms.items()}


def differences(case: Case, results: Results, found: KernelResult) -> list[str]:
    """Say where engine and kernel disagree about a case; both have run it."""
    from qtrader.research.kernel import EXIT_PURPOSES, METRICS, REFUSALS

    wrong: list[str] = []

    def compare(what: str, engine: Any, kernel: Any, tolerance: float = 0.0) -> None:
        if engine is None or kernel is None or isinstance(engine, (str, int)):
            same = engine == kernel
        else:
            same = abs(float(engine) - float(kernel)) <= tolerance * max(1.0, abs(float(engine)))
        if not same:
            wrong.append(f"seed {case.seed}: {what}: engine {engine}, kernel {kernel}")

    tape = case.inputs.data.tape
    symbols = tape.symbols
    # Elsewhere a booking may lie so near a rounding to the ledger's unit that the kernel's differs by it.
    has_tick = case.inputs.data.instruments[symbols[0]].tick_size is not None
    is_on_grid = (has_tick or case.config.execution.slippage.type == "none") and all(
        np.array_equal(column, np.round(column, 4)) for column in tape.columns[4:8]
    )
    trades = results.trade_records
    compare("trades", len(trades), len(found.trades))
    for number, (one, two) in enumerate(zip(trades, found.trades, strict=False)):
        for name, engine, kernel in (
            ("symbol", one.symbol, symbols[two["symbol"]]),
            ("side", one.side, "long" if two["side"] > 0 else "short"),
            ("opened", to_epoch_us(one.opened_at), int(two["opened_at_us"])),
            ("closed", -1 if one.closed_at is None else to_epoch_us(one.closed_at), int(two["closed_at_us"])),
            ("purpose", one.exit_purpose or "", EXIT_PURPOSES[two["exit_purpose"]]),
            ("fills", one.fill_count, int(two["fill_count"])),
        ):
            compare(f"trade {number} {name}", engine, kernel)
        for name in ("quantity", "entry_price", "exit_price", "entry_value"):
            kernel = None if np.isnan(two[name]) else two[name]
            compare(f"trade {number} {name}", getattr(one, name), kernel, 1e-12)
        for name in ("gross_pnl", "commission", "net_pnl"):
            compare(f"trade {number} {name}", getattr(one, name), two[name], 0.0 if is_on_grid else 4e-8)
        compare(f"trade {number} open", one.open_quantity, two["open_quantity"], 1e-12)
    equity = results.account.equity[1:]
    compare("sessions", len(equity), found.equity.shape[1])
    for place, (engine, kernel) in enumerate(zip(equity, found.equity[0], strict=False)):
        compare(f"equity {place}", engine, kernel, 1e-12 if is_on_grid else 1e-11)
    for name, kernel in zip(METRICS, found.metrics[0], strict=True):
        engine = results.metrics[name]
        compare(
            name,
            engine,
            None if np.isnan(kernel) else (int(kernel) if isinstance(engine, int) else kernel),
            1e-9,
        )
    counts = dict(zip(REFUSALS, found.refusals[0].tolist(), strict=True))
    for name in {*counts, *results.refusal_counts} - {"buying_power"}:
        compare(f"refusals {name}", results.refusal_counts.get(name, 0), counts.get(name, 0))
    return wrong
