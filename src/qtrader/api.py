"""The notebook's way in: one call from data and strategy to results, on the same path as everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtrader.engine.config import RunConfig, apply_overrides, default_run_config, load_run_config
from qtrader.engine.inputs import READING_OPTIONS, load_frame_inputs
from qtrader.engine.lookahead_instants import DEFAULT_INSTANTS
from qtrader.engine.overrides import refuse_parameters
from qtrader.errors import ConfigError
from qtrader.services.data.source import DividendBasis
from qtrader.services.strategy.protocol import specs_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from concurrent.futures import Executor
    from pathlib import Path

    import polars as pl

    from qtrader.engine.inputs import Inputs
    from qtrader.engine.lookahead_report import LookaheadReport
    from qtrader.engine.results import Results
    from qtrader.research.grid import Constraint
    from qtrader.research.sweep import Progress
    from qtrader.research.sweep_results import SweepResults
    from qtrader.services.strategy.protocol import StrategySpec


def backtest(
    data: Any,
    strategy: Any,
    *,
    initial_equity: float | str | None = None,
    config: RunConfig | str | Path | None = None,
    parameters: Mapping[str, Any] | None = None,
    intervals: Iterable[str] | str | None = None,
    **overrides: Any,
) -> Results:
    """Run strategies over data and return the results; nothing is written anywhere.

    Args:
        data: `qt.sample_data()`, a path or glob of CSV or Parquet files, a polars, pandas or Arrow table, a
            dict of arrays, or a dict of such tables by symbol.
        strategy: a strategy class, an instance (copied for the run), a shipped name, "module:Class", or a
            list of these.
        initial_equity: cash at the start; 100,000 by default.
        config: a configuration or the path of a system.yaml, whose data and strategies are replaced by those
            given here. Without one: 100 shares a signal, no costs (a warning says so), fills at the next
            open.
        parameters: keyword arguments of the strategy class.
        intervals: of which intervals the strategies see bars (`"1d"`, or several); all without any. Finer
            bars of the data are then only met by orders.
        **overrides: any key of the configuration (`slippage_bps=1`, `market_fill="next_close"`,
            `warmup_bars=50`) or a whole section (`sizing={"method": "percent_of_equity", "percent": 10}`);
            also how to read the data (`symbol=`, `interval=`, `timezone=`, `calendar=`, `prices=`,
            `corporate_actions=`). `dividends=` is the account's (`cash`, `reinvest`) or the data's
            (`as_paid`, `split_adjusted`), which its value tells.

    Raises:
        ConfigError: an override or a parameter is unknown or has a bad value; the message lists what is
            allowed.
        DataError: the data is not usable; the message names symbol, row and rule.
        HandlerError: the strategy raised; the message names the bar.

    Example:
        >>> import qtrader as qt
        >>> results = qt.backtest(qt.sample_data(), "BuyAndHoldStrategy", initial_equity=50_000)
        >>> results.metrics["total_return"] > 0
        True
    """
    from qtrader.engine.backtest_engine import BacktestEngine

    resolved, inputs, specs = _prepared(
        data,
        strategy,
        overrides,
        initial_equity=initial_equity,
        config=config,
        parameters=parameters,
        intervals=intervals,
    )
    return BacktestEngine(resolved, inputs, specs).run()


def check_lookahead(
    data: Any,
    strategy: Any,
    *,
    initial_equity: float | str | None = None,
    config: RunConfig | str | Path | None = None,
    parameters: Mapping[str, Any] | Callable[[pl.DataFrame], Mapping[str, Any]] | None = None,
    intervals: Iterable[str] | str | None = None,
    instants: int = DEFAULT_INSTANTS,
    check_seed: int = 0,
    **overrides: Any,
) -> LookaheadReport:
    """Check whether strategies decide by what they could not know; docs/lookahead.md says how.

    Args:
        data: as in `backtest`.
        strategy: as in `backtest`.
        initial_equity: as in `backtest`.
        config: as in `backtest`.
        parameters: as in `backtest`; or, where they are computed from the data, a function that computes them
            of a frame with the columns symbol, interval, opened_at, closed_at, open, high, low, close, volume
            and signal_factor, which is called for every run with the data of that run.
        intervals: as in `backtest`.
        instants: at how many instants the future is changed.
        check_seed: decides the noise in the changed prices.
        **overrides: as in `backtest`.

    Raises:
        ConfigError: as `backtest`, or there is no instant to look at.
        DataError: as `backtest`.
        HandlerError: the strategy raised over the data as they are.

    Example:
        >>> import qtrader as qt
        >>> qt.check_lookahead(qt.sample_data("MSFT"), "BuyAndHoldStrategy", instants=2).is_honest
        True
    """
    from qtrader.engine.lookahead import check
    from qtrader.engine.lookahead_runs import Subject
    from qtrader.engine.lookahead_tables import bars_frame

    plain = None if callable(parameters) else parameters
    resolved, inputs, specs = _prepared(
        data,
        strategy,
        overrides,
        initial_equity=initial_equity,
        config=config,
        parameters=plain,
        intervals=intervals,
    )
    compute = None
    if callable(parameters):
        if len(specs) != 1 or specs[0].parameters:
            msg = "parameters= as a function belongs to one strategy that has no other parameters"
            raise ConfigError(msg)
        given: Callable[[pl.DataFrame], Mapping[str, Any]] = parameters

        def compute(changed: Inputs) -> Mapping[str, Any]:
            return given(bars_frame(changed.data.tape))

    return check(Subject(resolved, inputs, specs, compute), instants=instants, seed=check_seed)


def sweep(
    data: Any,
    strategy: Any,
    parameters: Any,
    *,
    metric: str = "sharpe",
    maximize: bool | None = None,
    constraint: Constraint | None = None,
    workers: int | Executor | None = None,
    verify: int = 3,
    initial_equity: float | str | None = None,
    config: RunConfig | str | Path | None = None,
    intervals: Iterable[str] | str | None = None,
    progress: Progress | None = None,
    **overrides: Any,
) -> SweepResults:
    """Run a strategy with many parameter sets and return a table of them; docs/sweeps.md says how.

    Args:
        data: as in `backtest`.
        strategy: one strategy class, shipped name or "module:Class".
        parameters: a mapping of parameters to their values, of which every combination is run
            (`{"fast": range(5, 45, 2), "slow": [50, 100]}`), a list of sets, or a sampler.
        metric: the measure by which sets are ranked, by its name in the catalogue.
        maximize: whether more of it is better; by default what the measure means.
        constraint: says of a set whether it is wanted: `lambda p: p["fast"] < p["slow"]`.
        workers: threads of the kernel and processes of the engine, or a `concurrent.futures.Executor` for
            the engine's runs. By default a thread for each processor, and no other process.
        verify: how many of the best sets are run again through the engine and must agree; 0 for none.
        initial_equity: as in `backtest`.
        config: as in `backtest`.
        intervals: as in `backtest`.
        progress: called now and then with the sets done and the sets known so far.
        **overrides: as in `backtest`.

    Raises:
        ConfigError: as `backtest`; or a parameter, value or metric is unknown or has a bad value, or no set
            can run.
        DataError: as `backtest`.
        HandlerError: the strategy raised; the message names the parameters.
        SweepMismatchError: kernel and engine disagree about one of the best sets.

    Example:
        >>> import qtrader as qt
        >>> grid = {"fast": [10, 20], "slow": [50, 100]}
        >>> qt.sweep(qt.sample_data("MSFT"), "SMADualCrossStrategy", grid, verify=1).tried
        4
    """
    from qtrader.research.sweep import Sweep

    specs = specs_of(strategy)
    if len(specs) != 1:
        msg = f"sweep: {len(specs)} strategies are given; a sweep varies the parameters of one"
        raise ConfigError(msg)
    resolved, inputs, (spec,) = _prepared(
        data,
        specs[0],
        overrides,
        initial_equity=initial_equity,
        config=config,
        parameters=None,
        intervals=intervals,
    )
    asked = Sweep(
        resolved,
        inputs,
        spec,
        parameters,
        metric=metric,
        maximize=maximize,
        constraint=constraint,
        workers=workers,
        verify=verify,
    )
    return asked.run(progress)


def _prepared(
    data: Any,
    strategy: Any,
    overrides: dict[str, Any],
    *,
    initial_equity: float | str | None,
    config: RunConfig | str | Path | None,
    parameters: Mapping[str, Any] | None,
    intervals: Iterable[str] | str | None,
) -> tuple[RunConfig, Inputs, tuple[StrategySpec, ...]]:
    """Understand the arguments that a backtest and a check of it have in common."""
    base = (
        default_run_config()
        if config is None
        else config
        if isinstance(config, RunConfig)
        else load_run_config(config)
    )
    reading = {
        name: overrides.pop(name) for name in tuple(overrides) if _tells_how_to_read(name, overrides[name])
    }
    if initial_equity is not None:
        overrides["initial_equity"] = initial_equity
    specs = specs_of(strategy, parameters, intervals)
    refuse_parameters(overrides, specs)
    resolved = apply_overrides(base, overrides)
    return resolved, load_frame_inputs(data, resolved.run, reading, specs), specs


def _tells_how_to_read(name: str, value: Any) -> bool:
    # The account and a source both have a key `dividends`; no value is allowed in both.
    return name in READING_OPTIONS and (name != "dividends" or value in tuple(DividendBasis))
