from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtrader.services.execution.buying_power import BuyingPower, buying_power_of, payable_quantity

D = Decimal

# quantity, step, cash, price, fixed commission, what is bought
TABLE = [
    ("100", "1", "10000", "100", "0", "100"),
    ("100", "1", "9999.99", "100", "0", "99"),
    ("100", "1", "10000", "105", "0", "95"),
    ("100", "1", "10000", "105", "25", "95"),
    ("100", "1", "10000", "105", "26", "94"),
    ("100", "10", "10000", "105", "0", "90"),
    ("0.5", "0.1", "100", "300", "0", "0.3"),
    ("10.5", "1", "105", "10", "0", "10.5"),  # all of it may lie off the step
    ("10.5", "1", "104", "10", "0", "10"),  # a part may not
    ("10", "1", "9", "10", "0", "0"),
    ("10", "1", "0", "10", "0", "0"),
    ("10", "1", "-5", "10", "0", "0"),
    ("10", "1", "100", "10", "1", "9"),
    ("1", "1", "5", "10", "0", "0"),
]


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_what_cash_pays_for(row: tuple[str, ...]) -> None:
    quantity, step, cash, price, fee, bought = row

    def cost(units: Decimal) -> Decimal:
        return units * D(price) + D(fee)

    assert payable_quantity(D(quantity), D(step), D(cash), cost) == D(bought)


@given(
    wished=st.integers(1, 10**6),
    step=st.sampled_from([D(1), D("0.01"), D("0.00000001"), D(100)]),
    cash=st.integers(-100, 10**9).map(D),
    price=st.decimals("0.01", "10000", places=2),
    fees=st.tuples(st.decimals("0", "0.05", places=4), st.integers(0, 50).map(D)),
)
def test_it_is_the_largest_that_can_be_paid(
    wished: int, step: Decimal, cash: Decimal, price: Decimal, fees: tuple[Decimal, Decimal]
) -> None:
    percent, minimum = fees

    def cost(units: Decimal) -> Decimal:
        return units * price + max(minimum, units * price * percent)

    quantity = step * wished
    bought = payable_quantity(quantity, step, cash, cost)
    assert bought % step == 0
    assert D(0) <= bought <= quantity
    assert not bought or cost(bought) <= cash
    assert bought == quantity or cost(bought + step) > cash


@pytest.mark.parametrize(
    ("setting", "account", "rule"),
    [
        (None, "cash", "trim"),
        (None, "margin", "allow_margin"),
        ("reject", "cash", "reject"),
        ("allow_margin", "cash", "allow_margin"),
        ("trim", "margin", "trim"),
    ],
)
def test_the_rule_in_force(setting: BuyingPower | None, account: str, rule: str) -> None:
    assert buying_power_of(setting, account) == rule
