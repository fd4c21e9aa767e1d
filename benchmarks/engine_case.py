"""One measurement of the engine in a process of its own; prints one JSON line.

    python -m benchmarks.engine_case bare|silent|full [symbols] [bars] [interval]

`bare` is a plain Python loop that builds one event object a bar and calls the same strategy; `silent` is the
engine with the strategy silenced, so that no order is ever made; `full` is the engine with all orders, bodies
validated and everything logged. Building the tape and loading the libraries are not part of the measured
time.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from benchmarks import synthetic
from qtrader.engine.backtest_engine import BacktestEngine
from qtrader.engine.config import apply_overrides, default_run_config
from qtrader.libraries.strategies import SMADualCrossStrategy
from qtrader.services.strategy.protocol import StrategySpec

if TYPE_CHECKING:
    from qtrader.engine.inputs import Inputs
    from qtrader.market.tape import Tape

PARAMETERS = {"fast": 10, "slow": 50}


class SilentSMADualCross(SMADualCrossStrategy):
    """The same strategy, which finds its crosses and keeps them to itself."""

    def _crossed(self, *_: Any) -> None:
        return


class BareContext:
    """What the bare loop's strategy needs of a context."""

    def __init__(self, universe: tuple[str, ...]) -> None:
        self.universe = universe


def run_bare(tape: Tape) -> float:
    """Time the loop that no event-driven engine can beat."""
    strategy: Any = SilentSMADualCross(**PARAMETERS)
    context = BareContext(tape.symbols)
    strategy.on_start(context)
    on_bar = strategy.on_bar
    began = time.perf_counter()
    for bar in tape.bars():
        on_bar(bar, context)
    return time.perf_counter() - began


def run_engine(inputs: Inputs, strategy: type) -> tuple[float, dict[str, int]]:
    """Time the engine from its start to its results, and count what it did."""
    config = apply_overrides(
        default_run_config(),
        # Enough cash for commissions to the end, so that no signal is refused and every order trades.
        {"commission": {"type": "percent", "percent": Decimal("0.1")}, "initial_equity": 100_000_000},
    )
    engine = BacktestEngine(config, inputs, [StrategySpec(strategy, parameters=PARAMETERS)])
    began = time.perf_counter()
    engine.run()
    seconds = time.perf_counter() - began
    counts: dict[str, int] = {}
    for _, event in engine.bus.store.decisions():
        counts[event.event_type] = counts.get(event.event_type, 0) + 1
    return seconds, counts


def main(case: str, symbols: str = "1", bars: str = "1000000", interval: str = "1m") -> None:
    """Measure one case and print it."""
    began = time.perf_counter()
    inputs = synthetic.inputs(int(symbols), int(bars), interval=interval)
    tape_seconds = time.perf_counter() - began
    counts: dict[str, int] = {}
    if case == "bare":
        seconds = run_bare(inputs.data.tape)
    else:
        seconds, counts = run_engine(inputs, SilentSMADualCross if case == "silent" else SMADualCrossStrategy)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = len(inputs.data.tape)
    print(
        json.dumps(
            {
                "seconds": seconds,
                "rows": rows,
                "tape_seconds": tape_seconds,
                "peak_mb": peak_mb,
                "events": counts,
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
