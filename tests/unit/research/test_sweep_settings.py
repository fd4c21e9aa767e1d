"""The section `sweep` and `--param`: what people write, and what it means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qtrader.errors import ConfigError
from qtrader.research.sampling import RandomSampler, Reals
from qtrader.research.sweep_settings import (
    SweepSettings,
    changed,
    load_sweep_settings,
    parse_parameters,
    values_of,
)

# text → values; as Python's range, the stop is not included
STEPS = [
    ("5:45:10", [5, 15, 25, 35]),
    ("5:9", [5, 6, 7, 8]),
    ("9:5:-2", [9, 7]),
    ("0.1:0.5:0.1", [0.1, 0.2, 0.3, 0.4]),
    ("0.1:0.45:0.1", [0.1, 0.2, 0.3, 0.4]),
    ("1_000:2_000:500", [1000, 1500]),
    ("-2:1", [-2, -1, 0]),
]


@pytest.mark.parametrize(("text", "values"), STEPS)
def test_steps(text: str, values: list[Any]) -> None:
    found = values_of("x", text)
    assert found == values
    assert [type(one) for one in found] == [type(one) for one in values]


@pytest.mark.parametrize("text", ["EMA", "12:30:15:10", "a:b"])
def test_other_texts_are_values(text: str) -> None:
    assert values_of("x", text) == text


def test_parameters_of_the_command_line() -> None:
    found = parse_parameters(["fast=5:45:2", "slow=50, 100", "kind=[ema, sma]", "short=yes", "x=[0.5]"])
    assert found == {
        "fast": "5:45:2",
        "slow": [50, 100],
        "kind": ["ema", "sma"],
        "short": True,
        "x": [0.5],
    }


def test_a_section_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "system.yaml"
    file.write_text(
        "run: {name: x}\nsweep:\n  grid: {fast: '5:9:2', slow: [50]}\n  metric: calmar\n  verify: 1\n"
    )
    settings = load_sweep_settings(file)
    assert (settings.metric, settings.verify, settings.sampler) == ("calmar", 1, "grid")
    assert settings.parameters() == {"fast": [5, 7], "slow": [50]}
    assert changed(settings, metric="sharpe", verify=None).metric == "sharpe"
    assert changed(settings, metric=None, verify=0).verify == 0
    file.write_text("run: {name: x}\n")
    assert load_sweep_settings(file) == SweepSettings()


def test_a_random_sampler_of_a_file() -> None:
    grid = {"x": {"low": 0.1, "high": 10, "logarithmic": True}, "n": "5:9"}
    sampler = SweepSettings(grid=grid, sampler="random", samples=3, seed=4).parameters()
    assert isinstance(sampler, RandomSampler)
    wanted = RandomSampler(3, 4, {"x": Reals(0.1, 10, is_logarithmic=True), "n": range(5, 9)})
    assert sampler.ask() == wanted.ask()


BAD: list[tuple[Any, str]] = [
    (lambda: parse_parameters(["fast"]), "--param 'fast': allowed is NAME=VALUES"),
    (lambda: parse_parameters(["fast="]), "--param 'fast='"),
    (lambda: parse_parameters(["fast=1", "fast=2"]), "fast is given twice"),
    (lambda: parse_parameters(["fast=[1"]), "--param fast"),
    (lambda: values_of("x", "5:5"), "x is '5:5', which has no value"),
    (lambda: values_of("x", "5:9:0"), "x is '5:9:0', which has no value"),
    (lambda: values_of("x", "9:5"), "which has no value"),
    (lambda: values_of("x", "0:100000000"), "100,000,000 values"),
    (lambda: values_of("x", {"low": 1}), "allowed is {low: …, high: …"),
    (lambda: values_of("x", {"low": 1, "high": "b"}), "x: high is 'b'"),
    (lambda: SweepSettings(grid={"x": {"low": 1, "high": 2}}).parameters(), "are for sampler: random"),
    (lambda: changed(SweepSettings(), verify=-1), "verify"),
    (lambda: changed(SweepSettings(), sampler="sobol"), "'grid' or 'random'"),
]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_bad_input_is_named(make: Any, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        make()
    assert message in str(refused.value)


def test_an_unknown_key_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "system.yaml"
    file.write_text("run: {name: x}\nsweep:\n  metrik: calmar\n")
    with pytest.raises(ConfigError) as refused:
        load_sweep_settings(file)
    assert f"{file}:3: sweep.metrik: unknown key 'metrik' (did you mean 'metric'?)" in str(refused.value)
