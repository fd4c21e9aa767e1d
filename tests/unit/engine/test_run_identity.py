"""What makes two runs the same: a change of anything that decides gives another id, and nothing else does."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.engine_inputs import BUY, Script, closes, daily, engine_of, inputs_of

from qtrader.engine.run_identity import derive_run_id, digest, strategy_digest
from qtrader.services.strategy.protocol import StrategySpec

STRATEGY = """
from {helper} import threshold
from qtrader import Strategy

LIMIT = 3

class Base(Strategy):
    def wanted(self, bar):
        return bar.close > threshold()

class Mine(Base):
    fast: int = 3
    def on_bar(self, bar, context):
        if self.wanted(bar) and bar.close < LIMIT:
            context.emit_signal(bar.symbol, "open_long")
"""
HELPER = "def threshold():\n    return 5\n"


class Project:
    """Two modules of a user in a folder, which can be written again."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name

    def load(self, strategy: str = STRATEGY, helper: str = HELPER) -> ModuleType:
        (self.folder / f"{self.name}_helper.py").write_text(helper)
        (self.folder / f"{self.name}.py").write_text(strategy.format(helper=f"{self.name}_helper"))
        for name in (f"{self.name}_helper", self.name):
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        return importlib.import_module(self.name)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    made = Project(tmp_path, f"user_{os.getpid()}_strategy")
    yield made
    for name in (f"{made.name}_helper", made.name):
        sys.modules.pop(name, None)


def digest_of(module: ModuleType, **parameters: Any) -> str:
    return strategy_digest(StrategySpec(module.Mine), module.Mine(**parameters))


def test_the_same_strategy_has_the_same_digest(project: Project) -> None:
    assert digest_of(project.load()) == digest_of(project.load())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self.wanted(bar) and", "self.wanted(bar) or"),
        ("bar.close >", "bar.close >="),
        ("LIMIT = 3", "LIMIT = 4"),
    ],
    ids=["class", "base class", "constant of the module"],
)
def test_a_change_of_its_module_is_another_strategy(project: Project, old: str, new: str) -> None:
    before = digest_of(project.load())
    assert old in STRATEGY
    assert digest_of(project.load(STRATEGY.replace(old, new))) != before


def test_a_change_of_a_helper_beside_it_is_another_strategy(project: Project) -> None:
    before = digest_of(project.load())
    assert digest_of(project.load(helper=HELPER.replace("5", "6"))) != before


def test_parameters_id_symbols_and_intervals_count(project: Project) -> None:
    module = project.load()
    made = module.Mine()
    specs = [
        StrategySpec(module.Mine),
        StrategySpec(module.Mine, "other"),
        StrategySpec(module.Mine, symbols=("A",)),
        StrategySpec(module.Mine, intervals=("1d",)),
    ]
    digests = {strategy_digest(spec, made) for spec in specs} | {digest_of(module, fast=4)}
    assert len(digests) == 5


INTERPRETED = """
from qtrader.engine.run_identity import strategy_digest
from qtrader.services.strategy.protocol import StrategySpec
class Mine:
    limit = {limit}
    def __init__(self):
        self.names = {{"b", "a", "c"}}
        self.object = object()
    def on_bar(self, bar, context):
        return [value + {added} for value in (lambda: [bar.close])()]
print(strategy_digest(StrategySpec(Mine), Mine()))
"""


def test_a_class_typed_into_an_interpreter_is_told_by_its_code_and_constants() -> None:
    def digest_in_process(hash_seed: str, **values: int) -> str:
        program = INTERPRETED.format(**values)
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", program]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    first = digest_in_process("1", limit=1, added=1)
    assert digest_in_process("2", limit=1, added=1) == first
    assert digest_in_process("1", limit=2, added=1) != first
    assert digest_in_process("1", limit=1, added=2) != first


def test_a_digest_tells_where_parts_end() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert len(digest("x")) == 32
    assert len(derive_run_id("a", "b", "c", "d")) == 16


def test_a_runs_id_follows_from_configuration_strategy_and_bars() -> None:
    inputs = inputs_of(daily(closes(1, 2, 3)))
    spec = StrategySpec(Script({0: [BUY]}), "s")

    def run_id(data: Any = inputs, strategy: Any = spec, **settings: Any) -> str:
        return engine_of(data, strategy, **{"run_id": None, **settings}).run_id

    assert run_id() == run_id()
    others = [
        run_id(inputs_of(daily(closes(1, 2, 4)))),
        run_id(strategy=StrategySpec(Script({1: [BUY]}), "s")),
        run_id(strategy=StrategySpec(Script({0: [BUY]}), "t")),
        run_id(slippage_bps=1),
        run_id(seed=1),
    ]
    assert len({run_id(), *others}) == 6
    assert run_id(name="another") == run_id()
    assert run_id(run_id="given") == "given"
