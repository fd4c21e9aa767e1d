"""The configuration of a run: what a person may choose, checked before anything starts.

`system.yaml` holds the sections `run`, `data`, `strategies` and `reporting` and names two other files:
`portfolio.yaml` with the sections `portfolio`, `execution` and `risk`, and `data_sources.yaml`. All may also
stand in one file. Paths in a file start from its folder, except `reporting.directory`, which starts from
where the command runs. `RunConfig` is the result, fully resolved: its `to_dict()` is again a valid
`system.yaml`, equal to what it came from.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from qtrader.engine.config_reader import Document, UnquotedWord
from qtrader.errors import ConfigError
from qtrader.market.calendars import get_calendar
from qtrader.market.intervals import in_order
from qtrader.services.data.source import DataSources
from qtrader.services.execution.custom_models import ModelReference
from qtrader.services.execution.settings import ExecutionSettings
from qtrader.services.portfolio.settings import PortfolioSettings
from qtrader.services.risk.policy import RiskPolicy
from qtrader.services.strategy.protocol import StrategySpec

#: Where a configuration is looked for when none is named.
DEFAULT_PATH = Path("config/system.yaml")


def _calendar(name: str) -> str:
    try:
        get_calendar(name)
    except ConfigError as error:
        raise ValueError(str(error)) from None
    return name


def _known_intervals(names: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return in_order(names)
    except ConfigError as error:
        raise ValueError(str(error)) from None


def _symbol(value: Any) -> Any:
    if not isinstance(value, str):
        msg = f'{value!r} is no text; write a symbol in quotes, for example "{value}"'
        raise ValueError(msg)  # noqa: TRY004 - Pydantic collects only ValueError
    return value


def _parameters(value: Any) -> Any:
    return {} if value is None else value


def _plain_parameters(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    for name, value in parameters.items():
        _refuse_odd_parameter(name, value)
    return parameters


def _refuse_odd_parameter(name: str, value: Any) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            _refuse_odd_parameter(f"{name}.{key}", item)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            _refuse_odd_parameter(f"{name}[{index}]", item)
    else:
        fault = _fault_of(value)
        if fault:
            msg = f"{name} is {fault}"
            raise ValueError(msg)


def _fault_of(value: Any) -> str | None:
    if isinstance(value, UnquotedWord):
        return f'{value}, which some read as true or false; write true, false, or in quotes "{value}"'
    if isinstance(value, date):
        return f'a date; a strategy takes dates as texts: write it in quotes, "{value.isoformat()}"'
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value}; a number must be finite"
    if value is None or isinstance(value, (str, int, float)):
        return None
    kind = type(value).__name__
    return f"of type {kind}; allowed are texts, numbers, true, false, null, lists and mappings"


Symbol = Annotated[str, BeforeValidator(_symbol), Field(min_length=1)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RunSettings(_Settings):
    """Say which span is run and how.

    Args:
        name: begins the name of the run's directory.
        start: first session that is traded; None for the first bar of the data.
        end: last session that is traded; None for the last bar of the data.
        warmup_bars: bars of each symbol before `start`, or without one the first of the data, that
            only feed indicators.
        seed: what `context.rng` is derived from.
        valuation_calendar: whose session closes value the portfolio; UTC values at each midnight.
        signal_prices: the series that strategies and indicators see.
        run_id: the run's identity in events; by default derived from configuration, data and strategies.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = "backtest"
    start: date | None = None
    end: date | None = None
    warmup_bars: int = Field(default=0, ge=0)
    seed: int = Field(default=0, ge=0)
    valuation_calendar: Annotated[str, AfterValidator(_calendar)] = "UTC"
    signal_prices: Literal["split", "raw", "total_return"] = "split"
    run_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] | None = None

    @model_validator(mode="after")
    def _has_days(self) -> Self:
        if self.start is not None and self.end is not None and self.end < self.start:
            msg = f"the range is empty: end {self.end} is before start {self.start}"
            raise ValueError(msg)
        return self


class StrategyConfig(_Settings):
    """Name a strategy of the run.

    Args:
        strategy: a shipped name, or "module:Class".
        id: its name in events and reports; by default the class's name in snake case without "Strategy".
        symbols: whose bars it sees; None for all symbols of the run.
        intervals: of which intervals it sees bars; None for all of the data. Finer bars are then only met by
            its orders.
        parameters: keyword arguments of the class.
    """

    strategy: Annotated[str, Field(min_length=1)]
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] | None = None
    symbols: Annotated[tuple[Symbol, ...], Field(min_length=1)] | None = None
    intervals: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_known_intervals)] | None = None
    parameters: Annotated[
        dict[str, Any], BeforeValidator(_parameters), AfterValidator(_plain_parameters)
    ] = {}

    @property
    def spec(self) -> StrategySpec:
        """What the engine makes the strategy of."""
        return StrategySpec(self.strategy, self.id, self.parameters, self.symbols, self.intervals)


class DataSelection(_Settings):
    """Take symbols from a source.

    Args:
        source: a name in `data_sources`.
        symbols: which of its symbols; None for all.
    """

    source: Annotated[str, Field(min_length=1)]
    symbols: Annotated[tuple[Symbol, ...], Field(min_length=1)] | None = None


class ReportingSettings(_Settings):
    """Say what is reported and where.

    Args:
        directory: holds the directories of the runs; it starts from where the command runs.
        benchmark: a symbol of the data with which the run is compared.
        periods_per_year: of returns; `auto` is 365 where every instrument trades daily, else 252.
        risk_free: annual rate as a fraction, 0.02 for two percent.
        event_log: where the log is kept while the run goes on: in `memory`, on `disk` (in `directory`), or
            `auto`: on disk where the bars are read from disk too. It changes no result.
    """

    directory: Path = Path("runs")
    benchmark: Symbol | None = None
    periods_per_year: Literal[252, 365, "auto"] = "auto"
    risk_free: Annotated[float, Field(gt=-1, allow_inf_nan=False)] = 0.0
    event_log: Literal["auto", "memory", "disk"] = "auto"


class RunConfig(_Settings):
    """Everything that decides a run, resolved and checked.

    Args:
        run: the span and how it is run.
        data: which symbols of which sources; empty where a frame is handed over in Python.
        strategies: empty where a strategy is handed over in Python.
        data_sources: where the bars of the run are; paths are absolute, or begin with `sample:`.
        portfolio: cash, currency, dividends.
        execution: fills and costs.
        risk: sizes and limits.
        reporting: what is written.
        import_from: absolute folders in which the modules of strategies are looked for.
    """

    run: RunSettings = RunSettings()
    data: tuple[DataSelection, ...] = ()
    strategies: tuple[StrategyConfig, ...] = ()
    data_sources: DataSources = DataSources(sources={})
    portfolio: PortfolioSettings = PortfolioSettings()
    execution: ExecutionSettings = ExecutionSettings()
    risk: RiskPolicy = RiskPolicy()
    reporting: ReportingSettings = ReportingSettings()
    import_from: tuple[Path, ...] = ()

    @property
    def strategy_specs(self) -> tuple[StrategySpec, ...]:
        """The strategies as the engine makes them."""
        return tuple(strategy.spec for strategy in self.strategies)

    def to_dict(self) -> dict[str, Any]:
        """Return the effective configuration as JSON values; `parse_run_config` makes an equal one of it."""
        document: dict[str, Any] = _to_json(self.model_dump(mode="python"))
        return document


def default_run_config() -> RunConfig:
    """Return what holds without a configuration.

    A signal trades 100 shares at the next open, without costs, from 100,000 in cash.
    """
    return RunConfig()


def load_run_config(path: str | Path = DEFAULT_PATH) -> RunConfig:
    """Read a run's configuration from `system.yaml` and the files that it names.

    Raises:
        ConfigError: naming file, line, key path, what was found and what is allowed; one line for each fault.
    """
    from qtrader.engine.config_files import load_system_file

    return load_system_file(path)


def apply_overrides(config: RunConfig, overrides: Mapping[str, Any]) -> RunConfig:
    """Return a configuration with some values changed, checked as if it had been written so.

    Args:
        config: what to change.
        overrides: values by field (`initial_equity=50_000`), by section (`execution={"slippage_bps": 5}`) or
            by dotted path (`strategies.0.parameters.fast`).

    Raises:
        ConfigError: a name is unknown (the message lists the known and the nearest), or a value is bad.
    """
    from qtrader.engine.overrides import override

    return override(config, overrides)


def parse_run_config(
    content: Mapping[str, Any], place: str = "configuration", folder: Path | None = None
) -> RunConfig:
    """Check a configuration given as a mapping of sections, as `RunConfig.to_dict` writes it.

    Args:
        content: the sections; those left out have their defaults.
        place: what stands for the file's name in messages.
        folder: where relative paths start; by default the current directory.

    Raises:
        ConfigError: as `load_run_config`.
    """
    from qtrader.engine.config_files import parse_system

    return parse_system(Document(content, place, Path() if folder is None else folder))


def config_fingerprint(config: RunConfig) -> str:
    """Return 32 hexadecimal digits that are equal for configurations that decide alike.

    Names and places do not decide: the run's name and id, the folder of the reports, where the log is kept,
    where strategies are imported from, where the files of a source are (what they hold is fingerprinted as
    data), and whether its bars go to memory or to disk.
    """
    document = config.to_dict()
    for section, name in (
        ("run", "name"),
        ("run", "run_id"),
        ("reporting", "directory"),
        ("reporting", "event_log"),
    ):
        del document[section][name]
    del document["import_from"]
    for source in document["data_sources"]["sources"].values():
        for place in ("path", "corporate_actions", "universe", "streamed", "cache_dir"):
            del source[place]
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _to_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return (text.rstrip("0").rstrip(".") if "." in text else text) if value else "0"
    if isinstance(value, date):
        return value.isoformat()
    # The name of a custom model carries its object along, which has no place in a document.
    return str(value) if isinstance(value, (PurePath, ModelReference)) else value
