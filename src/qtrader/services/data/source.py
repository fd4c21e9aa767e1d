"""Declarations of data sources: what `config/data_sources.yaml` may say.

A source says where its bars are, in which shape, and what they mean: what the time of a bar names, in which
zone, and which corporate actions the prices include already. What is left out is taken from the preset, or
found in the data and noted in the load report; what could mean two things is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from qtrader.errors import ConfigError
from qtrader.market.calendars import get_calendar
from qtrader.market.instruments import CURRENCY_PATTERN, QUANTITY_STEP, Instrument
from qtrader.market.intervals import interval_us
from qtrader.services.data.presets import PRESETS

#: What a path may begin with to name the prices that ship with QTrader, for example `sample:bars.parquet`.
SAMPLE_PREFIX = "sample:"
_SAMPLE_FOLDER = Path(__file__).parents[2] / "sample"


class Format(StrEnum):
    """How a file is encoded; `auto` goes by its name."""

    AUTO = "auto"
    CSV = "csv"
    PARQUET = "parquet"


class BarLabel(StrEnum):
    """Which end of a bar its time names."""

    OPEN = "open"
    CLOSE = "close"


class PriceBasis(StrEnum):
    """Which corporate actions the prices include already."""

    RAW = "raw"
    SPLIT_ADJUSTED = "split_adjusted"
    FULLY_ADJUSTED = "fully_adjusted"


class DividendBasis(StrEnum):
    """Per which share dividends are stated: the one that was held then, or today's."""

    AS_PAID = "as_paid"
    SPLIT_ADJUSTED = "split_adjusted"


class OnBadBar(StrEnum):
    """What happens to a bar that breaks a rule."""

    FAIL = "fail"
    DROP = "drop"


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        msg = f"time zone {name!r} is unknown; allowed are IANA names, for example UTC or America/New_York"
        raise ValueError(msg) from None
    return name


def _interval(name: str) -> str:
    try:
        interval_us(name)
    except ConfigError as error:
        raise ValueError(str(error)) from None
    return name


def _calendar(name: str) -> str:
    try:
        get_calendar(name)
    except ConfigError as error:
        raise ValueError(str(error)) from None
    return name


def _currency(name: str) -> str:
    if not CURRENCY_PATTERN.fullmatch(name):
        msg = f"currency {name!r} is not one; allowed are 3 to 10 capital letters and digits, for example USD"
        raise ValueError(msg)
    return name


def _preset(name: str) -> str:
    if name not in PRESETS:
        msg = f"preset {name!r} is unknown; allowed are {', '.join(sorted(PRESETS))}"
        raise ValueError(msg)
    return name


def _quantity_step(step: Decimal) -> Decimal:
    if not step.is_finite() or step < QUANTITY_STEP:
        msg = f"quantity_step {step} is too small; allowed is at least {QUANTITY_STEP:f}"
        raise ValueError(msg)
    return step


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, (str, Path)) else value


def _decimal(value: Any) -> Any:
    return Decimal(repr(value)) if isinstance(value, float) else value


Zone = Annotated[str, AfterValidator(_zone)]
Interval = Annotated[str, AfterValidator(_interval)]
Calendar = Annotated[str, AfterValidator(_calendar)]
Currency = Annotated[str, AfterValidator(_currency)]
PresetName = Annotated[str, AfterValidator(_preset)]
Paths = Annotated[tuple[Path, ...], BeforeValidator(_as_list)]
ExactDecimal = Annotated[Decimal, BeforeValidator(_decimal)]
QuantityStep = Annotated[ExactDecimal, AfterValidator(_quantity_step)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnNames(_Frozen):
    """Which column holds what; a name that is left out is found by its usual spellings."""

    time: str | None = None
    time_of_day: str | None = None
    symbol: str | None = None
    open: str | None = None
    high: str | None = None
    low: str | None = None
    close: str | None = None
    volume: str | None = None
    dividend: str | None = None
    split: str | None = None


class DataSource(_Frozen):
    """One source of bars, with what its numbers mean."""

    path: Paths = ()
    format: Format = Format.AUTO
    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","
    preset: PresetName | None = None
    columns: ColumnNames = ColumnNames()
    symbol: Annotated[str, Field(min_length=1)] | None = None
    symbol_from: Literal["column", "file_name"] | None = None
    symbol_pattern: str | None = None
    time_format: str | None = None
    timezone: Zone | None = None
    bar_label: BarLabel | None = None
    interval: Interval | None = None
    prices: PriceBasis | None = None
    dividends: DividendBasis | None = None
    calendar: Calendar | None = None
    exchange: str | None = None
    currency: Currency = "USD"
    tick_size: ExactDecimal | None = Field(default=Decimal("0.01"), gt=0)
    quantity_step: QuantityStep = Decimal(1)
    corporate_actions: Paths = ()
    universe: Path | None = None
    on_bad_bar: OnBadBar = OnBadBar.FAIL
    streamed: Literal["auto", "always", "never"] = "auto"
    cache_dir: Path | None = None
    start: date | datetime | None = None
    end: date | datetime | None = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.symbol is not None and self.symbol_from is not None:
            msg = (
                f"symbol {self.symbol!r} is fixed, symbol_from {self.symbol_from!r} has no use: give one "
                "of them"
            )
            raise ValueError(msg)
        if self.symbol_pattern is not None:
            if self.symbol_from == "column" or self.symbol is not None:
                msg = "symbol_pattern reads the symbol from the file's name: give symbol_from: file_name"
                raise ValueError(msg)
            try:
                groups = re.compile(self.symbol_pattern).groups
            except re.error as error:
                msg = f"symbol_pattern {self.symbol_pattern!r} is no regular expression: {error}"
                raise ValueError(msg) from None
            if groups != 1:
                msg = (
                    f"symbol_pattern {self.symbol_pattern!r} has {groups} groups; allowed is one, the symbol"
                )
                raise ValueError(msg)
        return self

    def instrument(self, symbol: str) -> Instrument:
        """Return what this source says of an instrument."""
        return Instrument(
            symbol=symbol,
            currency=self.currency,
            tick_size=self.tick_size,
            quantity_step=self.quantity_step,
            calendar=self.calendar,
            exchange=self.exchange,
        )


class DataSources(_Frozen):
    """The sources of a project by name; relative paths start from `folder`, and are shown from there."""

    sources: dict[str, DataSource]
    folder: Path = Field(default=Path(), exclude=True)

    def __eq__(self, other: object) -> bool:
        """Compare what is declared; from where it is shown makes no difference."""
        return isinstance(other, DataSources) and self.sources == other.sources

    __hash__ = None  # type: ignore[assignment]  # sources are a dict

    def resolve(self, path: Path) -> Path:
        """Return where a declared path leads."""
        text = str(path)
        if text.startswith(SAMPLE_PREFIX):
            return _SAMPLE_FOLDER / text.removeprefix(SAMPLE_PREFIX)
        expanded = path.expanduser()
        return expanded if expanded.is_absolute() else self.folder / expanded

    def shown(self, path: Path) -> str:
        """Name a file the same on every machine; see `shown_path`."""
        return shown_path(path, self.folder)


def shown_path(path: Path, folder: Path) -> str:
    """Name a path for what a run leaves behind: `sample:…`, from `folder` on, or as it is given elsewhere."""
    if str(path).startswith((SAMPLE_PREFIX, "~")):
        return path.as_posix()
    if path.is_relative_to(_SAMPLE_FOLDER):
        return SAMPLE_PREFIX + path.relative_to(_SAMPLE_FOLDER).as_posix()
    # Without normalising, so that a declared `../data` comes out as it went in.
    whole, start = path.absolute(), folder.absolute()
    return whole.relative_to(start).as_posix() if whole.is_relative_to(start) else path.as_posix()


def load_sources_config(path: str | Path) -> DataSources:
    """Read the declarations of data sources from a YAML file; relative paths in it start from its folder.

    Raises:
        ConfigError: naming file, key path, value and what is allowed.
    """
    file = Path(path)
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        msg = f"{file}: no such file; it should declare the data sources"
        raise ConfigError(msg) from None
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{file}: cannot be read: {error}"
        raise ConfigError(msg) from error
    except yaml.YAMLError as error:
        msg = f"{file}: is not YAML: {error}"
        raise ConfigError(msg) from error
    return parse_sources(content, place=str(file), folder=file.parent)


def parse_sources(content: object, place: str = "data sources", folder: Path | None = None) -> DataSources:
    """Check declarations of data sources: `{"sources": {name: {…}}}`.

    Raises:
        ConfigError: naming place, key path, value and what is allowed.
    """
    if not isinstance(content, Mapping):
        msg = f"{place}: holds {type(content).__name__}; allowed is a mapping with the key 'sources'"
        raise ConfigError(msg)
    if "folder" in content:
        msg = f"{place}: folder: unknown key; allowed is sources"
        raise ConfigError(msg)
    try:
        found = DataSources.model_validate(dict(content))
    except ValidationError as error:
        raise ConfigError(_explain(place, error)) from None
    if not found.sources:
        msg = f"{place}: sources: is empty; declare at least one source"
        raise ConfigError(msg)
    for name, source in found.sources.items():
        if not source.path:
            key = f"{place}: sources.{name}.path"
            msg = f"{key}: is missing; give a file, a list of files, a glob or a directory"
            raise ConfigError(msg)
    return found.model_copy(update={"folder": Path() if folder is None else folder})


def declare_source(place: str = "data", **declared: Any) -> DataSource:
    """Check the declaration of one source that is given as keyword arguments.

    Raises:
        ConfigError: naming the argument, its value and what is allowed.
    """
    try:
        return DataSource.model_validate(declared)
    except ValidationError as error:
        raise ConfigError(_explain(place, error, DataSource)) from None


def _explain(place: str, error: ValidationError, root: type[BaseModel] = DataSources) -> str:
    lines = []
    for fault in error.errors(include_url=False):
        key = ".".join(str(part) for part in fault["loc"]) or "(whole document)"
        if fault["type"] == "extra_forbidden":
            allowed = ", ".join(_allowed_keys(fault["loc"], root))
            lines.append(f"{place}: {key}: unknown key; allowed are {allowed}")
        elif fault["type"] == "missing":
            lines.append(f"{place}: {key}: is missing")
        else:
            message = fault["msg"].removeprefix("Value error, ")
            lines.append(f"{place}: {key}: {message}; found {fault['input']!r:.200}")
    return "\n".join(lines)


def _allowed_keys(location: tuple[int | str, ...], root: type[BaseModel]) -> list[str]:
    if "columns" in location[:-1]:
        return list(ColumnNames.model_fields)
    if root is DataSources and len(location) <= 1:
        return ["sources"]
    return list(DataSource.model_fields)
