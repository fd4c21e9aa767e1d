"""Signal prices and price bases: pure functions on columns and corporate actions.

The signal series is raw * F, where F is the running product of the ratios effective so far. It is
append-only: a later action changes no earlier value, so that indicators that run along and indicators on
columns see the same numbers. F is 1 until the first action. With `total_return`, F also grows by 1 + D /
close on a dividend's ex-date, close being that of the first bar that opened at or after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from enum import StrEnum
from fractions import Fraction
from itertools import groupby
from operator import itemgetter

import msgspec
import numpy as np

from qtrader.errors import DataError
from qtrader.events.events import CorporateActionEvent
from qtrader.events.vocabulary import ActionType
from qtrader.market.corporate_actions import per_unit, times, unit_multiplier
from qtrader.market.tape import Floats, Longs
from qtrader.services.data.source import DividendBasis, PriceBasis

#: Dividends that are converted between bases are rounded to this step; a million shares make less than a cent
#: of it.
_AMOUNT_STEP = Decimal(1).scaleb(-12)

EffectiveAction = tuple[int, CorporateActionEvent]


class SignalPrices(StrEnum):
    """What the signal series contains beside prices."""

    SPLIT = "split"
    RAW = "raw"
    TOTAL_RETURN = "total_return"


def signal_factor(
    opened_at_us: Longs,
    close: Floats,
    actions: Iterable[EffectiveAction],
    mode: SignalPrices = SignalPrices.SPLIT,
) -> Floats:
    """Return F for every bar of one symbol and interval, float64.

    Args:
        opened_at_us: opens of the bars, increasing.
        close: their closes, in the currency of the dividends.
        actions: (effective instant, action) of the symbol, in the order in which they apply.
        mode: what the series contains.
    """
    return SignalFactor(actions, mode).over(opened_at_us, close)


class SignalFactor:
    """Compute F for the bars of one symbol and interval, block after block.

    Args:
        actions: (effective instant, action) of the symbol, in the order in which they apply.
        mode: what the series contains.
    """

    def __init__(self, actions: Iterable[EffectiveAction], mode: SignalPrices = SignalPrices.SPLIT) -> None:
        self._mode = mode
        self._waiting = (
            []
            if mode is SignalPrices.RAW
            else [(instant_us, list(group)) for instant_us, group in groupby(actions, key=itemgetter(0))]
        )
        self._waiting.reverse()
        self._product, self._yielded = Fraction(1), 1.0
        #: F of the last bar so far.
        self.value = 1.0

    @property
    def next_us(self) -> int | None:
        """The open from which on the next action changes F, or None where none is left."""
        return self._waiting[-1][0] if self._waiting else None

    def over(self, opened_at_us: Longs, close: Floats) -> Floats:
        """Return F for the next bars, float64."""
        rows = len(opened_at_us)
        factor = np.full(rows, self.value)
        while self._waiting:
            instant_us, together = self._waiting[-1]
            row = int(np.searchsorted(opened_at_us, instant_us, side="left"))
            if row == rows:
                break
            self._waiting.pop()
            paid = Decimal(0)
            with localcontext(prec=50):
                for _instant, action in together:
                    self._product *= unit_multiplier(action) or 1
                    paid += (action.amount or 0) if _is_cash(action) else 0
            if self._mode is SignalPrices.TOTAL_RETURN and paid:
                # All of a date's dividends are paid on the shares held at its open, so they add up.
                self._yielded *= 1.0 + float(paid) / float(close[row])
            self.value = float(self._product) * self._yielded
            factor[row:] = self.value
        return factor


def _is_cash(action: CorporateActionEvent) -> bool:
    return action.action_type is ActionType.CASH_DIVIDEND and action.amount is not None


def split_by_basis(
    actions: Sequence[CorporateActionEvent], basis: PriceBasis
) -> tuple[list[CorporateActionEvent], list[str]]:
    """Separate the actions that still apply from those that the prices include, which are named."""
    included = {
        PriceBasis.RAW: frozenset[ActionType](),
        PriceBasis.SPLIT_ADJUSTED: frozenset({ActionType.SPLIT, ActionType.STOCK_DIVIDEND}),
        PriceBasis.FULLY_ADJUSTED: frozenset(
            {ActionType.SPLIT, ActionType.STOCK_DIVIDEND, ActionType.CASH_DIVIDEND}
        ),
    }[basis]
    applied = [action for action in actions if action.action_type not in included]
    left_out = [
        f"{action.action_id}: not applied, the prices are {basis.value}"
        for action in actions
        if action.action_type in included
    ]
    return applied, left_out


def rebase_dividends(
    actions: Sequence[CorporateActionEvent], prices: PriceBasis, dividends: DividendBasis
) -> list[CorporateActionEvent]:
    """State dividends per share of the price basis.

    Raw prices need them as paid, adjusted ones per share of today.

    Args:
        actions: all actions of one symbol, its splits included, in the order in which they apply.
        prices: which actions the prices include.
        dividends: per which share the amounts are stated.
    """
    is_wanted_as_paid = prices is PriceBasis.RAW
    if is_wanted_as_paid == (dividends is DividendBasis.AS_PAID):
        return list(actions)
    rebased: list[CorporateActionEvent] = []
    later = Fraction(1)
    with localcontext(prec=50):
        # Backwards: `later` is the product of the splits after the dividend; those of its date come before
        # it.
        for action in reversed(actions):
            multiplier = unit_multiplier(action)
            if multiplier is not None:
                later *= multiplier
            if action.amount is None or later == 1:
                rebased.append(action)
                continue
            amount = times(action.amount, later) if is_wanted_as_paid else per_unit(action.amount, later)
            rounded = amount.quantize(_AMOUNT_STEP, ROUND_HALF_EVEN).normalize()
            rebased.append(msgspec.structs.replace(action, amount=rounded))
    return rebased[::-1]


def refuse_foreign_dividends(
    symbol: str, currency: str, actions: Iterable[EffectiveAction], mode: SignalPrices
) -> None:
    """Refuse a total-return series whose dividends are in another currency than its prices.

    Raises:
        DataError: naming the action and both currencies.
    """
    if mode is not SignalPrices.TOTAL_RETURN:
        return
    for _instant_us, action in actions:
        if _is_cash(action) and action.currency != currency:
            msg = (
                f"{symbol}: {action.action_id} pays {action.currency}, the prices are in {currency}; "
                "signal_prices: total_return needs both in one currency"
            )
            raise DataError(msg)
