"""The notebook's way in: one call from data and strategy to results, on the same path as everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtrader.engine.backtest_engine import BacktestEngine
from qtrader.engine.config import RunConfig, apply_overrides, default_run_config, load_run_config
from qtrader.engine.inputs import READING_OPTIONS, load_frame_inputs
from qtrader.engine.overrides import refuse_parameters
from qtrader.services.data.source import DividendBasis
from qtrader.services.strategy.protocol import specs_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from qtrader.engine.results import Results


def backtest(
    data: Any,
    strategy: Any,
    *,
    initial_equity: float | str | None = None,
    config: RunConfig | str | Path | None = None,
    parameters: Mapping[str, Any] | None = None,
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
    specs = specs_of(strategy, parameters)
    refuse_parameters(overrides, specs)
    resolved = apply_overrides(base, overrides)
    inputs = load_frame_inputs(data, resolved.run, reading)
    return BacktestEngine(resolved, inputs, specs).run()


def _tells_how_to_read(name: str, value: Any) -> bool:
    # The account and a source both have a key `dividends`; no value is allowed in both.
    return name in READING_OPTIONS and (name != "dividends" or value in tuple(DividendBasis))
