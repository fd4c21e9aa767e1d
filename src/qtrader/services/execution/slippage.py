"""What a trade pays: the reference price moved against the trader, and rounded to the tick in one place.

`compile_slippage` turns the settings into one function that is called for each fill. Orders with a limit
never slip: the exchange fills them at their limit or better. Without slippage the price is the reference
price itself, on the tick or not, because observed prices are never rounded. A sale brings one tick at least.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from qtrader.clock import from_epoch_us
from qtrader.events.events import OrderEvent, PriceBarEvent
from qtrader.events.vocabulary import OrderType, Side
from qtrader.market.instruments import QUANTITY_STEP, round_fill_price
from qtrader.money import MONEY_CONTEXT, ZERO, decimal_of
from qtrader.services.execution.cost_models import CostModelError, MarketFacts, SlippageModel, Trade
from qtrader.services.execution.order_kinds import SLIPPING
from qtrader.services.execution.slippage_settings import (
    CustomSlippage,
    FixedBpsSlippage,
    NoSlippage,
    SlippageSettings,
    SpreadSlippage,
    SquareRootSlippage,
    VolumeShareSlippage,
)

_BASIS_POINT: Final = Decimal("0.0001")
_BUY: Final = Side.BUY
#: Orders that never trade past their limit.
LIMITED: Final = frozenset(OrderType) - SLIPPING

#: (order, reference price, quantity, the bar that fills, tick size) → the price paid or received.
FillPrice = Callable[[OrderEvent, Decimal, Decimal, PriceBarEvent, Decimal | None], Decimal]


def fixed_move(settings: FixedBpsSlippage, reference_price: Decimal) -> Decimal:
    """Return by how much a price moves, in the instrument's currency."""
    return reference_price * settings.bps * _BASIS_POINT


def spread_move(settings: SpreadSlippage, symbol: str, reference_price: Decimal) -> Decimal:
    """Return half the spread of a symbol, in the instrument's currency."""
    half = settings.by_symbol.get(symbol, settings.half_spread)
    return half if settings.unit == "price" else reference_price * half * _BASIS_POINT


def volume_share_move(
    settings: VolumeShareSlippage, quantity: Decimal, bar_volume: Decimal, reference_price: Decimal
) -> Decimal:
    """Return by how much a fill moves the price of its bar, in the instrument's currency."""
    share = MONEY_CONTEXT.divide(quantity, bar_volume)
    return settings.price_impact * share * share * reference_price


def square_root_move(
    settings: SquareRootSlippage,
    quantity: Decimal,
    average_volume: Decimal,
    volatility: Decimal,
    reference_price: Decimal,
) -> Decimal:
    """Return by how much a fill moves the price by the square-root law, in the instrument's currency."""
    root = MONEY_CONTEXT.sqrt(MONEY_CONTEXT.divide(quantity, average_volume))
    return settings.coefficient * volatility * root * reference_price


def priced(reference_price: Decimal, move: Decimal, side: Side, tick_size: Decimal | None) -> Decimal:
    """Return the price of a trade whose price moves against it; a move of zero rounds nothing."""
    if not move:
        return reference_price
    return _rounded(reference_price + move if side is _BUY else reference_price - move, side, tick_size)


def _rounded(price: Decimal, side: Side, tick_size: Decimal | None) -> Decimal:
    if price <= 0:
        # An impact of all the price and more: one step above nothing is the worst that a price can be.
        return QUANTITY_STEP if tick_size is None else tick_size
    return round_fill_price(price, side, tick_size)


def compile_slippage(
    settings: SlippageSettings, facts: MarketFacts | None = None, model: SlippageModel | None = None
) -> FillPrice:
    """Make the function that prices fills.

    Args:
        settings: the model and its numbers.
        facts: volumes and volatilities; `square_root` and custom models need them.
        model: the object of a custom model, see `qtrader.services.execution.custom_models`.

    Raises:
        CostModelError: what the settings need is not given.
    """
    if isinstance(settings, NoSlippage):
        return _unmoved
    if isinstance(settings, FixedBpsSlippage):
        return _by_factor(settings.bps * _BASIS_POINT)
    if isinstance(settings, CustomSlippage):
        if model is None or facts is None:
            msg = f"slippage model {settings.model!r} has not been made, or has no market facts"
            raise CostModelError(msg)
        return _by_model(settings.model, model, facts)
    if isinstance(settings, SquareRootSlippage) and facts is None:
        msg = "slippage square_root needs market facts"
        raise CostModelError(msg)
    return _by_move(settings, facts)


def _unmoved(
    order: OrderEvent,
    reference_price: Decimal,
    quantity: Decimal,
    bar: PriceBarEvent,
    tick_size: Decimal | None,
) -> Decimal:
    # The signature is that of every pricing.
    del order, quantity, bar, tick_size
    return reference_price


def _by_factor(fraction: Decimal) -> FillPrice:
    if not fraction:
        return _unmoved
    buys, sells = 1 + fraction, 1 - fraction

    def price(
        order: OrderEvent,
        reference_price: Decimal,
        quantity: Decimal,
        bar: PriceBarEvent,
        tick_size: Decimal | None,
    ) -> Decimal:
        del quantity, bar
        if order.order_type in LIMITED:
            return reference_price
        side = order.side
        return round_fill_price(reference_price * (buys if side is _BUY else sells), side, tick_size)

    return price


def _by_move(
    settings: SpreadSlippage | VolumeShareSlippage | SquareRootSlippage, facts: MarketFacts | None
) -> FillPrice:
    def price(
        order: OrderEvent,
        reference_price: Decimal,
        quantity: Decimal,
        bar: PriceBarEvent,
        tick_size: Decimal | None,
    ) -> Decimal:
        if order.order_type in LIMITED:
            return reference_price
        move: Decimal | None
        if isinstance(settings, SpreadSlippage):
            move = spread_move(settings, order.symbol, reference_price)
        else:
            move = _impact(settings, reference_price, quantity, bar, facts)
            if move is None:
                move = _fallback(settings, reference_price, bar)
        return priced(reference_price, move, order.side, tick_size)

    return price


def _impact(
    settings: VolumeShareSlippage | SquareRootSlippage,
    reference_price: Decimal,
    quantity: Decimal,
    bar: PriceBarEvent,
    facts: MarketFacts | None,
) -> Decimal | None:
    """Return the move, or None where what it depends on is unknown."""
    if isinstance(settings, VolumeShareSlippage):
        volume = known_volume(bar)
        return None if volume is None else volume_share_move(settings, quantity, volume, reference_price)
    if facts is None:
        return None
    average = facts.average_daily_volume(bar.symbol, settings.days, bar.opened_at_us)
    volatility = facts.daily_volatility(bar.symbol, settings.days, bar.opened_at_us)
    if not average or volatility is None:
        return None
    return square_root_move(settings, quantity, average, volatility, reference_price)


def known_volume(bar: PriceBarEvent) -> Decimal | None:
    """Return a bar's volume; None where it is unknown (NaN) or zero."""
    return decimal_of(bar.volume) if bar.volume > 0 else None


def _fallback(
    settings: VolumeShareSlippage | SquareRootSlippage, reference_price: Decimal, bar: PriceBarEvent
) -> Decimal:
    if settings.fallback_bps is not None:
        return reference_price * settings.fallback_bps * _BASIS_POINT
    missing = (
        "the bar has no volume"
        if isinstance(settings, VolumeShareSlippage)
        else f"volume and volatility of {settings.days} sessions are not known at its open"
    )
    opened_at = from_epoch_us(bar.opened_at_us).isoformat()
    msg = (
        f"slippage {settings.type} cannot price a trade of {bar.symbol} in the bar that opened at "
        f"{opened_at}: {missing}; give execution.slippage.fallback_bps to say what is charged then"
    )
    raise CostModelError(msg)


def _by_model(name: str, model: SlippageModel, facts: MarketFacts) -> FillPrice:
    def price(
        order: OrderEvent,
        reference_price: Decimal,
        quantity: Decimal,
        bar: PriceBarEvent,
        tick_size: Decimal | None,
    ) -> Decimal:
        if order.order_type in LIMITED:
            return reference_price
        side = order.side
        trade = Trade(
            symbol=order.symbol,
            side=side,
            quantity=quantity,
            reference_price=reference_price,
            order_type=order.order_type,
            bar_volume=known_volume(bar),
            opened_at_us=bar.opened_at_us,
            facts=facts,
        )
        try:
            found = model.price(trade)
        except Exception as cause:
            msg = (
                f"slippage model {name!r} raised {type(cause).__name__}: {cause}; asked of a {side.value} of "
                f"{quantity:f} {order.symbol} at {reference_price:f}"
            )
            raise CostModelError(msg) from cause
        _check_answer(name, found, trade)
        move = found - reference_price if side is _BUY else reference_price - found
        return priced(reference_price, move, side, tick_size)

    return price


def _check_answer(name: str, found: object, trade: Trade) -> None:
    if isinstance(found, Decimal) and found.is_finite() and found > ZERO:
        gain = trade.reference_price - found if trade.side is _BUY else found - trade.reference_price
        if gain <= ZERO:
            return
    bound = "at least" if trade.side is _BUY else "at most"
    msg = (
        f"slippage model {name!r} answered {found!r} for a {trade.side.value} of {trade.quantity:f} "
        f"{trade.symbol}; allowed is a positive Decimal, {bound} the reference price "
        f"{trade.reference_price:f}"
    )
    raise CostModelError(msg)
