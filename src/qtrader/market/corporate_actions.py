"""Corporate actions: reading them, their order, and when they take effect.

An action takes effect at the open of its ex-date's session, or at 00:00 UTC of that date where there is no
calendar. Actions of one date apply in a fixed order, in which cash is per share after the splits of that
date: symbol change, split, stock dividend, spin-off, merger, rights, cash, delisting.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from math import isqrt
from pathlib import Path
from typing import Any, Final, NoReturn

from qtrader.errors import DataError
from qtrader.events.events import CorporateActionEvent
from qtrader.events.vocabulary import ActionType
from qtrader.market.instruments import CURRENCY_PATTERN
from qtrader.market.intervals import DAY_US
from qtrader.market.record_files import read_records
from qtrader.market.session_calendar import SessionCalendar

#: The order in which actions of one symbol and date apply.
SAME_DATE_ORDER: Final = (
    ActionType.SYMBOL_CHANGE,
    ActionType.SPLIT,
    ActionType.STOCK_DIVIDEND,
    ActionType.SPIN_OFF,
    ActionType.MERGER,
    ActionType.RIGHTS,
    ActionType.CASH_DIVIDEND,
    ActionType.DELISTING,
)

#: The columns that a file of corporate actions may have; the first three must be there.
COLUMNS: Final = (
    "symbol",
    "ex_date",
    "action",
    "ratio",
    "amount",
    "currency",
    "kind",
    "pay_date",
    "announced_date",
    "record_date",
    "new_symbol",
    "cost_fraction",
)

#: Below this many decimals a ratio is taken literally: 0.333 may be meant.
_SHORTEST_ROUNDED_RATIO: Final = 4
_PRIORITY = {kind: place for place, kind in enumerate(SAME_DATE_ORDER)}
_NEEDED = {
    ActionType.SPLIT: ("ratio",),
    ActionType.STOCK_DIVIDEND: ("ratio",),
    ActionType.CASH_DIVIDEND: ("amount",),
    ActionType.SYMBOL_CHANGE: ("new_symbol",),
    ActionType.SPIN_OFF: ("ratio", "new_symbol"),
}
_SYNONYMS = {"dividend": ActionType.CASH_DIVIDEND}
_PLAIN_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)


def effective_at_us(action: CorporateActionEvent, calendar: SessionCalendar | None) -> int:
    """Return the instant at which an action takes effect.

    With a calendar it is the open of the ex-date's session, or of the next one if the exchange was closed on
    the ex-date; without, 00:00 UTC of the ex-date.

    Raises:
        DataError: the calendar does not cover the ex-date.
    """
    if calendar is None:
        return (action.ex_date - date(1970, 1, 1)).days * DAY_US
    sessions = calendar.sessions_between(action.ex_date, min(calendar.covers_to, _in_a_month(action.ex_date)))
    if not len(sessions):
        what = f"the ex-date {action.ex_date} of {action.action_id}"
        msg = f"calendar {calendar.name}: no session on or soon after {what}"
        raise DataError(msg)
    return int(calendar.dates_to_sessions(sessions[:1])[0][0])


def _in_a_month(day: date) -> date:
    return date.fromordinal(day.toordinal() + 31)


def exact_ratio(ratio: Decimal) -> Fraction:
    """Read a ratio as the fraction that it was rounded from, or literally where it was not rounded.

    With n decimals a fraction is believed when it rounds to the ratio and its denominator is at most 10^((n
    - 3) / 2): a ratio that means nothing of the kind comes so near to one by chance only once in a
    thousand.
    """
    literal = Fraction(ratio)
    decimals = -int(ratio.as_tuple().exponent)
    if decimals < _SHORTEST_ROUNDED_RATIO:
        return literal
    candidate = literal.limit_denominator(max(1, isqrt(10 ** (decimals - 3))))
    half_unit = Fraction(1, 2 * 10**decimals)
    return candidate if abs(candidate - literal) <= half_unit else literal


def unit_multiplier(action: CorporateActionEvent) -> Fraction | None:
    """Return by how much an action multiplies the units held, or None if it does not; see `exact_ratio`."""
    if action.ratio is None:
        return None
    if action.action_type is ActionType.SPLIT:
        return exact_ratio(action.ratio)
    return 1 + exact_ratio(action.ratio) if action.action_type is ActionType.STOCK_DIVIDEND else None


def times(value: Decimal, ratio: Fraction) -> Decimal:
    """Multiply a Decimal with a fraction; exact wherever the product has an end."""
    return value * ratio.numerator / ratio.denominator


def per_unit(price: Decimal, ratio: Fraction) -> Decimal:
    """Divide a price by the multiplier of units."""
    return price * ratio.denominator / ratio.numerator


def application_order(action: CorporateActionEvent) -> tuple[date, int, str, str]:
    """Return the key that sorts actions into the order in which they apply."""
    return action.ex_date, _PRIORITY[action.action_type], action.symbol, action.action_id


def read_corporate_actions(path: str | Path, default_currency: str = "USD") -> list[CorporateActionEvent]:
    """Read corporate actions from a CSV or Parquet file.

    Raises:
        DataError: naming file, row and what is wrong.
    """
    frame = read_records(path, "corporate actions")
    return actions_from_rows(frame.columns, frame.iter_rows(), str(path), default_currency)


def actions_from_rows(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], place: str, default_currency: str = "USD"
) -> list[CorporateActionEvent]:
    """Make corporate actions of rows, sorted into the order in which they apply.

    Args:
        columns: their names, among `COLUMNS`.
        rows: text, dates, numbers or None in the order of the columns.
        place: where the rows come from, for messages.
        default_currency: of amounts whose currency is empty.

    Raises:
        DataError: naming place, row, field and what is allowed.
    """
    names = [name.strip().lower() for name in columns]
    unknown = [name for name in names if name not in COLUMNS]
    missing = [name for name in COLUMNS[:3] if name not in names]
    if unknown or missing:
        what = f"unknown columns {unknown}" if unknown else f"missing columns {missing}"
        msg = f"{place}: {what}; allowed are {', '.join(COLUMNS)}, of which the first three must be there"
        raise DataError(msg)
    drafts = [
        _Row(dict(zip(names, row, strict=True)), f"{place}: row {number}").action(default_currency)
        for number, row in enumerate(rows, start=1)
    ]
    return _with_ids(drafts)


def _with_ids(drafts: list[CorporateActionEvent]) -> list[CorporateActionEvent]:
    import msgspec

    seen: dict[str, int] = {}
    named = []
    for draft in drafts:
        stem = f"{draft.symbol}:{draft.ex_date.isoformat()}:{draft.action_type.value}"
        seen[stem] = count = seen.get(stem, 0) + 1
        action_id = stem if count == 1 else f"{stem}:{count}"
        named.append(msgspec.structs.replace(draft, action_id=action_id))
    return sorted(named, key=application_order)


class _Row:
    """One row, read field by field, with the place for messages."""

    def __init__(self, values: Mapping[str, Any], place: str) -> None:
        self._values = values
        self._place = place

    def action(self, default_currency: str) -> CorporateActionEvent:
        kind = self._kind()
        amount = self._number("amount", allow_zero=True)
        event = CorporateActionEvent(
            action_id="",
            symbol=self._needed("symbol"),
            action_type=kind,
            ex_date=self._date("ex_date") or self._missing("ex_date"),
            announced_date=self._date("announced_date"),
            record_date=self._date("record_date"),
            pay_date=self._date("pay_date"),
            ratio=self._number("ratio"),
            amount=amount,
            currency=None if amount is None else self._currency(default_currency),
            is_special=self._is_special(),
            new_symbol=self._text("new_symbol"),
            cost_fraction=self._fraction(),
        )
        for field in _NEEDED.get(kind, ()):
            if getattr(event, field) is None:
                self._refuse(field, f"is empty; a {kind.value} needs it")
        return event

    def _refuse(self, field: str, message: str) -> NoReturn:
        msg = f"{self._place}: {field} {message}"
        raise DataError(msg) from None

    def _missing(self, field: str) -> NoReturn:
        self._refuse(field, "is empty; every action needs it")

    def _text(self, field: str) -> str | None:
        value = self._values.get(field)
        text = "" if value is None else str(value).strip()
        return text or None

    def _needed(self, field: str) -> str:
        return self._text(field) or self._missing(field)

    def _kind(self) -> ActionType:
        text = self._needed("action").lower()
        if text in _SYNONYMS:
            return _SYNONYMS[text]
        try:
            return ActionType(text)
        except ValueError:
            allowed = ", ".join(kind.value for kind in ActionType)
            self._refuse("action", f"is {text!r}; allowed are {allowed}")

    def _date(self, field: str) -> date | None:
        value = self._values.get(field)
        if isinstance(value, datetime):
            if value.time() != datetime.min.time():
                self._refuse(field, f"is {value!s}; allowed is a date without a time")
            return value.date()
        if isinstance(value, date):
            return value
        text = self._text(field)
        if text is None:
            return None
        try:
            return date.fromisoformat(text)
        except ValueError:
            self._refuse(field, f"is {text!r}; allowed is a date, for example 2005-02-28")

    def _number(self, field: str, *, allow_zero: bool = False) -> Decimal | None:
        value = self._values.get(field)
        text = repr(value) if isinstance(value, float) else self._text(field)
        if text is None or text == "nan":
            return None
        allowed = "a number of zero or more" if allow_zero else "a number above zero"
        try:
            number = Decimal(text) if _PLAIN_NUMBER.fullmatch(text) else Decimal("NaN")
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_nan() or number < 0 or (number == 0 and not allow_zero):
            self._refuse(field, f"is {text!r}; allowed is {allowed}")
        return number

    def _fraction(self) -> Decimal | None:
        number = self._number("cost_fraction", allow_zero=True)
        if number is not None and number > 1:
            self._refuse("cost_fraction", f"is {number}; allowed is 0 to 1")
        return number

    def _currency(self, default: str) -> str:
        currency = self._text("currency") or default
        if not CURRENCY_PATTERN.fullmatch(currency):
            self._refuse("currency", f"is {currency!r}; allowed is a code, for example USD")
        return currency

    def _is_special(self) -> bool:
        kind = (self._text("kind") or "regular").lower()
        if kind not in {"regular", "special"}:
            self._refuse("kind", f"is {kind!r}; allowed are regular and special")
        return kind == "special"
