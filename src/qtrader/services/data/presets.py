"""Presets: the shapes in which vendors deliver bars.

A preset names the vendor's columns and states what the vendor says of them; what it leaves open must be
declared in the source. Where a vendor delivers two shapes, a preset has a variant for each and the columns
decide.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

_NEW_YORK: Final = "America/New_York"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One vendor's shape.

    Args:
        columns: field → the vendor's column.
        optional: the fields among them that may be missing.
        header: the column names of a file that has no header line.
        time_format: as in a source; None for ISO 8601 and its compact form.
        timezone: in which the vendor writes times.
        bar_label: which end of an intraday bar its time names.
        prices: which corporate actions the prices include; None must be declared.
        dividends: per which share the dividend column is stated.
        unknown_volume: a volume that means "none given".
        symbol_pattern: finds the symbol in a file's name.
        note: what the vendor's documentation says, for the error message.
    """

    columns: Mapping[str, str]
    optional: frozenset[str] = frozenset({"volume", "symbol", "dividend", "split"})
    header: tuple[str, ...] = ()
    time_format: str | None = None
    timezone: str | None = None
    bar_label: str | None = None
    prices: str | None = None
    dividends: str | None = None
    unknown_volume: float | None = None
    symbol_pattern: str | None = None
    note: str = ""

    def fits(self, columns: Sequence[str], given: Collection[str] = ()) -> bool:
        """Tell whether a table with these columns has this shape; fields that are `given` need no column."""
        return all(
            name in columns
            for field, name in self.columns.items()
            if field not in self.optional and field not in given
        )


_TITLE_CASE = {"open": "Open", "high": "High", "low": "Low", "close": "Close", "volume": "Volume"}
_LOWER_CASE = {name: name for name in _TITLE_CASE}

# The downloaded CSV and yfinance's auto_adjust=False share these columns; "Adj Close" tells them from
# adjusted
# prices.
_YAHOO = Preset(
    columns={"time": "Date", **_TITLE_CASE, "adjusted": "Adj Close"},
    prices="split_adjusted",
    bar_label="open",
    note="Yahoo's Close is adjusted for splits, its Adj Close for dividends as well",
)
_YFINANCE_NOTE = (
    "yfinance adjusts prices for splits and, with auto_adjust=True (its default), for dividends too: "
    "declare prices: fully_adjusted, or prices: split_adjusted for auto_adjust=False"
)
_ACTION_COLUMNS = {"dividend": "Dividends", "split": "Stock Splits"}


def _yfinance(time: str, *, is_adjusted_close_there: bool) -> Preset:
    extra = {"adjusted": "Adj Close"} if is_adjusted_close_there else {}
    return Preset(
        columns={"time": time, "symbol": "Ticker", **_TITLE_CASE, **extra, **_ACTION_COLUMNS},
        bar_label="open",
        prices="split_adjusted" if is_adjusted_close_there else None,
        dividends="split_adjusted",
        note=_YFINANCE_NOTE,
    )


_STOOQ_BULK = {
    "symbol": "<TICKER>",
    "time": "<DATE>",
    "time_of_day": "<TIME>",
    **{name: f"<{name.upper()}>" for name in ("open", "high", "low", "close")},
    "volume": "<VOL>",
}
_BINANCE_COLUMNS = (
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_volume",
    "count",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "ignore",
)
_IB_NOTE = (
    "Interactive Brokers adjusts TRADES for splits and ADJUSTED_LAST for dividends too, and writes times "
    "in the "
    "zone of the login or the exchange: declare timezone for intraday bars"
)
_ALPHA_VANTAGE_NOTE = "Alpha Vantage writes intraday times in US/Eastern: declare bar_label for intraday bars"

#: The presets by name, each with its variants in the order in which they are tried.
PRESETS: Final[Mapping[str, tuple[Preset, ...]]] = MappingProxyType(
    {
        "yahoo": (_YAHOO,),
        "yfinance": (
            _yfinance("Date", is_adjusted_close_there=True),
            _yfinance("Datetime", is_adjusted_close_there=True),
            _yfinance("Date", is_adjusted_close_there=False),
            _yfinance("Datetime", is_adjusted_close_there=False),
        ),
        "stooq": (
            Preset(columns=_STOOQ_BULK, prices="fully_adjusted", bar_label="open"),
            Preset(columns={"time": "Date", **_TITLE_CASE}, prices="fully_adjusted", bar_label="open"),
        ),
        "alpha_vantage": (
            Preset(
                columns={
                    "time": "timestamp",
                    **_LOWER_CASE,
                    "adjusted": "adjusted_close",
                    "dividend": "dividend_amount",
                    "split": "split_coefficient",
                },
                optional=frozenset({"volume"}),
                timezone=_NEW_YORK,
                prices="raw",
                dividends="as_paid",
                note=_ALPHA_VANTAGE_NOTE,
            ),
            Preset(
                columns={"time": "timestamp", **_LOWER_CASE},
                timezone=_NEW_YORK,
                prices="raw",
                note=_ALPHA_VANTAGE_NOTE,
            ),
        ),
        "polygon": (
            Preset(
                columns={"time": "t", "open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"},
                time_format="epoch_ms",
                timezone=_NEW_YORK,
                bar_label="open",
                note="Polygon's aggregates are adjusted for splits unless asked for with adjusted=false: "
                "declare prices: split_adjusted or prices: raw",
            ),
            Preset(
                columns={"time": "window_start", "symbol": "ticker", **_LOWER_CASE},
                time_format="epoch_ns",
                timezone=_NEW_YORK,
                bar_label="open",
                prices="raw",
            ),
        ),
        "binance": (
            Preset(
                columns={"time": "open_time", **_LOWER_CASE},
                header=_BINANCE_COLUMNS,
                time_format="epoch",
                timezone="UTC",
                bar_label="open",
                prices="raw",
                symbol_pattern=r"^([A-Z0-9_]+?)-[0-9]+[a-zA-Z]+(?:-|$)",
            ),
        ),
        "interactive_brokers": (
            Preset(
                columns={"time": "date", **_LOWER_CASE},
                bar_label="open",
                prices="split_adjusted",
                unknown_volume=-1.0,
                note=_IB_NOTE,
            ),
        ),
    }
)
