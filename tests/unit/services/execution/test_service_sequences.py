"""What holds after any sequence of orders and bars: see `sequences`.

The fast suite plays 20,000 of them, `make soak` 200,000 others. Among them, and shown below: every order type
and time in force fills and ends, in part and whole.
"""

from __future__ import annotations

import pytest
from tests.unit.services.execution.sequences import Sequence

from qtrader.events.vocabulary import OrderStatus, OrderType, TimeInForce

STEP = 1_000


def play(first: int, count: int = STEP) -> None:
    for seed in range(first, first + count):
        sequence = Sequence(seed)
        try:
            sequence.play()
            sequence.check()
        except AssertionError as error:
            msg = f"sequence {seed}: {error}"
            raise AssertionError(msg) from error


@pytest.mark.parametrize("first", range(0, 20_000, STEP))
def test_what_must_hold_holds(first: int) -> None:
    play(first)


@pytest.mark.soak
@pytest.mark.parametrize("first", range(20_000, 220_000, 5_000))
def test_what_must_hold_holds_for_long(first: int) -> None:
    play(first, 5_000)


def test_the_sequences_have_in_them_what_they_are_for() -> None:
    filled, statuses, reasons = set(), set(), set()
    for seed in range(300):
        sequence = Sequence(seed)
        sequence.play()
        orders = sequence.exchange.orders
        filled |= {
            (orders[fill.order_id].order_type, orders[fill.order_id].time_in_force)
            for fill in sequence.exchange.fills
        }
        for order_id in orders:
            for update in sequence.exchange.updates(order_id):
                statuses.add(update.status)
                reasons.add(update.reason)
    assert {kind for kind, _ in filled} == set(OrderType)
    assert {force for _, force in filled} == set(TimeInForce)
    assert statuses == set(OrderStatus) - {OrderStatus.REJECTED}
    assert reasons >= {"oco", "parent_filled", "exit_filled", "not_filled_at_once", "print_passed"}
    assert reasons >= {"session_closed", "date_reached", "stop_reached", "parent_canceled", "position_closed"}
