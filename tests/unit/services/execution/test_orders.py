"""An order's life, what adjustments do to it, and how a smaller position is shared out."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtrader.clock import from_epoch_us
from qtrader.events.events import OrderEvent
from qtrader.events.identity import Envelope
from qtrader.events.vocabulary import OrderPurpose, OrderStatus, OrderType, Side, TimeInForce
from qtrader.market.instruments import Instrument
from qtrader.services.execution.adjustments import dividend_terms, split_terms
from qtrader.services.execution.exposure import NetPositions, shrunk
from qtrader.services.execution.orders import TRANSITIONS, OrderLifeError, Terms, WorkingOrder

AAPL = Instrument(symbol="AAPL")
FINAL = {OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED}


def working(quantity: str = "100") -> WorkingOrder:
    event = OrderEvent(
        envelope=Envelope.known(event_id="e", occurred_at=from_epoch_us(0)),
        order_id="s/open",
        signal_id="s",
        strategy_id="sma",
        symbol="AAPL",
        side=Side.BUY,
        quantity=Decimal(quantity),
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.GTC,
        purpose=OrderPurpose.OPEN,
    )
    return WorkingOrder(event, 1, 0, None, None)


@pytest.mark.parametrize("status", [None, *OrderStatus])
@pytest.mark.parametrize("following", list(OrderStatus))
def test_only_the_steps_of_the_table_are_taken(status: OrderStatus | None, following: OrderStatus) -> None:
    order = working()
    order.status = status
    if following in TRANSITIONS[status]:
        order.transition(following)
        assert order.status is following
    else:
        found = "new" if status is None else status.value
        with pytest.raises(OrderLifeError, match=f"s/open is {found} and cannot become {following.value}"):
            order.transition(following)
        assert order.status is status


def test_final_states_lead_nowhere_and_all_others_can_end() -> None:
    assert {status for status in OrderStatus if not TRANSITIONS[status]} == FINAL
    for status in set(OrderStatus) - FINAL:
        assert {OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.EXPIRED} <= TRANSITIONS[status]


def test_fills_add_up_to_the_order_and_no_further() -> None:
    order = working("100")
    order.transition(OrderStatus.ACCEPTED)
    order.apply_fill(Decimal(30), Decimal("300.00"), Decimal("0.5"))
    assert (order.status, order.leaves_quantity, order.average_price) == (
        OrderStatus.PARTIALLY_FILLED,
        Decimal(70),
        Decimal("10.00"),
    )
    with pytest.raises(OrderLifeError, match="70 left and cannot fill 71"):
        order.apply_fill(Decimal(71), Decimal(10), Decimal(0))
    with pytest.raises(OrderLifeError, match="cannot fill 0"):
        order.apply_fill(Decimal(0), Decimal(10), Decimal(0))
    order.apply_fill(Decimal(70), Decimal("700.70"), Decimal("0.7"))
    # (30 x 10.00 + 70 x 10.01) / 100
    assert (order.status, order.leaves_quantity, order.average_price) == (
        OrderStatus.FILLED,
        Decimal(0),
        Decimal("10.007"),
    )
    assert order.commission == Decimal("1.2")


# side | limit | stop | ratio | quantity | quantity, limit and stop after it
# 100 / 3 = 33.333…: a buy limit goes down, a sell limit up, a buy stop up, a sell stop down.
# Three for two of 101 is 151.5 units, of which the half goes.
SPLITS = """
buy  | 100 | -   | 2   | 100 | 200 50 -
sell | -   | 95  | 2   | 100 | 200 - 47.5
buy  | 100 | -   | 3   | 10  | 30 33.33 -
sell | 100 | -   | 3   | 10  | 30 33.34 -
buy  | -   | 100 | 3   | 10  | 30 - 33.34
sell | -   | 100 | 3   | 10  | 30 - 33.33
sell | 94  | 95  | 7   | 10  | 70 13.43 13.57
buy  | 90  | -   | 1.5 | 101 | 151 60 -
"""


def price(text: str) -> Decimal | None:
    return None if text == "-" else Decimal(text)


@pytest.mark.parametrize("row", SPLITS.strip().splitlines())
def test_a_split(row: str) -> None:
    side, limit, stop, ratio, quantity, expected = (cell.strip() for cell in row.split("|"))
    terms = Terms(Decimal(quantity), Decimal(0), price(limit), price(stop))
    after = split_terms(terms, Side(side), Fraction(ratio), AAPL)
    assert [after.quantity, after.limit_price, after.stop_price] == [price(x) for x in expected.split()]


def test_a_split_of_a_partly_filled_order_keeps_both_parts() -> None:
    after = split_terms(Terms(Decimal(100), Decimal(40), None, None), Side.BUY, Fraction(2), AAPL)
    assert (after.quantity, after.filled_quantity) == (200, 80)


def test_without_a_tick_a_split_price_still_ends() -> None:
    untick = Instrument(symbol="X", tick_size=None)
    after = split_terms(Terms(Decimal(1), Decimal(0), Decimal(100), None), Side.BUY, Fraction(3), untick)
    assert after.limit_price == Decimal("33.33333333")


# side | type | limit | stop | limit and stop after a dividend of 0.333; 0 where nothing is left to rest at
DIVIDENDS = """
buy  | limit                | 100  | -     | 99.66 -
sell | limit                | 100  | -     | 100 -
sell | stop                 | -    | 95    | - 94.66
buy  | stop                 | -    | 95    | - 95
sell | stop_limit           | 94   | 95    | 93.67 94.66
sell | stop_limit triggered | 94   | 95    | 94 95
buy  | stop_limit           | 96   | 95    | 96 95
buy  | stop_limit triggered | 96   | 95    | 95.66 95
buy  | limit                | 0.30 | -     | 0 -
sell | stop                 | -    | 0.335 | - 0
"""


@pytest.mark.parametrize("row", DIVIDENDS.strip().splitlines())
def test_a_dividend(row: str) -> None:
    side, kind, limit, stop, expected = (cell.strip() for cell in row.split("|"))
    after = dividend_terms(
        Terms(Decimal(100), Decimal(0), price(limit), price(stop)),
        Side(side),
        order_type=OrderType(kind.split()[0]),
        is_triggered=kind.endswith("triggered"),
        amount=Decimal("0.333"),
        instrument=AAPL,
    )
    assert after.quantity == 100
    assert [after.limit_price, after.stop_price] == [price(x) for x in expected.split()]


def test_net_positions_say_what_can_be_closed() -> None:
    positions = NetPositions()
    assert not positions.apply_fill("sma", "AAPL", Side.BUY, Decimal(100))
    assert positions.apply_fill("sma", "AAPL", Side.SELL, Decimal(40))
    assert positions.reducible("sma", "AAPL", Side.SELL) == 60
    assert positions.reducible("sma", "AAPL", Side.BUY) == 0
    assert positions.reducible("other", "AAPL", Side.SELL) == 0
    positions.apply_split("AAPL", Fraction(151, 100))
    assert positions.reducible("sma", "AAPL", Side.SELL) == Decimal("90.6")
    positions.move("sma", "AAPL", Decimal("-0.6"))  # paid out in cash
    assert positions.reducible("sma", "AAPL", Side.SELL) == 90
    assert positions.apply_fill("sma", "AAPL", Side.SELL, Decimal(100))
    assert positions.reducible("sma", "AAPL", Side.BUY) == 10
    positions.apply_split("AAPL", Fraction(1, 3))
    assert positions.reducible("sma", "AAPL", Side.BUY) == Decimal("3.33333333")
    positions.move("sma", "AAPL", Decimal("3.33333333"))
    assert positions.reducible("sma", "AAPL", Side.BUY) == 0


@pytest.mark.parametrize(
    ("before", "available", "is_long", "after"),
    [
        ([100, 50], 150, True, [100, 50]),
        ([100, 50], 200, True, [100, 50]),
        ([100, 50], 120, True, [70, 50]),
        ([100, 50], 120, False, [100, 20]),
        ([100, 50], 30, True, [0, 30]),
        ([100, 50], 30, False, [30, 0]),
        ([100, 50], 0, True, [0, 0]),
        ([], 10, True, []),
    ],
)
def test_longs_shrink_from_the_first_and_shorts_from_the_last(
    before: list[int], available: int, is_long: bool, after: list[int]
) -> None:
    quantities = [Decimal(x) for x in before]
    assert shrunk(quantities, Decimal(available), first_in_first_out=is_long) == after


@given(st.lists(st.decimals(0, 100, places=2), max_size=6), st.decimals(0, 300, places=2), st.booleans())
def test_what_remains_is_what_is_available(before: list[Decimal], available: Decimal, is_long: bool) -> None:
    after = shrunk(before, available, first_in_first_out=is_long)
    total = Decimal(0)
    for old, new in zip(before, after, strict=True):
        assert 0 <= new <= old
        total += new
    whole = Decimal(0)
    for old in before:
        whole += old
    assert total == min(whole, available)
