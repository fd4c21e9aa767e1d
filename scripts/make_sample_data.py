"""Derive the sample data that ship in src/qtrader/sample from the package bokeh_sampledata.

    python scripts/make_sample_data.py            write the files
    python scripts/make_sample_data.py --check    compare what ships with what is derived, write nothing

The source holds unadjusted daily prices and an adjusted close. The ratio adjusted / raw is constant between
ex dates and steps by k on an ex date t, so the corporate actions can be read from it: k is the ratio of a
split, or 1 + D / close(t) for a dividend D. A step must be one of the two, without remainder: a ratio of
small integers, or a dividend of whole cents. Anything else stops the script, as does a price that is not
the shortest decimal of its float, or a total return that the actions do not reproduce.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import io
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Final

import polars as pl

FOLDER: Final = Path(__file__).resolve().parents[1] / "src" / "qtrader" / "sample"
SYMBOLS: Final = ("AAPL", "IBM", "MSFT")
# Of bokeh_sampledata 2026.1, as its own inventory of data sets (datasets.json) gives it.
SOURCE_SHA256: Final = "5abadf99b2d394f920120a27de6f0df129859d71d4cfb0bf661bcc99446ab1fd"

BAR_COLUMNS: Final = ("symbol", "date", "open", "high", "low", "close", "volume")
ACTION_COLUMNS: Final = ("symbol", "ex_date", "action", "ratio", "amount", "currency", "kind", "pay_date")

# A step below this is rounding in the source (seen: 1e-14), above it an action (the smallest seen: 1e-3).
STEP: Final = 1e-9
# A split's k is this close to its ratio (seen: 2e-14); no dividend in the source comes near a ratio.
SPLIT_TOLERANCE: Final = 1e-9
# A dividend is this close to whole cents (seen: 1e-11 dollars).
CENT_TOLERANCE: Final = 1e-9
TOTAL_RETURN_TOLERANCE: Final = 1e-11

# One step on which two dividends went ex: Microsoft's special dividend of $3.00, announced on 2004-07-20, and
# its quarterly one of $0.08, announced on 2004-09-15, both to holders of record on 2004-11-17.
PARTS: Final = {("MSFT", "2004-11-15"): (("3.00", "special"), ("0.08", "regular"))}


@dataclass(frozen=True, slots=True)
class SourceRow:
    """Hold one row of the source as it is written there."""

    symbol: str
    date: str
    open: str
    high: str
    low: str
    close: str
    volume: str
    adjusted_close: str


@dataclass(frozen=True, slots=True)
class Action:
    """Hold one corporate action as it is written to the file; what does not apply is empty."""

    symbol: str
    ex_date: str
    action: str
    ratio: str
    amount: str
    currency: str
    kind: str
    pay_date: str = ""


def read_source() -> list[SourceRow]:
    """Return the source's rows of the sample symbols, by symbol and date."""
    packed = resources.files("bokeh_sampledata").joinpath("_data", "stocks.csv.gz").read_bytes()
    found = hashlib.sha256(packed).hexdigest()
    if found != SOURCE_SHA256:
        message = f"stocks.csv.gz has SHA-256 {found}, wanted {SOURCE_SHA256} (bokeh_sampledata 2026.1)"
        raise ValueError(message)
    rows = csv.reader(io.StringIO(gzip.decompress(packed).decode("ascii")))
    next(rows)
    kept = [SourceRow(*row) for row in rows if row[0] in SYMBOLS]
    for row in kept:
        for price in (row.open, row.high, row.low, row.close):
            if repr(float(price)) != price:
                message = f"{row.symbol} {row.date}: {price} is not the shortest decimal of its float"
                raise ValueError(message)
    return sorted(kept, key=lambda row: (row.symbol, row.date))


def recover_actions(rows: list[SourceRow]) -> list[Action]:
    """Return the splits and dividends that the adjusted close of one symbol's rows contains, by ex date."""
    actions = []
    factors = [float(row.adjusted_close) / float(row.close) for row in rows]
    for row, (before, after) in zip(rows[1:], pairwise(factors), strict=True):
        step = after / before
        if abs(step - 1) > STEP:
            actions += _explain(row, step)
    return actions


def total_return_errors(rows: list[SourceRow], actions: list[Action]) -> list[float]:
    """Return the relative error of value(t) / value(0) against adjusted(t) / adjusted(0), for every row.

    The holding is exact (fractions): multiplied by a split's ratio, and increased on an ex date by what its
    dividends buy at that date's close. Dividends of one date are all paid on the holding before them.
    """
    holding = Fraction(1)
    errors = []
    first = rows[0]
    start, adjusted_start = Fraction(first.close), Fraction(first.adjusted_close)
    for row in rows:
        today = [action for action in actions if action.ex_date == row.date]
        for action in today:
            holding *= Fraction(action.ratio or 1)
        cash = sum((Fraction(action.amount or 0) for action in today), start=Fraction(0))
        holding += holding * cash / Fraction(row.close)
        reached = holding * Fraction(row.close) / start
        errors.append(float(reached / (Fraction(row.adjusted_close) / adjusted_start) - 1))
    return errors


def bars_csv(rows: list[SourceRow]) -> str:
    """Return the bars as CSV, prices and volumes as the source writes them."""
    return _csv(BAR_COLUMNS, ([getattr(row, name) for name in BAR_COLUMNS] for row in rows))


def actions_csv(actions: list[Action]) -> str:
    """Return the corporate actions as CSV."""
    return _csv(ACTION_COLUMNS, ([getattr(action, name) for name in ACTION_COLUMNS] for action in actions))


def bars_frame(text: str) -> pl.DataFrame:
    """Return the bars' CSV as a typed frame."""
    prices = dict.fromkeys(("open", "high", "low", "close"), pl.Float64)
    schema = {"symbol": pl.String, "date": pl.Date, **prices, "volume": pl.Int64}
    return pl.read_csv(io.StringIO(text), schema=schema)


def actions_frame(text: str) -> pl.DataFrame:
    """Return the corporate actions' CSV as a typed frame; empty fields are null."""
    schema = {
        "symbol": pl.String,
        "ex_date": pl.Date,
        "action": pl.String,
        "ratio": pl.Float64,
        "amount": pl.Float64,
        "currency": pl.String,
        "kind": pl.String,
        "pay_date": pl.Date,
    }
    return pl.read_csv(io.StringIO(text), schema=schema)


def derive() -> tuple[str, str]:
    """Return the two CSV files, bars and corporate actions, after checking that they explain the source."""
    rows = read_source()
    actions = []
    for symbol in SYMBOLS:
        own = [row for row in rows if row.symbol == symbol]
        recovered = recover_actions(own)
        worst = max(map(abs, total_return_errors(own, recovered)))
        if worst > TOTAL_RETURN_TOLERANCE:
            message = f"{symbol}: prices and actions miss the adjusted close's total return by {worst:.1e}"
            raise ValueError(message)
        print(f"{symbol}: {len(own)} bars, {len(recovered)} actions, largest total-return error {worst:.1e}")
        actions += recovered
    return bars_csv(rows), actions_csv(actions)


def write_files(bars: str, actions: str) -> None:
    """Write both tables as CSV and as Parquet."""
    (FOLDER / "bars.csv").write_bytes(bars.encode("ascii"))
    (FOLDER / "corporate_actions.csv").write_bytes(actions.encode("ascii"))
    for name, frame in (("bars", bars_frame(bars)), ("corporate_actions", actions_frame(actions))):
        frame.write_parquet(FOLDER / f"{name}.parquet", compression="zstd", compression_level=19)


def differences(bars: str, actions: str) -> list[str]:
    """Return the names of shipped files that are not what is derived (Parquet compared by content)."""
    found = [
        f"{name}.csv"
        for name, text in (("bars", bars), ("corporate_actions", actions))
        if (FOLDER / f"{name}.csv").read_bytes() != text.encode("ascii")
    ]
    return found + [
        f"{name}.parquet"
        for name, frame in (("bars", bars_frame(bars)), ("corporate_actions", actions_frame(actions)))
        if not pl.read_parquet(FOLDER / f"{name}.parquet").equals(frame)
    ]


def main() -> int:
    """Write or check the sample data; return the exit code."""
    parser = argparse.ArgumentParser(description="Derive QTrader's sample data from bokeh_sampledata.")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    bars, actions = derive()
    if not parser.parse_args().check:
        write_files(bars, actions)
    found = differences(bars, actions)
    print(f"differs from what is derived: {', '.join(found)}" if found else "the sample data are as derived")
    return 1 if found else 0


def _explain(row: SourceRow, step: float) -> list[Action]:
    ratio = Fraction(step).limit_denominator(10)
    if abs(step - ratio) < SPLIT_TOLERANCE:
        written = str(ratio.numerator) if ratio.denominator == 1 else repr(float(ratio))
        return [Action(row.symbol, row.date, "split", written, "", "", "")]
    paid = float(row.close) * (step - 1)
    amount = Decimal(repr(paid)).quantize(Decimal("0.01"))
    if amount <= 0 or abs(paid - float(amount)) > CENT_TOLERANCE:
        message = (
            f"{row.symbol} {row.date}: the step {step!r} is neither a split nor a dividend of whole cents"
        )
        raise ValueError(message)
    parts = PARTS.get((row.symbol, row.date), ((str(amount), "regular"),))
    if sum((Decimal(part) for part, _ in parts), start=Decimal(0)) != amount:
        message = f"{row.symbol} {row.date}: the parts {parts} do not add up to {amount}"
        raise ValueError(message)
    return [Action(row.symbol, row.date, "cash_dividend", "", part, "USD", kind) for part, kind in parts]


def _csv(columns: tuple[str, ...], rows: Iterable[list[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


if __name__ == "__main__":
    sys.exit(main())
