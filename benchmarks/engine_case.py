"""One measurement of QTrader in a process of its own; prints one JSON line, as the peers' adapters do.

    python -m benchmarks.engine_case MODE DATA [KEY=VALUE ...]

DATA is a folder that `synthetic.save` wrote. Building the tape and loading the libraries are not part of the
measured seconds; a first run on a few bars, which compiles what is compiled, is kept apart (`first_seconds`),
and with `cold=yes` there is none. Modes:

- `bare`: a plain Python loop that makes one event object a bar and calls the same strategy, which is silent;
- `silent`: the engine with that strategy, so that no order is ever made;
- `full`: the engine with all orders, bodies validated and everything logged; `every_bar`, `slice`, `columns`
  and `sparse` (with `step=`) are the same with another strategy;
- `sweep`: `qt.sweep`'s run over all pairs, indicators and ten metrics included (`verify=3` re-runs the best);
- `fused`: the hand-written numba loop of `benchmarks.fused` over the same pairs.
"""

from __future__ import annotations

import json
import platform
import resource
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import synthetic
from benchmarks.peers.adapter import pairs_of
from qtrader.engine.config import apply_overrides, default_run_config
from qtrader.services.strategy.protocol import StrategySpec
from qtrader.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtrader.engine.config import RunConfig
    from qtrader.engine.inputs import Inputs
    from qtrader.market.tape import Tape

    #: Takes inputs and options; returns what is measured, which returns what it found.
    Prepare = Callable[[Inputs, dict[str, str]], Callable[[], dict[str, Any]]]

PARAMETERS = {"fast": 10, "slow": 50}
#: Bars of a first run: more than the longest window.
FIRST_BARS = 1_000


class BareContext:
    """What the bare loop's strategy needs of a context."""

    def __init__(self, universe: tuple[str, ...]) -> None:
        self.universe = universe


def config() -> RunConfig:
    """Return the settings of every run: cash for commissions to the end, so that every order trades."""
    return apply_overrides(
        default_run_config(),
        {
            "commission": {"type": "percent", "percent": Decimal("0.1")},
            "initial_equity": 100_000_000,
            "sizing": {"method": "fixed_quantity", "quantity": 100},
        },
    )


def prepare_bare(inputs: Inputs, options: dict[str, str]) -> Callable[[], dict[str, Any]]:
    """Prepare the loop that no event-driven engine can beat."""
    del options
    from benchmarks.strategies import SilentSMADualCross

    tape: Tape = inputs.data.tape
    strategy: Any = SilentSMADualCross(**PARAMETERS)
    context = BareContext(tape.symbols)
    strategy.on_start(context)

    def run() -> dict[str, Any]:
        on_bar = strategy.on_bar
        for bar in tape.bars():
            on_bar(bar, context)
        return {"fills": 0}

    return run


def engine_mode(name: str, parameters: dict[str, int]) -> Prepare:
    """Return what prepares the engine with a strategy of the benchmarks, or `strategies=` copies."""

    def prepare(inputs: Inputs, options: dict[str, str]) -> Callable[[], dict[str, Any]]:
        from benchmarks import strategies
        from qtrader.engine.backtest_engine import BacktestEngine

        given = {**parameters, **({"step": int(options["step"])} if "step" in options else {})}
        specs = [
            StrategySpec(getattr(strategies, name), strategy_id=f"strategy_{number}", parameters=given)
            for number in range(int(options.get("strategies", "1")))
        ]
        engine = BacktestEngine(config(), inputs, specs)

        def run() -> dict[str, Any]:
            engine.run()
            counts: dict[str, int] = {}
            for _, event in engine.bus.store.decisions():
                counts[event.event_type] = counts.get(event.event_type, 0) + 1
            return {"fills": counts.get("fill", 0), "events": sum(counts.values())}

        return run

    return prepare


def prepare_sweep(inputs: Inputs, options: dict[str, str]) -> Callable[[], dict[str, Any]]:
    """Prepare a sweep of the pairs; making it is part of it."""
    from qtrader.libraries.strategies import SMADualCrossColumns
    from qtrader.research.sweep import Sweep

    sets = [{"fast": fast, "slow": slow} for fast, slow in pairs_of(options)]
    rows = len(inputs.data.tape) * len(sets)

    def run() -> dict[str, Any]:
        spec = StrategySpec(SMADualCrossColumns)
        found = Sweep(config(), inputs, spec, sets, verify=int(options.get("verify", "0"))).run()
        return {
            "fills": None,
            "best": found.best_parameters,
            # The table is a frame, which is made where somebody asks for it.
            "later": lambda: {
                "trades": int(found.table["trade_count"].sum()),
                "metrics": len(found.table.columns) - len(PARAMETERS),
            },
            "rows": rows,
            "gears": {str(gear): count for gear, count in found.gear_counts.items()},
        }

    return run


def prepare_fused(inputs: Inputs, options: dict[str, str]) -> Callable[[], dict[str, Any]]:
    """Prepare the hand-written loop."""
    import numpy as np

    from benchmarks import fused

    data = Path(options["data"])
    bars = len(inputs.data.tape) // len(inputs.data.tape.symbols)
    opened, close = (
        np.ascontiguousarray(np.load(data / f"{name}.npy")[:bars].T) for name in ("open", "close")
    )
    chosen = pairs_of(options)

    def run() -> dict[str, Any]:
        found = fused.sweep(opened, close, chosen)
        return {"fills": int(found[:, 1].sum()), "rows": close.size * len(chosen)}

    return run


MODES: dict[str, Prepare] = {
    "bare": prepare_bare,
    "silent": engine_mode("SilentSMADualCross", PARAMETERS),
    "full": engine_mode("SMADualCrossStrategy", PARAMETERS),
    "slice": engine_mode("SliceSMADualCross", PARAMETERS),
    "columns": engine_mode("SMADualCrossColumns", PARAMETERS),
    "every_bar": engine_mode("EveryBarStrategy", {}),
    "sparse": engine_mode("SparseColumns", {}),
    "sweep": prepare_sweep,
    "fused": prepare_fused,
}


def measure(mode: str, folder: Path, options: dict[str, str]) -> dict[str, Any]:
    """Measure one mode; see the module."""
    options = {**options, "data": str(folder)}
    prepare = MODES[mode]
    first = None
    if options.get("cold") != "yes":
        few = synthetic.load(folder, bars=FIRST_BARS)
        began = time.perf_counter()
        prepare(few, options)()
        first = time.perf_counter() - began
    began = time.perf_counter()
    inputs = synthetic.load(folder)
    run = prepare(inputs, options)
    prepared, processor = time.perf_counter(), time.process_time()
    found = run()
    seconds, processor = time.perf_counter() - prepared, time.process_time() - processor
    later = found.pop("later", None)
    if later is not None and options.get("cold") != "yes":
        found.update(later())
    return {
        "seconds": seconds,
        "processor_seconds": processor,
        "first_seconds": first,
        "prepare_seconds": prepared - began,
        "rows": len(inputs.data.tape),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "version": __version__,
        "python": ".".join(platform.python_version_tuple()[:2]),
        **found,
    }


def main(mode: str, folder: str, *pairs_given: str) -> None:
    """Measure one mode and print it."""
    options = dict(pair.split("=", 1) for pair in pairs_given)
    print(json.dumps(measure(mode, Path(folder), options)))


if __name__ == "__main__":
    main(*sys.argv[1:])
