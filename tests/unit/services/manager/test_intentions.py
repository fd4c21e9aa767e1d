"""What an intention comes to, given what is held and what is on its way."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.factories import signal

from qtrader.services.manager.intentions import Holding, Legs, Refusal, entry_price, resolve


def said(intention: str, held: str, closing: str = "0", *, opening: bool = False, **more: Any) -> str:
    """Resolve a signal and say what comes of it; quantities on step `step`."""
    scale_in, step = more.pop("scale_in", False), Decimal(more.pop("step", "1"))
    holding = Holding(
        Decimal(held), Decimal(closing), "o-1" if opening else None, "c-1" if Decimal(closing) else None
    )
    found = resolve(signal(intention, **more), holding, step, scale_in=scale_in)
    if isinstance(found, Refusal):
        return f"{found.reason} ({found.purpose.value})"
    assert isinstance(found, Legs)
    legs = []
    if found.close_side is not None:
        legs.append(f"close {found.close_side.value} {found.close_quantity:f}")
    if found.open_side is not None:
        legs.append(f"open {found.open_side.value}")
    return ", ".join(legs)


# intention, held, being closed, an opening order on its way → what comes of it
TABLE = [
    ("open_long", "0", "0", False, "open buy"),
    ("open_long", "0", "0", True, "order_pending (open)"),
    ("open_long", "100", "0", False, "already_open (open)"),
    ("open_long", "100", "100", False, "already_open (open)"),
    ("open_long", "-100", "0", False, "close buy 100, open buy"),
    ("open_long", "-100", "40", False, "close buy 60, open buy"),
    ("open_long", "-100", "100", False, "open buy"),
    ("open_long", "-100", "0", True, "order_pending (open)"),
    ("open_short", "0", "0", False, "open sell"),
    ("open_short", "0", "0", True, "order_pending (open)"),
    ("open_short", "-100", "0", False, "already_open (open)"),
    ("open_short", "100", "0", False, "close sell 100, open sell"),
    ("open_short", "100", "30", False, "close sell 70, open sell"),
    ("open_short", "100", "100", False, "open sell"),
    ("close_long", "100", "0", False, "close sell 100"),
    ("close_long", "100", "0", True, "close sell 100"),
    ("close_long", "100", "30", False, "close sell 70"),
    ("close_long", "100", "100", False, "close_pending (close)"),
    ("close_long", "0", "0", False, "no_position (close)"),
    ("close_long", "0", "0", True, "no_position (close)"),
    ("close_long", "-100", "0", False, "no_position (close)"),
    ("close_short", "-100", "0", False, "close buy 100"),
    ("close_short", "-100", "100", False, "close_pending (close)"),
    ("close_short", "0", "0", False, "no_position (close)"),
    ("close_short", "100", "0", False, "no_position (close)"),
]


@pytest.mark.parametrize(("intention", "held", "closing", "opening", "expected"), TABLE)
def test_intention_by_holding_by_what_is_on_its_way(
    intention: str, held: str, closing: str, opening: bool, expected: str
) -> None:
    assert said(intention, held, closing, opening=opening) == expected


SCALE_IN = [
    ("open_long", "100", False, "open buy"),
    ("open_long", "0", True, "open buy"),
    ("open_long", "100", True, "open buy"),
    ("open_short", "-100", False, "open sell"),
    ("open_long", "-100", False, "close buy 100, open buy"),
]


@pytest.mark.parametrize(("intention", "held", "opening", "expected"), SCALE_IN)
def test_with_scale_in_a_repeated_opening_enlarges(
    intention: str, held: str, opening: bool, expected: str
) -> None:
    assert said(intention, held, opening=opening, scale_in=True) == expected


# held, being closed, what is asked, step → what comes of it
PARTS = [
    ("100", "0", {"fraction": "0.5"}, "1", "close sell 50"),
    ("100", "0", {"fraction": "1"}, "1", "close sell 100"),
    ("101", "0", {"fraction": "0.5"}, "1", "close sell 50"),
    ("101", "0", {"fraction": "0.5"}, "0.1", "close sell 50.5"),
    ("100", "40", {"fraction": "0.5"}, "1", "close sell 30"),
    ("1", "0", {"fraction": "0.5"}, "1", "size_rounds_to_zero (close)"),
    ("100.4", "0", {"fraction": "1"}, "1", "close sell 100.4"),
    ("100", "0", {"quantity": "30"}, "1", "close sell 30"),
    ("100", "0", {"quantity": "100"}, "1", "close sell 100"),
    ("100", "0", {"quantity": "101"}, "1", "exceeds_position (close)"),
    ("100", "80", {"quantity": "20"}, "1", "close sell 20"),
    ("100", "80", {"quantity": "21"}, "1", "exceeds_position (close)"),
    ("100", "0", {"quantity": "30.7"}, "1", "close sell 30"),
    ("100", "0", {"quantity": "0.7"}, "1", "size_rounds_to_zero (close)"),
    ("100.4", "0", {"quantity": "100.4"}, "1", "close sell 100.4"),
]


@pytest.mark.parametrize(("held", "closing", "asked", "step", "expected"), PARTS)
def test_parts_are_of_what_is_held_and_not_being_closed_and_lie_on_the_step(
    held: str, closing: str, asked: dict[str, str], step: str, expected: str
) -> None:
    assert said("close_long", held, closing, step=step, **asked) == expected


MESSAGES = [
    ("open_long", "0", "0", True, "order o-1 is already on its way to open a position in AAPL"),
    ("open_long", "100", "0", False, "sma already holds 100 AAPL, and the policy does not scale in"),
    ("close_long", "0", "0", False, "sma holds no long position in AAPL"),
    ("close_short", "5", "0", False, "sma holds no short position in AAPL"),
    ("close_long", "100", "100", False, "order c-1 is already on its way to close the long position in AAPL"),
]


@pytest.mark.parametrize(("intention", "held", "closing", "opening", "message"), MESSAGES)
def test_a_refusal_is_a_sentence(
    intention: str, held: str, closing: str, opening: bool, message: str
) -> None:
    holding = Holding(
        Decimal(held), Decimal(closing), "o-1" if opening else None, "c-1" if closing != "0" else None
    )
    found = resolve(signal(intention), holding, Decimal(1), scale_in=False)
    assert isinstance(found, Refusal)
    assert found.message == message


PRICES = [
    ({}, "100"),
    ({"order_type": "limit", "limit_price": "95"}, "95"),
    ({"order_type": "stop", "stop_price": "105"}, "105"),
    ({"order_type": "stop_limit", "stop_price": "105", "limit_price": "106"}, "106"),
]


@pytest.mark.parametrize(("order", "price"), PRICES)
def test_an_order_is_expected_to_trade_at_its_own_price(order: dict[str, str], price: str) -> None:
    from qtrader.events.vocabulary import OrderType

    order_type = OrderType(order.get("order_type", "market"))
    assert entry_price(signal("open_long", "100", **(order | {"order_type": order_type}))) == Decimal(price)
