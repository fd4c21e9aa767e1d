"""`qtrader check-lookahead`: what it prints and returns."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]

CONFIG = "config/system.yaml"
FEW = ("--instants", "3", "--set", "strategies.my_strategy.parameters.window=20")

#: A module that reads the future when it is imported, as many notebooks do.
PEEKING = """
import qtrader as qt

MEAN = qt.sample_data("MSFT").bars["close"].mean()


class Peeking(qt.Strategy):
    def on_bar(self, bar, context):
        if bar.close < MEAN and not context.position(bar.symbol):
            context.emit_signal(bar.symbol, "open_long")
        elif bar.close > MEAN and context.position(bar.symbol):
            context.emit_signal(bar.symbol, "close_long")
"""


@pytest.fixture
def peeking(project: Path) -> tuple[str, ...]:
    (project / "peeking.py").write_text(PEEKING, encoding="utf-8")
    return ("--set", "strategies.0.strategy=peeking:Peeking", "--set", "strategies.0.parameters={}")


def test_an_honest_strategy_exits_with_0(project: Path, run: Run) -> None:
    outcome = run("check-lookahead", CONFIG, *FEW)
    assert outcome.code == 0, outcome.err
    assert "my_strategy: " in outcome.out
    assert "3 instants, 14 runs" in outcome.out
    assert outcome.last_line.startswith("No lookahead found")
    assert not (project / "runs").exists()


def test_a_peek_exits_with_1_and_a_report(project: Path, run: Run, peeking: tuple[str, ...]) -> None:
    outcome = run("check-lookahead", CONFIG, "--instants", "3", *peeking)
    assert outcome.code == 1, outcome.err
    assert "Lookahead in my_strategy\n  first difference: decision for " in outcome.out
    assert "with the data as they are: " in outcome.out
    assert outcome.err == ""


def test_the_report_as_json(project: Path, run: Run, peeking: tuple[str, ...]) -> None:
    outcome = run("check-lookahead", CONFIG, "--instants", "3", "--seed", "4", "--json", *peeking)
    assert outcome.code == 1
    report = json.loads(outcome.out)
    assert report["is_honest"] is False
    assert len(report["instants"]) == 3
    (finding,) = report["findings"]
    assert finding["difference"]["what"] == "decision"
    assert finding["difference"]["instant"] <= finding["after"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("config/nowhere.yaml",), "config/nowhere.yaml"),
        ((CONFIG, "--instants", "0"), "instants is 0; allowed is a positive number"),
        ((CONFIG, "--set", "market_fill=next_opne"), "did you mean 'next_open'"),
        ((CONFIG, "--instants", "many"), "--instants"),
    ],
)
def test_bad_input_exits_with_2(project: Path, run: Run, arguments: tuple[str, ...], message: str) -> None:
    outcome = run("check-lookahead", *arguments)
    assert outcome.code == 2
    assert message in outcome.err
