"""Execution settings as a person writes them: short forms, and what is refused with which words."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from qtrader.errors import ConfigError
from qtrader.services.execution.fill_model_settings import (
    CustomFillModel,
    NamedFillModels,
    make_fill_models,
)
from qtrader.services.execution.fill_models import FILL_MODELS, OhlcFillModel
from qtrader.services.execution.settings import ExecutionSettings


class Patient(OhlcFillModel):
    """A model of one's own."""


class Half:
    """No model: it knows one method of three."""

    def match_order(self) -> None:
        """Match nothing."""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("touch", NamedFillModels(default="touch")),
        ({"symbols": {"AAPL": "mid"}}, NamedFillModels(symbols={"AAPL": "mid"})),
        ({"type": "named", "default": "mid"}, NamedFillModels(default="mid")),
        (NamedFillModels(default="mid"), NamedFillModels(default="mid")),
    ],
)
def test_short_forms_are_read_into_the_long_one(given: Any, expected: NamedFillModels) -> None:
    settings = ExecutionSettings.model_validate({"fill_model": given})
    assert settings.fill_model == expected
    assert ExecutionSettings.model_validate(settings.model_dump()) == settings


def test_models_by_symbol() -> None:
    default, others = make_fill_models(NamedFillModels(symbols={"AAPL": "mid"}))
    assert (default, others) == (FILL_MODELS["conservative"], {"AAPL": FILL_MODELS["mid"]})


@pytest.mark.parametrize(
    ("given", "default", "symbols"),
    [
        ({"limit_touch": True}, "touch", {}),
        ({"limit_touch": False}, "conservative", {}),
        ({"limit_touch": True, "fill_model": "touch"}, "touch", {}),
        ({"limit_touch": False, "fill_model": "mid"}, "mid", {}),
        ({"limit_touch": True, "fill_model": {"symbols": {"AAPL": "mid"}}}, "touch", {"AAPL": "mid"}),
    ],
)
def test_limit_touch_is_recorded_as_the_fill_model_that_it_means(
    given: dict[str, Any], default: str, symbols: dict[str, str]
) -> None:
    settings = ExecutionSettings.model_validate(given)
    assert (settings.fill_model.default, settings.fill_model.symbols) == (default, symbols)
    assert "limit_touch" not in settings.model_dump()
    long_form = {"fill_model": {"default": default, "symbols": symbols}}
    assert settings == ExecutionSettings.model_validate(long_form)


def test_a_model_of_one_s_own_is_recorded_and_made_anew() -> None:
    model = Patient(limit_touch=True)
    settings = ExecutionSettings.model_validate({"fill_model": model})
    assert isinstance(settings.fill_model, CustomFillModel)
    assert settings.fill_model.parameters == {"limit_touch": True}
    assert settings.fill_model.model == f"{__name__}:Patient"
    made, _ = make_fill_models(settings.fill_model)
    assert made == model
    assert made is not model
    assert not settings.fills_by_conventions


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"fill_model": "fast"}, "fill model 'fast' is unknown; allowed is one of conservative, touch, mid"),
        ({"fill_model": {"symbols": {"AAPL": "fast"}}}, "fill model 'fast' is unknown"),
        ({"fill_model": 7}, "found 7; allowed is a name, a mapping of default and symbols, or an object"),
        ({"fill_model": Patient}, r"found the class Patient; give an object of it: Patient\(…\)"),
        ({"fill_model": Half()}, r"Half is no fill model: it has no match_exits\(exit_side"),
        ({"fill_model": "mid", "limit_touch": True}, "limit_touch and fill_model are both given"),
        ({"fill_model": "touch", "limit_touch": False}, "limit_touch and fill_model are both given"),
        ({"latency": {}}, "give one of bars and milliseconds"),
        ({"latency": {"bars": 1, "milliseconds": 1}}, "give one of bars and milliseconds"),
        ({"latency": {"bars": -1}}, "greater than or equal to 0"),
        ({"latency": {"bars": 1}, "market_fill": "same_close"}, "same_close and latency exclude each other"),
        ({"participation_percent": 0}, "greater than 0"),
        ({"participation_percent": 101}, "less than or equal to 100"),
        ({"off_tick": "maybe"}, "'round' or 'reject'"),
    ],
)
def test_bad_settings_are_refused_with_a_sentence(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        ExecutionSettings.model_validate(given)


def test_a_class_that_cannot_be_found_is_refused_when_the_run_is_made() -> None:
    settings = CustomFillModel(type="custom", model="qtrader.services.execution.fill_models:Absent")
    with pytest.raises(ConfigError, match=r"fill model .* the module has no class 'Absent'"):
        make_fill_models(settings)
