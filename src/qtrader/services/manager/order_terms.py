"""What a signal's terms become in orders: prices on the tick, trails, groups, and the exits of an entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from qtrader.events.order_types import IF_TOUCHED
from qtrader.events.vocabulary import OrderPurpose, OrderType, Side
from qtrader.money import ZERO

if TYPE_CHECKING:
    from decimal import Decimal

    from qtrader.events.events import OrderEvent, SignalEvent
    from qtrader.market.instruments import Instrument


class Exit(NamedTuple):
    """A child that rests once its entry has filled."""

    name: str
    purpose: OrderPurpose
    order_type: OrderType
    quantity: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None


def group_of(signal: SignalEvent) -> str | None:
    """Return the group of a signal's entry; names of groups are a strategy's and symbol's own."""
    name = signal.oco_group
    return None if name is None else f"{signal.strategy_id}:{signal.symbol}:{name}"


def with_terms(
    order: OrderEvent, signal: SignalEvent, instrument: Instrument, *, rounds_prices: bool
) -> OrderEvent:
    """Give an order that is more than a market order the terms of its signal.

    Args:
        order: without terms.
        signal: that it serves.
        instrument: what it trades.
        rounds_prices: put prices on the tick, by side; execution refuses what is off it otherwise.
    """
    limit, stop, side = signal.limit_price, signal.stop_price, order.side
    if rounds_prices:
        # To be reached by a price that gets better is to be reached as a limit is.
        is_if_touched = signal.order_type in IF_TOUCHED
        round_stop = instrument.round_limit_price if is_if_touched else instrument.round_stop_price
        limit = None if limit is None else instrument.round_limit_price(limit, side)
        stop = None if stop is None else round_stop(stop, side)
    changed: OrderEvent = msgspec.structs.replace(
        order,
        limit_price=limit,
        stop_price=stop,
        parent_order_id=signal.after_order_id,
        oco_group=group_of(signal) if order.purpose is OrderPurpose.OPEN else None,
        trail_amount=signal.trail_amount,
        trail_percent=signal.trail_percent,
        trail_atr_multiple=signal.trail_atr_multiple,
        trail_atr_period=signal.trail_atr_period,
        trail_limit_offset=signal.trail_limit_offset,
        expires_at=signal.expires_at,
    )
    return changed


def exits_of(
    signal: SignalEvent, entry: OrderEvent, instrument: Instrument, *, rounds_prices: bool
) -> list[Exit]:
    """Return the protective stop and the targets of an entry.

    Each target is rounded down to the quantity step; the last takes what is left where the fractions add up
    to one. A target of less than a step is left out.
    """
    side = Side.SELL if entry.side is Side.BUY else Side.BUY
    exits = []
    stop = signal.stop_loss
    if stop is not None:
        price = instrument.round_stop_price(stop, side) if rounds_prices else stop
        exits.append(Exit("stop_loss", OrderPurpose.STOP_LOSS, OrderType.STOP, entry.quantity, None, price))
    for number, (price, quantity) in enumerate(_targets_of(signal, entry, instrument), 1):
        if quantity:
            limit = instrument.round_limit_price(price, side) if rounds_prices else price
            name = f"take_profit_{number}" if signal.targets else "take_profit"
            exits.append(Exit(name, OrderPurpose.TAKE_PROFIT, OrderType.LIMIT, quantity, limit, None))
    return exits


def _targets_of(
    signal: SignalEvent, entry: OrderEvent, instrument: Instrument
) -> list[tuple[Decimal, Decimal]]:
    if signal.take_profit is not None:
        return [(signal.take_profit, entry.quantity)]
    step, parts, shared = instrument.quantity_step, [], ZERO
    for target in signal.targets:
        quantity = entry.quantity * target.fraction // step * step
        parts.append((target.price, quantity))
        shared += target.fraction
    if parts and shared == 1:
        rest = entry.quantity
        for _, quantity in parts[:-1]:
            rest -= quantity
        parts[-1] = parts[-1][0], rest
    return parts
