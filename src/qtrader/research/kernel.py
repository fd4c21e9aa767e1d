"""The sweep kernel: many parameter sets of a column strategy over one tape, with the engine's semantics.

Orders decided at a bar's close meet the bars after it, by the conservative fill model, and money is rounded
where the engine rounds it. The kernel goes from one place with work to the next: conditions become sorted
places, resting orders name the first bar that reaches them, and equity is taken at session closes only.

Prices, ticks and amounts are numbers on decimal grids: a decision is taken in float64 where it is clear, in
whole units where it is close, and where neither is certain the set is handed back as undecided, with place
and reason. What the kernel does not do `kernel_support.unsupported` says by name. Results depend on neither
the number of threads nor the order of the sets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from qtrader.research.kernel_tape import KernelTape
    from qtrader.research.kernel_terms import KernelTerms
    from qtrader.services.strategy.signals import Signals

#: The columns of `KernelResult.metrics`, by their names in the metric catalogue.
METRICS: Final = (
    "total_return",
    "cagr",
    "annual_volatility",
    "sharpe",
    "sortino",
    "max_drawdown",
    "calmar",
    "win_rate",
    "profit_factor",
    "trade_count",
)
#: The columns of `KernelResult.refusals`, by the reasons of the engine's refusals.
REFUSALS: Final = (
    "already_open",
    "order_pending",
    "close_pending",
    "stop_on_wrong_side",
    "target_on_wrong_side",
    "size_rounds_to_zero",
    "short_sale",
    "cash",
    "position_quantity",
    "position_percent",
    "gross_leverage",
    "warmup",
)
#: What `exit_purpose` of a trade points into; the first is that of an open trade.
EXIT_PURPOSES: Final = ("", "close", "stop_loss", "take_profit")

#: One trade, flat to flat, open ones included; sorted by set, then by opening. Amounts and prices are those
#: of the engine's trades. `symbol` is a place in the tape's symbols, `side` +1 or -1, `opened_row` and
#: `closed_row` are rows of the tape (-1 while open), `opened_at_us` and `closed_at_us` market times. What
#: an open trade does not have is NaN.
TRADE: Final = np.dtype(
    [
        ("set", np.int32),
        ("symbol", np.int32),
        ("side", np.int8),
        ("exit_purpose", np.int8),
        ("fill_count", np.int32),
        ("opened_row", np.int64),
        ("closed_row", np.int64),
        ("opened_at_us", np.int64),
        ("closed_at_us", np.int64),
        ("quantity", np.float64),
        ("entry_price", np.float64),
        ("exit_price", np.float64),
        ("entry_value", np.float64),
        ("gross_pnl", np.float64),
        ("commission", np.float64),
        ("net_pnl", np.float64),
        ("return_fraction", np.float64),
        ("open_quantity", np.float64),
    ]
)


class Undecided(NamedTuple):
    """A set that the kernel does not vouch for: its results are to be taken from the engine.

    Args:
        set: its place among the sets.
        reason: what could not be decided, in a sentence.
        closed_at_us: the instant at which it came up.
        symbol: of what.
    """

    set: int
    reason: str
    closed_at_us: int
    symbol: str


@dataclass(frozen=True, eq=False)
class KernelResult:
    """What came of the sets, in their order.

    Args:
        metrics: float64[sets, len(METRICS)]; NaN where a measure does not exist. `trade_count` counts closed
            trades.
        end_equity: float64[sets], equity at the last session close.
        refusals: int64[sets, len(REFUSALS)].
        fills: int64[sets], the number of fills.
        undecided: the sets whose other results mean nothing, each once.
        equity: float64[sets, sessions] at `KernelTape.valued_at_us`; None unless asked for.
        trades: of all sets, of dtype `TRADE`; None unless asked for.
    """

    metrics: NDArray[np.float64]
    end_equity: NDArray[np.float64]
    refusals: NDArray[np.int64]
    fills: NDArray[np.int64]
    undecided: tuple[Undecided, ...]
    equity: NDArray[np.float64] | None
    trades: NDArray[np.void] | None


def run_sets(
    tape: KernelTape,
    terms: KernelTerms,
    signals: Sequence[Signals],
    *,
    threads: int = 1,
    keep_equity: bool = False,
    keep_trades: bool = False,
) -> KernelResult:
    """Run each set's signals over the tape, all symbols in one account.

    For an account per symbol run `tape.alone(place)` with `signals_alone(signals, tape, place)` of each.

    Args:
        tape: the bars.
        terms: the settings.
        signals: one for each set, columns of `tape.shape`; `unsupported` has nothing against any of them.
        threads: how many run sets side by side; the results do not depend on it.
        keep_equity: give equity at every session close.
        keep_trades: give every trade.

    Raises:
        StrategyError: a column does not fit the tape.
    """
    from qtrader.research.kernel_columns import PlanMaker
    from qtrader.research.kernel_run import Run

    plans = PlanMaker(tape.shape)
    run = Run(tape, terms, plans.plans(signals), keep_equity=keep_equity)
    run.run(threads)
    result = run.result()
    if keep_trades:
        result = replace(result, trades=run.trades(threads))
    return result
