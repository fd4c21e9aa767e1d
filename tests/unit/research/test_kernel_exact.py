"""Whole-number arithmetic against decimals: every rounding comes out as the engine's."""

from __future__ import annotations

from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

import numpy as np
import pytest

from qtrader.events.vocabulary import Side
from qtrader.market.instruments import round_fill_price, round_limit_price, round_stop_price
from qtrader.money import quantize
from qtrader.research.kernel_exact import amount_of, floor_of, half_even, on_tick, product, slipped
from qtrader.research.kernel_terms import ratio_of

_UNIT = 10**8


def _prices(count: int, digits: int) -> list[float]:
    rng = np.random.default_rng(digits)
    return np.maximum(np.round(rng.lognormal(4, 1, count), digits), 0.01).tolist()


def test_half_even_is_that_of_decimals() -> None:
    rng = np.random.default_rng(1)
    for numerator in [*range(60), *rng.integers(0, 2**60, 200).tolist()]:
        for denominator in (1, 2, 3, 8, 1000, 10**9):
            expected = (Decimal(numerator) / denominator).quantize(Decimal(1), ROUND_HALF_EVEN)
            assert half_even(numerator, denominator) == expected


def test_product_rounds_the_whole_half_even() -> None:
    # 25 · 3 / 2 is 37.5: the even neighbour is 38, whatever the parts of the quotient are.
    assert product(25, 3, 2) == 38
    rng = np.random.default_rng(2)
    for factor in rng.integers(0, 2**45, 300).tolist():
        expected = (Decimal(factor) * 375 / 10**6).quantize(Decimal(1), ROUND_HALF_EVEN)
        assert product(factor, 375, 10**6) == expected


@pytest.mark.parametrize("step", ["1", "100", "0.01", "0.00000001"])
@pytest.mark.parametrize("digits", [2, 4, 8])
def test_amounts_are_rounded_as_they_are_booked(step: str, digits: int) -> None:
    size = ratio_of(Decimal(step))
    rng = np.random.default_rng(digits)
    for price in _prices(200, digits):
        steps = int(rng.integers(1, max(2, int(Decimal(5_000) / Decimal(step)))))
        exact = Decimal(steps) * Decimal(step) * Decimal(repr(price))
        amount, is_certain, is_whole = amount_of(
            steps, price, size.value, size.numerator, size.denominator, _UNIT
        )
        assert is_certain
        assert Decimal(amount) / _UNIT == quantize(exact, 8)
        assert is_whole == (exact == quantize(exact, 8))


def test_an_amount_beyond_64_bits_is_not_certain() -> None:
    assert amount_of(10**9, 1e6, 1.0, 1, 1, _UNIT) == (0, False, False)


@pytest.mark.parametrize("tick", ["0.01", "0.05", "0.0001", "0.25"])
def test_prices_go_to_the_tick_by_side(tick: str) -> None:
    grid = ratio_of(Decimal(tick))
    for price in [99.99000000000001, 99.99, 0.001, *_prices(300, 2), *_prices(300, 15)]:
        decimal = Decimal(repr(price))
        for is_up, expected in (
            (False, round_limit_price(decimal, Side.BUY, Decimal(tick))),
            (True, round_stop_price(decimal, Side.BUY, Decimal(tick))),
        ):
            found = on_tick(price, grid.value, grid.numerator, grid.denominator, is_up)
            assert Decimal(repr(found)) == expected


@pytest.mark.parametrize("bps", ["5", "12.5", "100", "0.3"])
def test_slippage_goes_against_the_trader(bps: str) -> None:
    part, grid = ratio_of(Decimal(bps) / 10_000), ratio_of(Decimal("0.01"))
    for price in [100.0, 20.0, *_prices(300, 2), *_prices(300, 4)]:
        for side, sign in ((Side.BUY, 1), (Side.SELL, -1)):
            moved = Decimal(repr(price)) * (1 + sign * Decimal(bps) / 10_000)
            found, is_certain = slipped(
                price, sign > 0, tuple(part), grid.value, grid.numerator, grid.denominator, _UNIT
            )
            assert is_certain
            assert Decimal(repr(found)) == round_fill_price(moved, side, Decimal("0.01"))


def test_a_quotient_that_is_nearly_whole_is_decided_exactly() -> None:
    for numerator, denominator in ((10**15, 10**13), (10**15 - 1, 10**13), (10**15 + 1, 10**13), (7, 2)):
        expected = (Decimal(numerator) / denominator).to_integral_value(ROUND_FLOOR)
        found, is_certain = floor_of(numerator / denominator, 1.0, numerator, denominator, True, 0.0)
        assert is_certain
        assert found == expected


def test_what_is_not_exact_and_near_is_not_certain() -> None:
    assert floor_of(100.0, 100.0, 0, 1, False, 1e-12) == (100.0, False)
    assert floor_of(100.5, 100.0, 0, 1, False, 1e-12) == (100.0, True)
