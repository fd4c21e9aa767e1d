"""What corporate actions do to an order at work: pure functions of values.

A forward split multiplies quantities and divides prices by its ratio; a reverse split ends every order,
which is the caller's to do. A cash dividend lowers good-till-canceled buy limits and sell stops, because the
price falls by it without anybody having sold (FINRA rule 5330). An order if touched waits on a limit's side
of the market and is lowered as a limit is. Prices are rounded by side: buy limit and sell stop down, sell
limit and buy stop up.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Final

from qtrader.events.vocabulary import OrderType, Side
from qtrader.market.corporate_actions import per_unit, times
from qtrader.market.instruments import (
    Instrument,
    round_limit_price,
    round_quantity,
    round_stop_price,
)
from qtrader.services.execution.order_kinds import IF_TOUCHED, ON_PRINT
from qtrader.services.execution.orders import Terms

#: Where an instrument has no tick, computed prices still end somewhere.
_FINEST_TICK: Final = Decimal("0.00000001")


def split_terms(terms: Terms, side: Side, ratio: Fraction, instrument: Instrument) -> Terms:
    """Return an order's numbers after a split into `ratio` new units per old unit.

    What is left to fill and what was filled are each rounded towards zero to the quantity step.
    """
    leaves = round_quantity(times(terms.quantity - terms.filled_quantity, ratio), instrument.quantity_step)
    filled = round_quantity(times(terms.filled_quantity, ratio), instrument.quantity_step)
    tick = instrument.tick_size or _FINEST_TICK
    limit, stop = terms.limit_price, terms.stop_price
    return Terms(
        quantity=leaves + filled,
        filled_quantity=filled,
        limit_price=None if limit is None else round_limit_price(per_unit(limit, ratio), side, tick),
        stop_price=None if stop is None else round_stop_price(per_unit(stop, ratio), side, tick),
    )


def dividend_terms(
    terms: Terms,
    side: Side,
    *,
    order_type: OrderType,
    is_triggered: bool,
    amount: Decimal,
    instrument: Instrument,
) -> Terms:
    """Return an order's numbers once a dividend of `amount` per unit has gone ex.

    Buy limits and buys if touched fall, and so do sell stops with the limit of a sell stop-limit, which
    follows its stop; what was triggered is a limit order. Other orders stay as they are. A price may come
    out at zero: no such order can rest.
    """
    limit, stop = terms.limit_price, terms.stop_price
    tick = instrument.tick_size or _FINEST_TICK
    if side is Side.BUY and order_type in IF_TOUCHED and stop is not None and not is_triggered:
        return terms._replace(
            stop_price=_lowered(stop, amount, tick),
            limit_price=None if limit is None else _lowered(limit, amount, tick),
        )
    rests_as_limit = order_type is OrderType.LIMIT or order_type in ON_PRINT or is_triggered
    if side is Side.BUY and limit is not None and rests_as_limit:
        return terms._replace(limit_price=_lowered(limit, amount, tick))
    if side is Side.SELL and stop is not None and not is_triggered and order_type not in IF_TOUCHED:
        lowered = None if limit is None else max(limit - amount, Decimal(0))
        return terms._replace(
            stop_price=_lowered(stop, amount, tick),
            limit_price=lowered and round_limit_price(lowered, side, tick),
        )
    return terms


def _lowered(price: Decimal, amount: Decimal, tick: Decimal) -> Decimal:
    # Rounding down to the tick; a remainder below one tick is no price, where `round_to_tick` would give
    # one tick.
    lowered = price - amount
    return lowered // tick * tick if lowered > 0 else Decimal(0)
