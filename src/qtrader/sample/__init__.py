"""Real prices to begin with: daily bars of AAPL, IBM and MSFT, 2000 to 2013, with splits and dividends.

Prices are unadjusted, as they were traded; the corporate actions explain the adjusted close of the source
completely. PROVENANCE.md beside the files says where they come from, how they were made and what is not in
them. Nothing is read before it is asked for, and every `SampleData` reads its own frames, so that changing
one does not change another.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qtrader.errors import DataError

if TYPE_CHECKING:
    import polars as pl

SYMBOLS: Final = ("AAPL", "IBM", "MSFT")

_FOLDER: Final = Path(__file__).parent


@dataclass(frozen=True)
class SampleData:
    """Give the sample bars and corporate actions as frames, and say what they mean.

    Attributes:
        symbols: what the frames hold; the files always hold every symbol.
        calendar: whose sessions the dates name; a bar opens and closes with its session.
        currency: of prices and dividends.
        interval: of the bars.
        prices: `raw`, not adjusted for anything.
        date_label: what a bar's date names, here its session.
    """

    symbols: tuple[str, ...] = SYMBOLS
    calendar: str = "XNYS"
    currency: str = "USD"
    interval: str = "1d"
    prices: str = "raw"
    date_label: str = "session"

    @property
    def bars_path(self) -> Path:
        """Return the path of the Parquet file with the bars."""
        return _FOLDER / "bars.parquet"

    @property
    def bars_csv_path(self) -> Path:
        """Return the path of the CSV file with the same bars."""
        return _FOLDER / "bars.csv"

    @property
    def corporate_actions_path(self) -> Path:
        """Return the path of the Parquet file with the corporate actions."""
        return _FOLDER / "corporate_actions.parquet"

    @property
    def corporate_actions_csv_path(self) -> Path:
        """Return the path of the CSV file with the same corporate actions."""
        return _FOLDER / "corporate_actions.csv"

    @cached_property
    def bars(self) -> pl.DataFrame:
        """Read the bars: symbol, date, open, high, low, close, volume; sorted by symbol and date."""
        return self._read(self.bars_path)

    @cached_property
    def corporate_actions(self) -> pl.DataFrame:
        """Read the splits and dividends, sorted by symbol and ex date.

        Columns: symbol, ex_date, action (`split` or `cash_dividend`), ratio (new shares per old one, of a
        split), amount (per share held at the ex date's open, of a dividend), currency, kind (`regular` or
        `special`), pay_date (null: not known to the source).
        """
        return self._read(self.corporate_actions_path)

    def __repr__(self) -> str:
        names = ", ".join(self.symbols)
        return f"SampleData({names}; {self.interval} bars, {self.prices} prices, {self.calendar})"

    def _read(self, path: Path) -> pl.DataFrame:
        import polars as pl  # here, so that `import qtrader` does not load it

        return pl.read_parquet(path).filter(pl.col("symbol").is_in(self.symbols))


def sample_data(*symbols: str) -> SampleData:
    """Return the sample data, of all symbols or of those named.

    Raises:
        DataError: a symbol is not in the sample, or named twice.
    """
    for place, symbol in enumerate(symbols):
        if symbol not in SYMBOLS:
            message = f"sample data: no symbol {symbol!r}; there are {', '.join(SYMBOLS)}, each an argument"
            raise DataError(message)
        if symbol in symbols[:place]:
            message = f"sample data: symbol {symbol!r} is named twice"
            raise DataError(message)
    return SampleData(symbols=tuple(sorted(symbols)) or SYMBOLS)
