"""Each of QTrader's cases, on a small tape, fills what the reference counts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from benchmarks import engine_case, reference, synthetic

if TYPE_CHECKING:
    from pathlib import Path

CALLBACKS = ("full", "columns", "slice")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One symbol's minutes, and days of three symbols."""
    folder = tmp_path_factory.mktemp("bars")
    synthetic.save(folder / "minutes", 1, 1_500, seed=3)
    synthetic.save(folder / "days", 3, 400, seed=3, interval="1d")
    return {"minutes": folder / "minutes", "days": folder / "days"}


@pytest.mark.parametrize("bars", ["minutes", "days"])
@pytest.mark.parametrize("mode", CALLBACKS)
def test_the_crossover_fills_as_the_reference(data: dict[str, Path], mode: str, bars: str) -> None:
    found = engine_case.measure(mode, data[bars], {"cold": "yes"})

    assert found["fills"] == reference.cross_of_folder(data[bars]) > 20
    assert found["rows"] == reference.close_of(data[bars]).size
    assert found["events"] > 6 * found["fills"]
    assert found["seconds"] > 0 < found["peak_mb"]


def test_an_order_on_every_bar_fills_on_every_bar_but_the_first(data: dict[str, Path]) -> None:
    found = engine_case.measure("every_bar", data["minutes"], {"cold": "yes"})

    assert found["fills"] == reference.every_bar_of_folder(data["minutes"]) == 1_499


@pytest.mark.parametrize("step", [100, 300])
def test_sparse_columns_trade_every_so_many_bars(data: dict[str, Path], step: int) -> None:
    found = engine_case.measure("sparse", data["minutes"], {"cold": "yes", "step": str(step)})

    assert found["fills"] == 1_500 // step


@pytest.mark.parametrize("mode", ["bare", "silent"])
def test_what_is_silent_fills_nothing(data: dict[str, Path], mode: str) -> None:
    assert engine_case.measure(mode, data["minutes"], {"cold": "yes"})["fills"] == 0


def test_several_strategies_each_trade(data: dict[str, Path]) -> None:
    found = engine_case.measure("full", data["minutes"], {"cold": "yes", "strategies": "2"})

    assert found["fills"] == 2 * reference.cross_of_folder(data["minutes"])


def test_the_tape_is_that_of_the_generator(data: dict[str, Path]) -> None:
    saved = synthetic.load(data["days"]).data.tape
    made = synthetic.inputs(3, 400, seed=3, interval="1d").data.tape

    assert saved.symbols == made.symbols
    assert list(saved.bars()) == list(made.bars())
    assert len(synthetic.load(data["days"], bars=10).data.tape) == 30


def test_a_case_prints_one_line_of_json(data: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    engine_case.main("bare", str(data["minutes"]), "cold=yes")

    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["rows"] == 1_500


def test_the_sweep_and_the_fused_loop_make_the_same_trades(data: dict[str, Path]) -> None:
    pytest.importorskip("numba")
    options = {"sets": "4"}

    swept = engine_case.measure("sweep", data["minutes"], options)
    fused = engine_case.measure("fused", data["minutes"], options)

    assert swept["gears"]["kernel"] == 4
    assert swept["metrics"] >= 10
    assert fused["fills"] == reference.sweep_of_folder(data["minutes"], engine_case.pairs_of(options))
    closes = np.load(data["minutes"] / "close.npy")
    assert swept["trades"] <= fused["fills"] <= 2 * swept["trades"] + len(closes)
