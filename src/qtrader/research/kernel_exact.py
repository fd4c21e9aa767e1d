# ruff: noqa: PLR0917 - compiled functions take no keyword-only arguments
"""Decimal arithmetic in whole numbers: amounts, roundings and comparisons that come out as the engine's.

A number of a decimal grid is a whole number of its units. A quotient is estimated in float64; only where it
lies within 1e-9 of a whole number, the sign of numerator less whole number times denominator decides. That
difference is small there, so that it is right modulo 2^64 even where its terms are not representable.
"""

from __future__ import annotations

import math

import numpy as np

from qtrader.research.kernel_jit import compiled

#: A larger amount may not be representable in units.
LARGEST = 4.0e18
_NEAR = 1e-9


@compiled
def quotient_of(numerator: int, denominator: int) -> int:
    """Divide whole numbers that are not negative, rounded down: by a float, as processors do that faster."""
    quotient = int(numerator / denominator)
    rest = numerator - quotient * denominator
    while rest < 0:
        quotient -= 1
        rest += denominator
    while rest >= denominator:
        quotient += 1
        rest -= denominator
    return quotient


@compiled
def half_even(numerator: int, denominator: int) -> int:
    """Divide whole numbers that are not negative, rounded half-even."""
    if denominator == 1:
        return numerator
    quotient = quotient_of(numerator, denominator)
    twice = 2 * (numerator - quotient * denominator)
    if twice > denominator or (twice == denominator and quotient & 1):
        quotient += 1
    return quotient


@compiled
def product(factor: int, numerator: int, denominator: int) -> int:
    """Return factor * numerator / denominator rounded half-even.

    The product of numerator and denominator must be representable.
    """
    whole = quotient_of(factor, denominator)
    rest = (factor - whole * denominator) * numerator
    part = quotient_of(rest, denominator)
    quotient = whole * numerator + part
    twice = 2 * (rest - part * denominator)
    if twice > denominator or (twice == denominator and quotient & 1):
        quotient += 1
    return quotient


@compiled
def units_of(price: float, unit: int) -> tuple[int, bool]:
    """Return a price in the ledger's units, and whether it is a whole number of them."""
    whole = np.rint(price * unit)
    if not -9.0e15 < whole < 9.0e15:
        return 0, False
    return int(whole), whole / unit == price


@compiled
def rounded(estimate: float, numerator: int, denominator: int, is_whole: bool) -> tuple[int, bool]:
    """Round an estimated quotient half-even, and say whether it is certain.

    Args:
        estimate: the quotient in float64.
        numerator: of the exact quotient, modulo 2^64.
        denominator: positive, modulo 2^64.
        is_whole: whether these two are exact.
    """
    if not abs(estimate) < LARGEST:
        return 0, False
    nearest = np.rint(estimate)
    if abs(abs(estimate - nearest) - 0.5) > 1e-15 * abs(estimate) + 1e-9:
        return int(nearest), True
    below = int(nearest) - (1 if nearest > estimate else 0)
    if not is_whole:
        return int(nearest), False
    # Of which side of the half it is: a difference that is small, so that it is right modulo 2^64.
    difference = 2 * numerator - (2 * below + 1) * denominator
    return below + (1 if difference > 0 or (difference == 0 and below & 1) else 0), True


@compiled
def value_of(
    steps: int, price: float, step: float, numerator: int, denominator: int, unit: int
) -> tuple[float, int, bool, bool]:
    """Return what a number of steps is worth, in units.

    Returns:
        An estimate, a numerator over `denominator` modulo 2^64, whether this is exact, and whether it is
        representable, so that it is exact as it stands.
    """
    estimate = steps * step * price * unit
    units, is_whole = units_of(price, unit)
    fits = is_whole and abs(estimate) * denominator < LARGEST
    return estimate, steps * numerator * units, is_whole, fits


@compiled
def amount_of(
    steps: int, price: float, step: float, numerator: int, denominator: int, unit: int
) -> tuple[int, bool, bool]:
    """Return what a number of steps is worth, rounded as the engine rounds what it books.

    Returns:
        The amount in units, whether it is certain, and whether the value is whole, so that nothing was
        rounded.
    """
    return booked(value_of(steps, price, step, numerator, denominator, unit), denominator)


@compiled
def booked(value: tuple[float, int, bool, bool], denominator: int) -> tuple[int, bool, bool]:
    """Round what steps are worth, as `amount_of`.

    Args:
        value: as `value_of` gives it.
        denominator: of the value's numerator.
    """
    estimate, numerator, is_whole, fits = value
    if fits:
        amount = half_even(numerator, denominator)
        return amount, True, amount * denominator == numerator
    amount, is_certain = rounded(estimate, numerator, denominator, is_whole)
    return amount, is_certain, is_certain and is_whole and amount * denominator == numerator


@compiled
def share_of(
    value: tuple[float, int, bool, bool], part: tuple[int, int, float], denominator: int
) -> tuple[int, bool]:
    """Return a part of what steps are worth, rounded half-even, and whether it is certain.

    Args:
        value: as `value_of` gives it.
        part: as a numerator over a power of ten.
        denominator: of the value's numerator.
    """
    estimate, numerator, is_whole, fits = value
    whole = part[1] * denominator
    if fits and 1.0 * part[1] * denominator * part[0] < LARGEST:
        return product(numerator, part[0], whole), True
    return rounded(estimate * part[2], numerator * part[0], whole, is_whole)


@compiled
def floor_of(
    estimate: float, size: float, numerator: int, denominator: int, is_exact: bool, doubt: float
) -> tuple[float, bool]:
    """Return the floor of a quotient, and whether it is certain.

    Args:
        estimate: the quotient in float64.
        size: of the numbers that it was made of, as a quotient by the same denominator.
        numerator: of the exact quotient, modulo 2^64.
        denominator: positive, modulo 2^64.
        is_exact: whether these two are.
        doubt: by how much, as a part of the quotient, it may be off where they are not.
    """
    nearest = math.floor(estimate + 0.5)
    distance = estimate - nearest
    size = max(1.0, size)
    if abs(distance) > _NEAR * size:
        return math.floor(estimate), True
    if is_exact:
        difference = numerator - int(nearest) * denominator
        return (nearest if difference >= 0 else nearest - 1.0), True
    return math.floor(estimate), abs(distance) > (doubt + 4e-15) * size


@compiled
def is_at_most(
    value: float, limit: float, size: float, difference: int, is_exact: bool, doubt: float
) -> tuple[bool, bool]:
    """Return whether value <= limit, and whether that is certain.

    Args:
        value: in float64.
        limit: in float64.
        size: of the numbers that these were made of.
        difference: limit less value as whole numbers of any unit, modulo 2^64.
        is_exact: whether the difference is.
        doubt: by how much value and limit may be off where it is not.
    """
    margin = limit - value
    if abs(margin) > _NEAR * size:
        return margin >= 0.0, True
    if is_exact:
        return difference >= 0, True
    return margin >= 0.0, abs(margin) > doubt + 4e-15 * size


@compiled
def on_tick(price: float, tick: float, numerator: int, denominator: int, is_up: bool) -> float:
    """Round a price to a multiple of the tick, at least one; a price on the tick stays.

    Prices of at most 15 digits are equal as decimals where they are equal as floats, so that this is exact.
    """
    if numerator == 0:
        return price
    ticks = float(math.floor(price / tick + 0.5))
    found = ticks * numerator / denominator
    if found != price:
        if is_up and found < price:
            ticks += 1.0
        elif not is_up and found > price:
            ticks -= 1.0
    return max(ticks, 1.0) * numerator / denominator


@compiled
def slipped(
    reference: float,
    is_buy: bool,
    slippage: tuple[int, int, float],
    tick: float,
    numerator: int,
    denominator: int,
    unit: int,
) -> tuple[float, bool]:
    """Move a price against the trader and round it to the tick against the trader.

    Returns:
        The price, and whether its rounding is certain.
    """
    part, whole, value = slippage
    if part == 0:
        return reference, True
    factor = 1.0 + value if is_buy else 1.0 - value
    if numerator == 0:
        return reference * factor, True
    estimate = reference * factor / tick
    units, is_exact = units_of(reference, unit)
    moved = whole + part if is_buy else whole - part
    # A buy rounds up: minus the floor of minus the quotient.
    sign = -1 if is_buy else 1
    ticks, is_certain = floor_of(
        sign * estimate,
        estimate,
        sign * units * moved * denominator,
        numerator * unit * whole,
        is_exact,
        0.0,
    )
    return max(sign * ticks, 1.0) * numerator / denominator, is_certain
