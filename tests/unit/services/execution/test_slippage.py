"""What trades pay: each model against a formula of its own, and the rules that hold for all of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from qtrader.events.events import PriceBarEvent
from qtrader.events.vocabulary import OrderType, Side
from qtrader.services.execution.cost_models import CostModelError, Trade
from qtrader.services.execution.slippage import LIMITED, compile_slippage
from qtrader.services.execution.slippage_settings import (
    FixedBpsSlippage,
    NoSlippage,
    SlippageSettings,
    read_slippage,
)

MODELS: TypeAdapter[SlippageSettings] = TypeAdapter(SlippageSettings)
CENT = Decimal("0.01")
OPENED_AT_US = 1_700_000_000_000_000


@dataclass
class Named:
    """What pricing reads of an order's event."""

    side: Side
    order_type: OrderType = OrderType.MARKET
    symbol: str = "X"


class Facts:
    """Known volume and volatility; asks are noted."""

    def __init__(self, volume: str | None = "1000000", volatility: str | None = "0.02") -> None:
        self._volume = None if volume is None else Decimal(volume)
        self._volatility = None if volatility is None else Decimal(volatility)
        self.asked: list[tuple[str, str, int, int]] = []

    def average_daily_volume(self, symbol: str, days: int, at_us: int) -> Decimal | None:
        self.asked.append(("volume", symbol, days, at_us))
        return self._volume

    def daily_volatility(self, symbol: str, days: int, at_us: int) -> Decimal | None:
        self.asked.append(("volatility", symbol, days, at_us))
        return self._volatility


def bar(volume: float = 10_000.0) -> PriceBarEvent:
    return PriceBarEvent("X", "1d", OPENED_AT_US, OPENED_AT_US + 1, 100.0, 101.0, 99.0, 100.0, volume)


def price(
    written: Any,
    side: Side = Side.BUY,
    reference: str = "100",
    quantity: str = "100",
    *,
    tick: Decimal | None = None,
    order_type: OrderType = OrderType.MARKET,
    volume: float = 10_000.0,
    facts: Facts | None = None,
    model: Any = None,
    symbol: str = "X",
) -> Decimal:
    settings = MODELS.validate_python(read_slippage(written))
    priced = compile_slippage(settings, facts or Facts(), model)
    order: Any = Named(side, order_type, symbol)
    return priced(order, Decimal(reference), Decimal(quantity), bar(volume), tick)


FIXED_5 = {"type": "fixed_bps", "bps": 5}
SPREAD = {"type": "spread", "half_spread": 2, "by_symbol": {"WIDE": 30}}
SPREAD_PRICE = {"type": "spread", "half_spread": "0.005", "unit": "price", "by_symbol": {"WIDE": "0.25"}}
SHARE = {"type": "volume_share", "price_impact": "0.1"}
ROOT = {"type": "square_root", "coefficient": "0.8", "days": 20}

# Model, reference price, quantity, tick, what a purchase pays and a sale receives.
TABLE = [
    ("none", "100.123", "100", "0.01", "100.123", "100.123"),
    (FIXED_5, "100", "100", "0.01", "100.05", "99.95"),
    # 101.23 x 1.0005 = 101.280615: up to the tick to buy; x 0.9995 = 101.179385: down to sell.
    (FIXED_5, "101.23", "100", "0.01", "101.29", "101.17"),
    (FIXED_5, "101.23", "100", None, "101.280615", "101.179385"),
    ({"type": "fixed_bps", "bps": "0.001"}, "100", "100", "0.05", "100.05", "99.95"),
    ({"type": "fixed_bps", "bps": 0}, "100.123", "100", "0.05", "100.123", "100.123"),
    ({"type": "fixed_bps", "bps": 100}, "0.01", "100", "0.01", "0.02", "0.01"),
    (SPREAD, "50", "100", "0.01", "50.01", "49.99"),
    (SPREAD_PRICE, "50", "100", None, "50.005", "49.995"),
    (SPREAD_PRICE, "50", "100", "0.01", "50.01", "49.99"),
    # A share of 1 % moves by 0.1 x 0.0001 = 0.001 %; of 50 % by 2.5 %; of 200 % by 40 %.
    (SHARE, "100", "100", None, "100.001", "99.999"),
    (SHARE, "100", "5000", None, "102.5", "97.5"),
    (SHARE, "100", "20000", None, "140", "60"),
    # Five times the volume would take 250 % of the price: a sale brings one tick.
    (SHARE, "100", "50000", "0.01", "350", "0.01"),
    (SHARE, "100", "50000", None, "350", "0.00000001"),
    # 0.8 x 2 % x sqrt(10,000 / 1,000,000) = 0.16 %.
    (ROOT, "100", "10000", None, "100.16", "99.84"),
    (ROOT, "100", "1000000", None, "101.6", "98.4"),
]


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_what_a_market_order_pays_and_receives(row: tuple[Any, str, str, str | None, str, str]) -> None:
    written, reference, quantity, tick, buys, sells = row
    step = None if tick is None else Decimal(tick)
    for side, expected in ((Side.BUY, buys), (Side.SELL, sells)):
        for order_type in (OrderType.MARKET, OrderType.STOP):
            found = price(written, side, reference, quantity, tick=step, order_type=order_type)
            assert found == Decimal(expected), (side, order_type)


def test_a_symbol_may_have_a_spread_of_its_own() -> None:
    assert price(SPREAD, symbol="WIDE") == Decimal("100.3")
    assert price(SPREAD_PRICE, Side.SELL, symbol="WIDE") == Decimal("99.75")


@pytest.mark.parametrize("order_type", sorted(LIMITED))
@pytest.mark.parametrize(
    "written", [FIXED_5, SPREAD, SHARE, ROOT, {"type": "custom", "model": "a:B"}], ids=str
)
@pytest.mark.parametrize("side", list(Side))
def test_orders_with_a_limit_never_slip(order_type: OrderType, written: Any, side: Side) -> None:
    found = price(written, side, "101.23", tick=Decimal("0.05"), order_type=order_type, model=Fixed("1"))
    assert found == Decimal("101.23")


def test_every_order_type_slips_or_has_a_limit() -> None:
    """By their names, which are FIX's: a type added later must be found on the right side."""
    slipping = {"market", "stop", "trailing_stop", "market_on_open", "market_on_close", "market_if_touched"}
    assert {kind.value for kind in OrderType} - {kind.value for kind in LIMITED} <= slipping
    assert all("limit" in kind.value for kind in LIMITED)


_prices = st.decimals("0.01", "10000", places=2)
_quantities = st.integers(1, 10**7)


@given(reference=_prices, quantity=_quantities, volume=st.floats(1.0, 1e9))
def test_volume_share_is_ziplines_formula(reference: Decimal, quantity: int, volume: float) -> None:
    """`VolumeShareSlippage` below its volume limit: price x (1 + impact x share squared), in floats there."""
    share = quantity / volume
    expected = float(reference) * (1 + 0.1 * share**2)
    found = price(SHARE, reference=str(reference), quantity=str(quantity), volume=volume)
    assert math.isclose(float(found), expected, rel_tol=1e-12)


@given(
    reference=_prices,
    quantity=_quantities,
    average=st.integers(1, 10**9),
    volatility=st.decimals("0.0001", "0.2", places=4),
)
def test_square_root_is_the_formula_of_the_literature(
    reference: Decimal, quantity: int, average: int, volatility: Decimal
) -> None:
    facts = Facts(str(average), str(volatility))
    found = price(ROOT, reference=str(reference), quantity=str(quantity), facts=facts)
    expected = float(reference) * (1 + 0.8 * float(volatility) * math.sqrt(quantity / average))
    assert math.isclose(float(found), expected, rel_tol=1e-12)


@given(
    written=st.sampled_from([FIXED_5, SPREAD, SPREAD_PRICE, SHARE, ROOT]),
    reference=_prices,
    quantities=st.tuples(_quantities, _quantities),
    side=st.sampled_from(Side),
    tick=st.sampled_from([None, CENT, Decimal("0.05")]),
)
def test_slippage_costs_and_a_larger_trade_never_fares_better(
    written: Any, reference: Decimal, quantities: tuple[int, int], side: Side, tick: Decimal | None
) -> None:
    small, large = (
        price(written, side, str(reference), str(quantity), tick=tick) for quantity in sorted(quantities)
    )
    if side is Side.BUY:
        assert large >= small >= reference
    else:
        # A price below one tick is brought up to it, as no price is zero.
        assert Decimal(0) < large <= small <= max(reference, tick or reference)
    if tick is not None and small != reference:
        assert small % tick == 0


def test_square_root_asks_for_what_was_known_at_the_bars_open() -> None:
    facts = Facts()
    price(ROOT, facts=facts)
    assert facts.asked == [("volume", "X", 20, OPENED_AT_US), ("volatility", "X", 20, OPENED_AT_US)]


@pytest.mark.parametrize("volume", [0.0, float("nan")])
def test_a_bar_without_volume_takes_the_fallback_or_stops_the_run(volume: float) -> None:
    assert price({**SHARE, "fallback_bps": 50}, Side.SELL, volume=volume) == Decimal("99.5")
    with pytest.raises(CostModelError, match=r"volume_share cannot price .* X .* no volume; .*fallback_bps"):
        price(SHARE, volume=volume)


@pytest.mark.parametrize("facts", [Facts(volume=None), Facts(volatility=None), Facts(volume="0")])
def test_unknown_facts_take_the_fallback_or_stop_the_run(facts: Facts) -> None:
    assert price({**ROOT, "fallback_bps": 50}, facts=facts) == Decimal("100.5")
    with pytest.raises(CostModelError, match=r"square_root cannot price .* 20 sessions .*fallback_bps"):
        price(ROOT, facts=facts)


class Fixed:
    """Answer with one price."""

    def __init__(self, answer: object) -> None:
        self.answer = Decimal(answer) if isinstance(answer, str) else answer
        self.seen: list[Trade] = []

    def price(self, trade: Trade) -> Decimal:
        self.seen.append(trade)
        return self.answer  # type: ignore[return-value]


CUSTOM = {"type": "custom", "model": "mine:Fixed"}


def test_a_custom_model_is_told_the_trade_and_its_answer_is_rounded() -> None:
    model = Fixed("100.001")
    assert price(CUSTOM, model=model, tick=CENT) == Decimal("100.01")
    assert price(CUSTOM, Side.SELL, model=Fixed("99.999"), tick=CENT) == Decimal("99.99")
    (trade,) = model.seen
    assert (trade.symbol, trade.side, trade.quantity) == ("X", Side.BUY, Decimal(100))
    assert (trade.reference_price, trade.order_type, trade.bar_volume) == (100, OrderType.MARKET, 10_000)
    assert trade.average_daily_volume(5) == 1_000_000
    assert trade.daily_volatility(5) == Decimal("0.02")


def test_a_custom_model_that_leaves_the_price_rounds_nothing() -> None:
    assert price(CUSTOM, reference="100.123", model=Fixed("100.123"), tick=CENT) == Decimal("100.123")


@pytest.mark.parametrize(
    ("side", "answer"),
    [
        (Side.BUY, "99.99"),
        (Side.SELL, "100.01"),
        (Side.SELL, "0"),
        (Side.SELL, "-1"),
        (Side.BUY, Decimal("NaN")),
        (Side.BUY, Decimal("Infinity")),
        (Side.BUY, 100.5),
        (Side.BUY, None),
    ],
)
def test_a_custom_answer_that_is_no_cost_is_refused(side: Side, answer: object) -> None:
    with pytest.raises(CostModelError, match=r"'mine:Fixed' answered .* of 100 X; allowed is a positive"):
        price(CUSTOM, side, model=Fixed(answer))


def test_a_custom_model_that_raises_is_named() -> None:
    class Broken:
        def price(self, trade: Trade) -> Decimal:
            raise KeyError(trade.symbol)

    with pytest.raises(
        CostModelError, match="'mine:Fixed' raised KeyError: 'X'; asked of a buy of 100 X at 100"
    ):
        price(CUSTOM, model=Broken())


def test_what_a_model_needs_must_be_given() -> None:
    for written in (ROOT, CUSTOM):
        with pytest.raises(CostModelError):
            compile_slippage(MODELS.validate_python(written))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (None, NoSlippage()),
        ("none", NoSlippage()),
        (FIXED_5, FixedBpsSlippage(type="fixed_bps", bps=Decimal(5))),
        (NoSlippage(), NoSlippage()),
    ],
)
def test_short_forms_are_read_into_the_long_one(written: Any, meant: SlippageSettings) -> None:
    assert MODELS.validate_python(read_slippage(written)) == meant


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (5, r"found 5, in which unit\? Write slippage_bps: 5"),
        ("spread", "Field required"),
        ("half", "does not match any of the expected tags"),
        ({"type": "fixed_bps", "bps": -1}, "greater than or equal to 0"),
        ({"type": "fixed_bps", "bps": 10_000}, "less than 10000"),
        ({"type": "spread", "half_spread": -1}, "greater than or equal to 0"),
        ({"type": "spread", "half_spread": 1, "by_symbol": {"A": -1}}, "greater than or equal to 0"),
        ({"type": "spread", "half_spread": 1, "unit": "ticks"}, "'bps' or 'price'"),
        ({"type": "spread", "half_spread": 10_000}, "takes the whole price"),
        ({"type": "spread", "half_spread": 1, "by_symbol": {"A": 10_000}}, "A takes the whole price"),
        ({"type": "volume_share", "price_impact": -1}, "greater than or equal to 0"),
        ({"type": "volume_share", "fallback_bps": -1}, "greater than or equal to 0"),
        ({"type": "square_root", "days": 1}, "greater than or equal to 2"),
        ({"type": "square_root", "coefficient": "NaN"}, "finite"),
        ({"type": "custom", "model": "nothing"}, 'write "package.module:Class"'),
        (Fixed, r"found the class Fixed; give an object of it: Fixed\(…\)"),
    ],
)
def test_what_makes_no_sense_is_refused(written: Any, message: str) -> None:
    with pytest.raises((ValidationError, ValueError), match=message):
        MODELS.validate_python(read_slippage(written))
