from __future__ import annotations

import importlib

import pytest
from tests.factories import tape_of
from tests.unit.services.strategy.stage import Stage

from qtrader.libraries import strategies
from qtrader.libraries.strategies import LIBRARY, BuyAndHoldStrategy
from qtrader.services.strategy.protocol import Strategy

TAPE = tape_of({"AAPL": [1.0, 2.0, 3.0], "MSFT": [4.0, 5.0]}, days={"MSFT": [2, 3]})


def said(strategy: BuyAndHoldStrategy, trading_starts_day: int | None = None) -> list[tuple[str, int, str]]:
    stage = Stage(strategy, TAPE, trading_starts_day=trading_starts_day).start().play()
    return [(signal.symbol, signal.occurred_at.day, signal.intention.value) for signal in stage.signals]


def test_it_opens_once_per_symbol_on_its_first_bar() -> None:
    assert said(BuyAndHoldStrategy()) == [("AAPL", 1, "open_long"), ("MSFT", 2, "open_long")]


def test_it_may_go_short_instead() -> None:
    assert {intention for _, _, intention in said(BuyAndHoldStrategy(is_short=True))} == {"open_short"}


def test_it_waits_for_the_end_of_warmup() -> None:
    assert said(BuyAndHoldStrategy(), trading_starts_day=2) == [
        ("AAPL", 3, "open_long"),
        ("MSFT", 3, "open_long"),
    ]


def test_a_second_run_opens_again() -> None:
    strategy = BuyAndHoldStrategy()
    assert said(strategy) == said(strategy)


@pytest.mark.parametrize(("name", "target"), LIBRARY.items())
def test_every_shipped_name_leads_to_the_strategy_of_that_name(name: str, target: str) -> None:
    module, _, class_name = target.partition(":")
    found = getattr(importlib.import_module(module), class_name)
    assert class_name == name
    assert issubclass(found, Strategy)
    assert getattr(strategies, name) is found
