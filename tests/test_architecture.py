"""The house rules, enforced by reading the sources: imports, lengths, and what nothing may ask for.

Each rule is a function of a module's name and source, so that it can be shown to fail on a few bad lines.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "src"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "qtrader").rglob("*.py"))
}

#: The floors of the house; a module may import its own floor and those below.
FLOORS = {
    "version": 0,
    "clock": 0,
    "lazy": 0,
    "errors": 0,
    "money": 0,
    "contracts": 0,
    "events": 1,
    "market": 2,
    "sample": 2,
    "services": 3,
    "libraries": 4,
    "engine": 5,
    "research": 6,
    "api": 6,
    "cli": 7,
    "__main__": 7,
}
#: What services share: the account as a read model, and the values that pass between manager and risk.
SHARED_SERVICES = {"account", "exposures", "legs"}
#: What strategies are written against.
STRATEGY_PROTOCOL = {
    f"qtrader.services.strategy.{name}"
    for name in ("protocol", "context", "vector", "panel", "signals", "conditions")
}

MAX_FILE_LINES = 350
MAX_FUNCTION_LINES = 60
#: Files and functions that are longer, each with the reason why it is better so.
LONG: dict[str, str] = {
    "qtrader.engine.wiring:build": "every part of a house is made in one place, in one list",
    "qtrader.services.strategy.context:emit_signal": "a signal's terms are its signature, handed on by name",
}

#: Readings of clock, chance and environment outside clock.py and cli, and why nothing is decided by each.
IMPURE: dict[tuple[str, str], str] = {
    ("qtrader.engine.backtest_engine", "time.perf_counter"): "shows how long a run took",
    ("qtrader.research.sweep", "time.perf_counter"): "shows how long a sweep took",
    ("qtrader.services.data.tape_cache", "os.environ"): "finds the user's folder for what can be built again",
    ("qtrader.services.strategy.remote", "os.environ"): "hands the worker process its surroundings",
}
#: What answers differently each time.
FORBIDDEN = {
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "time.time",
    "time.time_ns",
    "time.monotonic",
    "time.monotonic_ns",
    "time.perf_counter",
    "time.perf_counter_ns",
    "time.localtime",
    "time.gmtime",
    "uuid.uuid1",
    "uuid.uuid4",
    "os.urandom",
    "os.environ",
    "os.getenv",
}
#: The same, unless called with a seed.
NEEDS_SEED = {"random.Random", "random.default_rng", "default_rng"}
#: Heavy or optional: imported in the function that needs them.
LAZY = {"pandas", "pyarrow", "numba", "exchange_calendars"}
#: Who may all the same: the kernel is compiled by numba, and nobody imports it before a sweep runs in it.
EAGER = {(f"qtrader.research.kernel_{name}", "numba") for name in ("jit", "sums", "views")}


def imports(source: str) -> Iterator[str]:
    """Give every module or name imported anywhere in a source, in functions and for type checking too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else node.module


def _part(module: str, place: int) -> str:
    parts = module.split(".")
    return parts[place] if len(parts) > place else ""


def wrong_imports(module: str, source: str) -> list[str]:
    """Say which imports of a module go against the direction of the house."""
    if module == "qtrader":
        return []  # it only names what is public, and loads it when asked
    found = []
    floor = _part(module, 1)
    for imported in imports(source):
        if _part(imported, 0) != "qtrader" or imported == "qtrader":
            continue
        target = _part(imported, 1)
        own, other = _part(module, 2), _part(imported, 2)
        if floor == "libraries" and target == "services":
            if imported not in STRATEGY_PROTOCOL:
                found.append(f"{module} imports {imported}: libraries know only the strategy protocol")
        elif FLOORS[target] > FLOORS[floor]:
            found.append(f"{module} imports {imported}: {floor} lies below {target}")
        elif floor == target == "services" and other not in {own, *SHARED_SERVICES, ""}:
            found.append(f"{module} imports {imported}: services never import each other")
    return found


def eager_imports(module: str, source: str) -> list[str]:
    """Say which heavy or optional libraries a module imports as soon as it is loaded itself."""
    found = []

    def visit(statements: list[ast.stmt]) -> None:
        for node in statements:
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                names = [node.module]
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                visit(node.orelse)
                continue
            heavy = [
                name for name in names if (top := name.split(".")[0]) in LAZY and (module, top) not in EAGER
            ]
            found.extend(f"{module} imports {name} at its top" for name in heavy)
            for block in ("body", "orelse", "finalbody"):
                visit(getattr(node, block, []))
            for handler in getattr(node, "handlers", []):
                visit(handler.body)

    visit(ast.parse(source).body)
    return found


def impurities(module: str, source: str) -> list[str]:
    """Say where a module reads the wall clock, draws unseeded chance or looks into the environment."""
    tree = ast.parse(source)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    called_bare = {id(node.func) for node in calls if not node.args and not node.keywords}
    from_random = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in {"random", "secrets"}
        for alias in node.names
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names} & FORBIDDEN
        elif isinstance(node, ast.Attribute):
            names = _readings(".".join(ast.unparse(node).split(".")[-2:]), is_bare=id(node) in called_bare)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in from_random:
            names = set() if node.args else {f"random.{node.func.id}"}
        elif isinstance(node, ast.Import) and any(alias.name == "secrets" for alias in node.names):
            names = {"secrets"}
        else:
            continue
        found += [f"{module} line {node.lineno}: {name}" for name in names if (module, name) not in IMPURE]
    return sorted(found)


def _readings(name: str, *, is_bare: bool) -> set[str]:
    owner, _, attribute = name.partition(".")
    if name in NEEDS_SEED:
        return {name} if is_bare else set()
    if owner == "random" and attribute not in {"Random", "Generator", "default_rng"}:
        return {name}  # the interpreter's or NumPy's shared generator
    return {name} & FORBIDDEN


def too_long(module: str, source: str) -> list[str]:
    """Say which of a module's functions have too many lines, docstrings apart, and whether the file has."""
    found = []
    lines = len(source.splitlines())
    if lines > MAX_FILE_LINES and module not in LONG:
        found.append(f"{module} has {lines} lines; allowed are {MAX_FILE_LINES}")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if ast.get_docstring(node) is not None:
                docstring = node.body[0]
                lines -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
            if lines > MAX_FUNCTION_LINES and f"{module}:{node.name}" not in LONG:
                found.append(f"{module}:{node.name} has {lines} lines; allowed are {MAX_FUNCTION_LINES}")
    return found


Rule = Callable[[str, str], list[str]]


def _is_pure(module: str) -> bool:
    return module != "qtrader.clock" and _part(module, 1) not in {"cli", "__main__"}


def broken(rule: Rule) -> list[str]:
    return [
        line
        for module, path in MODULES.items()
        if rule is not impurities or _is_pure(module)
        for line in rule(module, path.read_text(encoding="utf-8"))
    ]


RULES = [wrong_imports, eager_imports, impurities, too_long]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_its_rules(rule: Rule) -> None:
    assert broken(rule) == []


def test_the_house_has_all_its_floors() -> None:
    present = {_part(module, 1) for module in MODULES} - {""}
    assert present <= set(FLOORS)
    assert {"events", "market", "services", "engine", "libraries"} <= present


def test_every_exception_is_still_needed() -> None:
    for module, name in IMPURE:
        assert name in MODULES[module].read_text(encoding="utf-8"), f"{module} reads {name} no more"
    for place in LONG:
        module, _, function = place.partition(":")
        source = MODULES[module].read_text(encoding="utf-8")
        assert len(source.splitlines()) > MAX_FILE_LINES or function, f"{place} is short again"
    assert all(len(reason.split()) > 3 for reason in (*LONG.values(), *IMPURE.values()))


# module, its source → whether the rule is broken
IMPORT_CASES = [
    ("qtrader.market.tape", "from qtrader.events.events import PriceBarEvent", False),
    ("qtrader.market.tape", "import qtrader.clock", False),
    ("qtrader.events.codec", "from qtrader.market.tape import Tape", True),
    ("qtrader.events.codec", "from qtrader.market import tape", True),
    ("qtrader.clock", "from qtrader.events import codec", True),
    ("qtrader.market.tape", "def f():\n    from qtrader.services.account import CASH", True),
    ("qtrader.market.tape", "if TYPE_CHECKING:\n    from qtrader.engine.config import RunConfig", True),
    ("qtrader.services.risk.service", "from qtrader.services.risk import limits", False),
    ("qtrader.services.risk.service", "from qtrader.services.account import AccountView", False),
    ("qtrader.services.risk.service", "from qtrader.services.manager.service import ManagerService", True),
    ("qtrader.services.risk.service", "from qtrader.services import manager", True),
    ("qtrader.services.account", "from qtrader.services.portfolio.books import Books", True),
    ("qtrader.services.legs", "from qtrader.events.events import SignalEvent", False),
    ("qtrader.services.strategy.service", "from qtrader.libraries.strategies import LIBRARY", True),
    ("qtrader.libraries.strategies.x", "from qtrader.services.strategy.protocol import Strategy", False),
    ("qtrader.libraries.strategies.x", "from qtrader.services.strategy.service import StrategyService", True),
    ("qtrader.libraries.indicators.x", "from qtrader.engine.config import RunConfig", True),
    ("qtrader.engine.wiring", "from qtrader.services.risk.service import RiskService", False),
    ("qtrader.engine.wiring", "from qtrader.cli import main", True),
    ("qtrader.engine.wiring", "from qtrader.research.sweep import Sweep", True),
    ("qtrader.research.sweep", "from qtrader.engine.inputs import Inputs", False),
    ("qtrader.research.sweep", "from qtrader.cli import main", True),
    ("qtrader.cli.sweep", "from qtrader.research.sweep import Sweep", False),
    ("qtrader.services.data.service", "from qtrader.api import backtest", True),
    ("qtrader.cli.main", "import qtrader.api", False),
    ("qtrader.market.tape", "import numpy as np", False),
]


@pytest.mark.parametrize(("module", "source", "is_broken"), IMPORT_CASES)
def test_a_wrong_import_is_found(module: str, source: str, is_broken: bool) -> None:
    assert bool(wrong_imports(module, source)) is is_broken


EAGER_CASES = [
    ("import pandas as pd", True),
    ("from pyarrow import parquet", True),
    ("try:\n    import numba\nexcept ImportError:\n    numba = None", True),
    ("class A:\n    import pandas", True),
    ("def f():\n    import exchange_calendars", False),
    ("if TYPE_CHECKING:\n    import pandas", False),
    ("import polars", False),
]


@pytest.mark.parametrize(("source", "is_broken"), EAGER_CASES)
def test_an_eager_import_is_found(source: str, is_broken: bool) -> None:
    assert bool(eager_imports("m", source)) is is_broken


IMPURE_CASES = [
    ("from datetime import datetime\ndatetime.now()", True),
    ("import datetime\ndatetime.datetime.now(datetime.UTC)", True),
    ("date.today()", True),
    ("import time\ntime.time()", True),
    ("from time import perf_counter\nperf_counter()", True),
    ("uuid.uuid4()", True),
    ("from uuid import uuid4", True),
    ("os.environ['HOME']", True),
    ("os.getenv('HOME')", True),
    ("import secrets", True),
    ("import random\nrandom.random()", True),
    ("from random import shuffle\nshuffle()", True),
    ("random.Random()", True),
    ("random.Random(7)", False),
    ("np.random.default_rng()", True),
    ("np.random.default_rng(7)", False),
    ("np.random.normal(size=3)", True),
    ("def f(generator: random.Random) -> None: ...", False),
    ("context.now", False),
    ("clock.now()", False),
    ("instant.time()", False),
    ("self.random.draw()", True),
]


@pytest.mark.parametrize(("source", "is_broken"), IMPURE_CASES)
def test_a_reading_of_clock_chance_or_environment_is_found(source: str, is_broken: bool) -> None:
    assert bool(impurities("m", source)) is is_broken


LENGTH_CASES = [
    ("x = 1\n" * 350, False),
    ("x = 1\n" * 351, True),
    ("def f():\n" + "    x = 1\n" * 59, False),
    ("def f():\n" + "    x = 1\n" * 60, True),
    ('def f():\n    """Say.\n' + "\n    more\n" * 30 + '    """\n' + "    x = 1\n" * 59, False),
    ("class A:\n    async def f(self):\n" + "        x = 1\n" * 60, True),
]


@pytest.mark.parametrize(("source", "is_broken"), LENGTH_CASES)
def test_what_is_too_long_is_found(source: str, is_broken: bool) -> None:
    assert bool(too_long("m", source)) is is_broken


def test_importing_qtrader_loads_nothing_heavy() -> None:
    program = "import sys, json, qtrader; print(json.dumps(sorted(sys.modules)))"
    environment = {"PYTHONPATH": str(ROOT)}
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    loaded = {name.split(".")[0] for name in json.loads(shown.stdout)}
    assert "qtrader" in loaded
    assert loaded & ({"polars", "typer", "rich", "pydantic", "numpy"} | LAZY) == set()
