"""What a run ends with if every fill that its bar leaves open went worst, and if it went best.

The model. Decisions are held: the same orders, the same quantities. A flagged fill is a leg with two kinds of
doubt, and each is valued by what the account would hold more or less at a valuation:

* Its own price: the fill may have been at `worst_price` or `best_price` instead. The account differs by
  quantity times the change of the price, from the fill on.
* The exit of the position that it opened, where a stop-loss or a take-profit may have ended it within the
  bar: then the position would not have been closed later or marked, but ended at `worst_exit_price` or
  `best_exit_price`, and would have earned no dividend. A position ends once: where that is worse (or better)
  than what the fills that closed it later may have been, it stands for them, and their legs are void for it.

Commission and slippage per unit stay as booked. Amounts are rounded as the books round them: a changed price
gives to the last digit what the books would hold had they booked it.

Invariants: the booked equity lies between the worst and the best, and what lies between is the sum of the
legs, exactly. What no price can say, because an order of the other side may have filled first, is listed and
counted as unbounded, with nothing added for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from qtrader.clock import from_epoch_us
from qtrader.engine.bounds_replay import Replay
from qtrader.events.base import BaseEvent
from qtrader.events.events import ConsolidatedPortfolioEvent, FillEvent, LedgerEntryEvent, OrderEvent
from qtrader.money import ZERO, money_context
from qtrader.services.reporting.valuations import Valuations

if TYPE_CHECKING:
    import polars as pl

    from qtrader.engine.completed_run import CompletedRun

_LEDGER_SCALE: Final = 8

#: The events of a log that bounds are made of.
READ: Final = (ConsolidatedPortfolioEvent, FillEvent, LedgerEntryEvent, OrderEvent)


@dataclass(frozen=True, slots=True)
class BoundedLeg:
    """One flagged fill with what it adds to the bounds.

    `worst_difference` is zero or negative, `best_difference` zero or positive: by how much the final equity
    would differ, in base currency.
    """

    fill: FillEvent
    worst_difference: Decimal
    best_difference: Decimal

    @property
    def is_bounded(self) -> bool:
        """Whether any price says what may have happened instead."""
        fill = self.fill
        prices = (fill.worst_price, fill.best_price, fill.worst_exit_price, fill.best_exit_price)
        return any(price is not None for price in prices)

    @property
    def width(self) -> Decimal:
        """What lies between its worst and its best."""
        with money_context():
            return self.best_difference - self.worst_difference


class BoundedEquity(NamedTuple):
    """What equity was booked at a valuation, and between which amounts it may have lain then."""

    valued_at: datetime
    worst: Decimal
    booked: Decimal
    best: Decimal


@dataclass(frozen=True)
class RunBounds:
    """The bounds of a run.

    Attributes:
        base_currency: of every amount.
        booked: the final equity, as the books have it.
        legs: the flagged fills before the last valuation, in order.
        fill_count: how many fills there were before it, flagged or not.
        equity: the bounds at every valuation, each for itself: what is worst at one instant need not be part
            of what is worst at another.
        later_fill_count: fills after the last valuation, which no equity knows of.
    """

    base_currency: str
    booked: Decimal
    legs: tuple[BoundedLeg, ...]
    fill_count: int
    equity: tuple[BoundedEquity, ...]
    later_fill_count: int = 0

    @property
    def worst(self) -> Decimal:
        """The final equity with every leg at its worst."""
        with money_context():
            return self.booked + self.worst_difference

    @property
    def best(self) -> Decimal:
        """The final equity with every leg at its best."""
        with money_context():
            return self.booked + self.best_difference

    @cached_property
    def worst_difference(self) -> Decimal:
        """The sum of the legs at their worst; zero or negative."""
        return _total(leg.worst_difference for leg in self.legs)

    @cached_property
    def best_difference(self) -> Decimal:
        """The sum of the legs at their best; zero or positive."""
        return _total(leg.best_difference for leg in self.legs)

    @property
    def flagged_count(self) -> int:
        """How many fills are flagged."""
        return len(self.legs)

    @property
    def ambiguity_share(self) -> float | None:
        """Flagged fills over all fills; None without fills."""
        return self.flagged_count / self.fill_count if self.fill_count else None

    @property
    def unbounded(self) -> tuple[BoundedLeg, ...]:
        """The flagged fills for which no price stands; they add nothing to the bounds."""
        return tuple(leg for leg in self.legs if not leg.is_bounded)

    @cached_property
    def table(self) -> pl.DataFrame:
        """One row per flagged fill, amounts as floats; the exact ones are in `legs`."""
        from qtrader.engine.bounds_view import legs_frame

        return legs_frame(self)

    @cached_property
    def equity_curve(self) -> pl.DataFrame:
        """One row per valuation: valued_at, worst, booked, best."""
        from qtrader.engine.bounds_view import equity_bounds_frame

        return equity_bounds_frame(self)

    def __str__(self) -> str:
        from qtrader.engine.bounds_view import bounds_text

        return bounds_text(self)


def bounds_without_doubt(run: CompletedRun, *, fill_count: int, later_fill_count: int) -> RunBounds:
    """Bound a finished run of which no fill is flagged: at what was booked.

    Args:
        run: says where the account began, and what was valued.
        fill_count: how many fills there were before the last valuation.
        later_fill_count: how many after it.
    """
    valuations = Valuations.of(run.valuations)
    booked = zip(valuations.instants_us.tolist(), valuations.equity, strict=True)
    return RunBounds(
        base_currency=run.base_currency,
        booked=valuations.equity[-1] if valuations.equity else run.initial_equity,
        legs=(),
        fill_count=fill_count,
        equity=tuple(BoundedEquity(from_epoch_us(at_us), one, one, one) for at_us, one in booked),
        later_fill_count=later_fill_count,
    )


def bounds_of(run: CompletedRun, events: Iterable[BaseEvent]) -> RunBounds:
    """Bound a finished run.

    Args:
        run: says where the account began, and how its books round.
        events: the run's decisions in order; they are gone through twice.
    """
    portfolio = run.config.get("portfolio")
    scale = portfolio.get("ledger_scale", _LEDGER_SCALE) if isinstance(portfolio, dict) else _LEDGER_SCALE
    return bounds_from(
        events, initial_equity=run.initial_equity, base_currency=run.base_currency, ledger_scale=int(scale)
    )


def bounds_from(
    events: Iterable[BaseEvent],
    *,
    initial_equity: Decimal,
    base_currency: str,
    ledger_scale: int = _LEDGER_SCALE,
) -> RunBounds:
    """Bound a log of decisions at its last valuation.

    Args:
        events: in order, gone through twice; those after the last valuation are not valued.
        initial_equity: what is booked where there is no valuation.
        base_currency: of the account.
        ledger_scale: decimal places of posted amounts.
    """
    end = fill_count = all_fill_count = 0
    is_doubtful = False
    for place, event in enumerate(events, 1):
        if type(event) is ConsolidatedPortfolioEvent:
            end, fill_count = place, all_fill_count
        elif type(event) is FillEvent:
            all_fill_count += 1
            is_doubtful = is_doubtful or event.is_ambiguous
    replay, booked = Replay(ledger_scale), initial_equity
    curve: list[BoundedEquity] = []
    with money_context():
        for event in islice(events, end):
            if type(event) is ConsolidatedPortfolioEvent:
                booked = event.equity
                worst, best = replay.value(event)
                curve.append(BoundedEquity(event.occurred_at, booked + worst, booked, booked + best))
            elif is_doubtful:
                replay.apply(event)
        legs = tuple(BoundedLeg(*found) for found in replay.legs())
    return RunBounds(
        base_currency=base_currency,
        booked=booked,
        legs=legs,
        fill_count=fill_count,
        equity=tuple(curve),
        later_fill_count=all_fill_count - fill_count,
    )


def _total(amounts: Iterable[Decimal]) -> Decimal:
    total = ZERO
    with money_context():
        for amount in amounts:
            total += amount
    return total
