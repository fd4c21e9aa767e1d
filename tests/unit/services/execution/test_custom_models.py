"""Cost models of one's own: named in a configuration, or handed over and recorded."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from qtrader.errors import ConfigError
from qtrader.services.execution.commission_presets import read_commission
from qtrader.services.execution.commission_settings import CustomCommission
from qtrader.services.execution.cost_models import Trade, Traded
from qtrader.services.execution.costs import make_custom_models
from qtrader.services.execution.custom_models import ModelReference, describe_model, make_model
from qtrader.services.execution.slippage_settings import CustomSlippage, NoSlippage, read_slippage

MODULE = """
from decimal import Decimal
import math

class Flat:
    def __init__(self, amount="1"):
        self.amount = Decimal(amount)

    def commission(self, traded):
        return self.amount

class Idle:
    pass

LIMIT = 3
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "my_cost_models.py").write_text(MODULE)
    (tmp_path / "my_broken_models.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    return "my_cost_models"


@dataclass
class Cents:
    """Charge cents for each unit."""

    cents: Decimal
    names: tuple[str, ...] = ("a",)

    def commission(self, traded: Traded) -> Decimal:
        return traded.quantity * self.cents / 100


class Penny:
    """Pay a penny more."""

    def __init__(self, pennies: int = 1) -> None:
        self.pennies = pennies
        self._calls: list[Trade] = []

    def price(self, trade: Trade) -> Decimal:
        self._calls.append(trade)
        return trade.reference_price + Decimal(self.pennies) / 100


class Slotted:
    """Hold what it holds in slots."""

    __slots__ = ("rate",)

    def __init__(self, rate: float = 0.5) -> None:
        self.rate = rate

    def commission(self, traded: Traded) -> Decimal:
        return traded.value * Decimal(repr(self.rate))


def test_a_class_is_found_by_its_name_and_made_of_its_parameters(module: str) -> None:
    made = make_model(f"{module}:Flat", {"amount": "2.5"}, "commission")
    assert made.amount == Decimal("2.5")


@pytest.mark.parametrize(
    ("reference", "parameters", "message"),
    [
        ("my_cost_models:Flatt", {}, "no class 'Flatt'; its classes are Flat, Idle"),
        ("my_cost_models:LIMIT", {}, "no class 'LIMIT'"),
        ("my_cost_models:Flat", {"amout": 1}, r"cannot be made with parameters \{'amout': 1\}.*amout"),
        ("my_cost_models:Idle", {}, r"Idle is no commission model: it has no commission\(traded\)"),
        ("my_missing_models:Flat", {}, "importing module 'my_missing_models' failed: ModuleNotFoundError"),
        ("my_broken_models:Flat", {}, "importing module 'my_broken_models' failed: ZeroDivisionError"),
    ],
)
@pytest.mark.usefixtures("module")
def test_what_cannot_be_found_or_made_is_refused(
    reference: str, parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        make_model(reference, parameters, "commission")
    assert str(refused.value).startswith(("commission model", "Idle"))


def test_an_object_handed_over_is_recorded_as_a_configuration_names_it() -> None:
    recorded = read_commission(Cents(Decimal("0.50")))
    assert isinstance(recorded, CustomCommission)
    assert recorded.model_dump() == {
        "type": "custom",
        "us_regulatory_fees": "none",
        "model": f"{Cents.__module__}:Cents",
        "parameters": {"cents": "0.50", "names": ["a"]},
    }
    slipping = read_slippage(Penny(3))
    assert isinstance(slipping, CustomSlippage)
    assert slipping.parameters == {"pennies": 3}
    assert read_commission(Slotted(0.25)).parameters == {"rate": 0.25}


def test_each_run_gets_a_copy_of_what_was_handed_over() -> None:
    model = Penny(3)
    settings = read_slippage(model)
    first = make_custom_models(read_commission(None), settings).slippage
    second = make_custom_models(read_commission(None), settings).slippage
    assert isinstance(first, Penny)
    assert first is not model
    assert first is not second
    assert first.pennies == 3


def test_other_parameters_make_another_object_of_the_same_class() -> None:
    """As when a run is repeated with one of them overridden."""
    settings = read_slippage(Penny(3))
    changed = settings.model_copy(update={"parameters": {"pennies": 7}})
    made = make_custom_models(read_commission("none"), changed).slippage
    assert isinstance(made, Penny)
    assert made.pennies == 7


def test_settings_without_custom_models_make_none() -> None:
    made = make_custom_models(read_commission("none"), NoSlippage())
    assert (made.commission, made.slippage) == (None, None)


class Table:
    """Hold what no configuration can."""

    def __init__(self, value: Any) -> None:
        self.rates = value

    def commission(self, traded: Traded) -> Decimal:
        return traded.value


@pytest.mark.parametrize("value", [object(), {"a": object()}, [float("nan")], {1: 2}, len])
def test_an_object_that_cannot_be_recorded_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"Table: attribute rates is .*begin with _"):
        read_commission(Table(value))


def test_a_class_and_what_is_no_model_are_refused() -> None:
    with pytest.raises(ValueError, match=r"found the class Cents; give an object of it: Cents\(…\)"):
        read_commission(Cents)
    with pytest.raises(ValueError, match="Penny is no commission model"):
        describe_model(Penny(), "commission")


def test_a_reference_keeps_its_object_through_a_copy_and_is_a_plain_text_in_a_document() -> None:
    reference = describe_model(Penny(2), "price")["model"]
    assert isinstance(reference, ModelReference)
    assert isinstance(copy.deepcopy(reference).prototype, Penny)
    assert type(str(reference)) is str
    assert reference == f"{Penny.__module__}:Penny"
