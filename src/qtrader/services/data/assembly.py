"""Putting loaded series together: one tape, the corporate actions that still apply, and the signal factor.

Series of one symbol and interval from several files become one. The actions of a symbol come from its
source's files or from columns beside its prices, never from both. What the price basis includes already is
left out and reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from qtrader.clock import from_epoch_us
from qtrader.errors import DataError
from qtrader.events.events import CorporateActionEvent
from qtrader.market.calendars import UTC_DAY_CALENDAR, get_calendar
from qtrader.market.corporate_actions import actions_from_rows, application_order, effective_at_us
from qtrader.market.instruments import Instrument, Instruments
from qtrader.market.sessions import date_of
from qtrader.market.tape import Tape
from qtrader.market.tape_build import SymbolColumns, build_tape
from qtrader.market.universe import Universe
from qtrader.services.data.adjustments import (
    EffectiveAction,
    SignalPrices,
    rebase_dividends,
    refuse_foreign_dividends,
    signal_factor,
    split_by_basis,
)
from qtrader.services.data.loaded import LoadedData as LoadedData  # noqa: PLC0414 - part of this module's face
from qtrader.services.data.loading import Series, price_basis
from qtrader.services.data.report import LoadReport, SeriesReport
from qtrader.services.data.source import DataSource, DividendBasis, PriceBasis
from qtrader.services.data.timestamps import local_days
from qtrader.services.data.undeclared import undeclared


@dataclass(frozen=True, slots=True, eq=False)
class SourceData:
    """What one source gave: its series by symbol, and its corporate actions."""

    source: DataSource
    name: str
    series: Mapping[str, Sequence[Series]]
    actions: Sequence[CorporateActionEvent]


@dataclass(slots=True)
class _Notes:
    notes: list[str]
    in_prices: list[str]


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """What is known of the market beside the bars."""

    actions: tuple[EffectiveAction, ...]
    instruments: Instruments
    report: LoadReport


class Description:
    """Gather what is known of the market beside the bars themselves, source by source.

    Args:
        signal_prices: what the signal series contains.
    """

    def __init__(self, signal_prices: SignalPrices = SignalPrices.SPLIT) -> None:
        self._signal_prices = signal_prices
        self._found = _Notes([], [])
        self._actions: dict[str, list[EffectiveAction]] = {}
        self._instruments: list[Instrument] = []
        self._reports: list[SeriesReport] = []

    def begin(self, part: SourceData) -> None:
        """Note what a source leaves open."""
        every = [one for each in part.series.values() for one in each]
        self._found.notes.extend(undeclared(part.source, part.name, every))

    def add(self, part: SourceData, symbol: str, merged: Sequence[SymbolColumns]) -> list[EffectiveAction]:
        """Take in a symbol of a source, and return its actions that still apply.

        Args:
            part: the source.
            symbol: one of its symbols.
            merged: the symbol's bars of each interval, of which only the first opens matter here.

        Raises:
            DataError: the symbol's actions come from two places, or are in a currency that does not fit.
            ConfigError: a price basis must be declared.
        """
        series = part.series[symbol]
        self._reports.extend(entry.report for entry in series)
        self._found.notes.extend(note for entry in series for note in entry.notes)
        applied = _effective_actions(part, symbol, series, merged, self._found)
        refuse_foreign_dividends(symbol, part.source.currency, applied, self._signal_prices)
        known = {action.action_id for _instant, action in self._actions.get(symbol, [])}
        self._actions.setdefault(symbol, []).extend(
            entry for entry in applied if entry[1].action_id not in known
        )
        self._instruments.append(part.source.instrument(symbol))
        return applied

    def complete(self) -> Described:
        """Put together what was taken in.

        Raises:
            ConfigError: two sources describe one symbol differently.
        """
        ordered = sorted(
            (entry for entries in self._actions.values() for entry in entries),
            key=lambda entry: (entry[0], *application_order(entry[1])),
        )
        report = LoadReport(tuple(self._reports), tuple(self._found.notes), tuple(self._found.in_prices))
        return Described(tuple(ordered), Instruments(self._instruments), report)


def around(tape: Tape, described: Described, universe: Universe | None) -> LoadedData:
    """Put a tape and what is known beside it together, with each symbol's calendar."""
    instruments = described.instruments
    return LoadedData(
        tape=tape,
        actions=described.actions,
        instruments=instruments,
        calendars={
            symbol: get_calendar(instruments[symbol].calendar or UTC_DAY_CALENDAR) for symbol in tape.symbols
        },
        universe=universe,
        report=described.report,
    )


def assemble(
    parts: Iterable[SourceData], universe: Universe | None, signal_prices: SignalPrices = SignalPrices.SPLIT
) -> LoadedData:
    """Build the tape and what belongs to it.

    Raises:
        DataError: two files hold the same bar, or actions of a symbol come from two places.
        ConfigError: two sources describe one symbol differently, or a price basis must be declared.
    """
    description = Description(signal_prices)
    columns: list[SymbolColumns] = []
    for part in parts:
        description.begin(part)
        for symbol, series in part.series.items():
            merged = _merged(series)
            applied = description.add(part, symbol, merged)
            columns.extend(
                replace(
                    bars, signal_factor=signal_factor(bars.opened_at_us, bars.close, applied, signal_prices)
                )
                for bars in merged
            )
    return around(build_tape(columns), description.complete(), universe)


def _merged(series: Sequence[Series]) -> list[SymbolColumns]:
    by_interval: dict[str, list[Series]] = {}
    for entry in series:
        by_interval.setdefault(entry.columns.interval, []).append(entry)
    return [_joined(entries) for entries in by_interval.values()]


def _joined(series: list[Series]) -> SymbolColumns:
    if len(series) == 1:
        return series[0].columns
    filled = [entry for entry in series if len(entry.columns)] or series[:1]
    ordered = sorted(
        filled, key=lambda entry: int(entry.columns.closed_at_us[0]) if len(entry.columns) else 0
    )
    for before, after in pairwise(ordered):
        begins_us = int(after.columns.closed_at_us[0])
        if before.columns.closed_at_us[-1] >= begins_us:
            raise overlap(before.report.place, after.report.place, after.columns.symbol, begins_us)
    parts = [entry.columns for entry in ordered]
    volumes = [np.full(len(part), np.nan) if part.volume is None else part.volume for part in parts]
    return replace(
        parts[0],
        opened_at_us=np.concatenate([part.opened_at_us for part in parts]),
        closed_at_us=np.concatenate([part.closed_at_us for part in parts]),
        open=np.concatenate([part.open for part in parts]),
        high=np.concatenate([part.high for part in parts]),
        low=np.concatenate([part.low for part in parts]),
        close=np.concatenate([part.close for part in parts]),
        volume=np.concatenate(volumes),
    )


def overlap(before: str, after: str, symbol: str, begins_us: int) -> DataError:
    """Return the error about two files of a symbol, of which one begins where the other has not ended."""
    return DataError(
        f"{after}: {symbol}: its bars begin with the one that closes at "
        f"{from_epoch_us(begins_us).isoformat()}, where {before} has not ended; the files of a symbol must "
        "not overlap"
    )


def _effective_actions(
    part: SourceData, symbol: str, series: Sequence[Series], bars: Sequence[SymbolColumns], found: _Notes
) -> list[EffectiveAction]:
    source, preset = part.source, series[0].preset
    listed = [action for action in part.actions if action.symbol == symbol]
    beside = _actions_beside(symbol, series, source.currency)
    if listed and beside:
        msg = (
            f"{part.name}: the corporate actions of {symbol} come from {series[0].report.place} and from "
            f"corporate_actions too; give one"
        )
        raise DataError(msg)
    actions = listed or beside
    basis = price_basis(source, preset, has_actions=bool(actions), place=f"{part.name}: {symbol}")
    stated = source.dividends or (
        DividendBasis(preset.dividends) if beside and preset and preset.dividends else DividendBasis.AS_PAID
    )
    if basis is not PriceBasis.FULLY_ADJUSTED:
        rebased = rebase_dividends(actions, basis, stated)
        if rebased != list(actions):
            wanted = "as paid" if basis is PriceBasis.RAW else "per share of today"
            found.notes.append(
                f"{part.name}: {symbol}: dividends are {stated.value} and were restated {wanted}"
            )
        actions = rebased
    applied, left_out = split_by_basis(actions, basis)
    found.in_prices.extend(left_out)
    calendar = get_calendar(source.calendar) if source.calendar else None
    begins_us = min((int(columns.opened_at_us[0]) for columns in bars if len(columns)), default=None)
    if begins_us is None:
        return []
    # Nobody holds anything before the first bar, so an action until its open has nothing to change, and
    # one of an earlier date need not even fit the calendar.
    begins = date_of(int(local_days(np.array([begins_us]), calendar.timezone if calendar else "UTC")[0]))
    effective = [
        (effective_at_us(action, calendar), action) for action in applied if action.ex_date >= begins
    ]
    return [entry for entry in effective if entry[0] > begins_us]


def _actions_beside(symbol: str, series: Sequence[Series], currency: str) -> list[CorporateActionEvent]:
    columns = ("symbol", "ex_date", "action", "ratio", "amount", "currency")
    rows: list[tuple[str | None, ...]] = []
    finest = min(series, key=lambda entry: len(entry.columns.interval))
    for entry in series:
        if entry.columns.interval != finest.columns.interval:
            continue
        rows.extend(
            (symbol, date_of(day).isoformat(), "split", ratio, None, None) for day, ratio in entry.splits
        )
        rows.extend(
            (symbol, date_of(day).isoformat(), "cash_dividend", None, amount, currency)
            for day, amount in entry.dividends
        )
    place = f"{series[0].report.place}: actions of {symbol}"
    return actions_from_rows(columns, rows, place, currency) if rows else []
