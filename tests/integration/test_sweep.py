"""Sweeps in the kernel: every number is the engine's, and a kernel that is wrong is found out."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.engine_inputs import daily, inputs_of

import qtrader as qt
from qtrader.cli.failures import DEFECT, exit_code
from qtrader.engine.config import RunConfig, apply_overrides
from qtrader.engine.inputs import Inputs
from qtrader.errors import StrategyError, StrategyFailedError
from qtrader.libraries.indicators import SMA
from qtrader.research import SweepMismatchError, SweepResults, sweep_kernel
from qtrader.research.kernel import METRICS, KernelResult, Undecided, run_sets
from qtrader.research.sweep import Sweep
from qtrader.services.strategy.conditions import crosses_above, crosses_below
from qtrader.services.strategy.protocol import StrategySpec
from qtrader.services.strategy.signals import Signals
from qtrader.services.strategy.vector import VectorStrategy

GRID = {"fast": [2, 3, 5], "slow": [4, 8, 13], "allow_short": [False, True]}


class Stopped(VectorStrategy):
    """Cross of averages with a protective stop and a target, in percent."""

    fast: int = 3
    slow: int = 8
    percent: float = 2.0
    fault: str = ""

    def signals(self, panel: Any) -> Any:
        if self.fault == "raises":
            msg = "what it was told"
            raise ValueError(msg)
        if self.fault == "nothing":
            return None
        fast, slow = panel.indicator(SMA(self.fast)), panel.indicator(SMA(self.slow))
        if self.fault == "day":
            return Signals(entry=crosses_above(fast, slow), time_in_force="day")
        return Signals(
            entry=crosses_above(fast, slow),
            exit=crosses_below(fast, slow),
            stop_loss=np.round(panel.close * (1 - self.percent / 100), 2),
            take_profit=np.round(panel.close * (1 + 2 * self.percent / 100), 2),
        )


def market(bars: int = 160, seed: int = 4) -> Inputs:
    """Make a symbol that wanders in steps of a cent."""
    generator = np.random.default_rng(seed)
    close = np.round(100 * np.exp(np.cumsum(generator.normal(0, 0.02, bars))), 2)
    open_ = np.round(np.concatenate(([100.0], close[:-1])) * (1 + generator.normal(0, 0.004, bars)), 2)
    spread = np.round(np.abs(generator.normal(0, 0.5, (2, bars))), 2)
    high, low = np.maximum(open_, close) + spread[0], np.minimum(open_, close) - spread[1]
    rows = zip(open_, np.round(high, 2), np.round(low, 2), close, strict=True)
    return inputs_of(daily([tuple(map(float, row)) for row in rows]))


INPUTS = market()


def swept(
    strategy: Any = "SMADualCrossColumns",
    grid: Any = None,
    settings: dict[str, Any] | None = None,
    **arguments: Any,
) -> SweepResults:
    config = apply_overrides(
        RunConfig(),
        {"commission": "0.1%", "slippage_bps": 2, "valuation_calendar": "XNYS", **(settings or {})},
    )
    return Sweep(config, INPUTS, StrategySpec(strategy), grid or GRID, **arguments).run()


@pytest.fixture(scope="module")
def results() -> SweepResults:
    return swept()


def assert_is_near(found: Any, wanted: Any) -> None:
    if wanted is None:
        assert found is None
    else:
        # Measures are ratios of small differences of amounts that agree to a billionth.
        assert math.isclose(found, wanted, rel_tol=1e-6, abs_tol=1e-9), (found, wanted)


@pytest.mark.parametrize(
    ("strategy", "grid"),
    [("SMADualCrossColumns", GRID), (Stopped, {"fast": [2, 3], "slow": [8], "percent": [0.5, 1.5, 4.0]})],
)
def test_every_row_is_a_backtest(strategy: Any, grid: Any) -> None:
    found = swept(strategy, grid)
    assert set(found.table["gear"]) == {"kernel"}
    for row in found.table.iter_rows(named=True):
        metrics = found.results(row["set"]).metrics
        for key in METRICS:
            assert_is_near(row[key], metrics[key])


def test_every_set_can_be_verified(results: SweepResults) -> None:
    whole = swept(verify=10**6)
    assert len(whole.verified) == whole.tried == 16
    assert set(whole.table["verified"]) == {True}
    # Three are, unless somebody asks for more.
    assert results.verified == tuple(sorted(results.ranking[:3]))
    assert results.table.drop("verified").equals(whole.table.drop("verified"))
    assert whole.refusal_reasons == {
        "SMADualCrossColumns: fast is 5 and slow is 4; allowed is 0 < fast < slow": 2
    }


def test_verification_can_be_left_out_and_says_so() -> None:
    found = swept(verify=0)
    assert found.verified == ()
    assert set(found.table["verified"]) == {False}
    assert any(warning.startswith("not verified: verify=0") for warning in found.warnings)


def test_the_number_of_threads_changes_nothing(results: SweepResults) -> None:
    for workers in (1, 3):
        assert swept(workers=workers).table.equals(results.table)


def test_progress_changes_nothing_and_ends_with_every_set(
    results: SweepResults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_kernel, "_WATCHED_BARS", 1)
    monkeypatch.setattr(sweep_kernel, "_LEAST_SETS", 4)
    heard: list[tuple[int, int]] = []
    asked = Sweep(results.sweep.config, INPUTS, StrategySpec("SMADualCrossColumns"), GRID)
    found = asked.run(lambda done, total: heard.append((done, total)))
    assert found.table.equals(results.table)
    assert len(heard) > 3
    assert heard[-1] == (18, 18)  # with the two that are refused
    assert heard == sorted(heard)


def test_equity_of_a_set_is_the_engines(results: SweepResults) -> None:
    number = results.ranking[0]
    curve, exact = results.equity(number), results.results(number).equity_curve
    assert curve["valued_at"].equals(exact["valued_at"])
    assert np.allclose(curve["equity"], exact["equity"], rtol=1e-9, atol=0)


Spoil = Callable[[KernelResult], KernelResult]


def planted(monkeypatch: pytest.MonkeyPatch, spoil: Spoil, *, only_kept: bool = True) -> None:
    """Let the kernel give something else than it found."""

    def run(*given: Any, **named: Any) -> KernelResult:
        found = run_sets(*given, **named)
        return spoil(found) if found.trades is not None or not only_kept else found

    monkeypatch.setattr(sweep_kernel, "run_sets", run)


def trade(field: str, change: float) -> Spoil:
    def spoil(found: KernelResult) -> KernelResult:
        assert found.trades is not None
        trades = found.trades.copy()
        second = np.flatnonzero(trades["set"] == 0)[1]
        trades[field][second] += change
        return replace(found, trades=trades)

    return spoil


def equity(found: KernelResult) -> KernelResult:
    assert found.equity is not None
    changed = found.equity.copy()
    changed[0, 40] += 0.006
    return replace(found, equity=changed)


def fewer(found: KernelResult) -> KernelResult:
    assert found.trades is not None
    last = np.flatnonzero(found.trades["set"] == 0)[-1]
    return replace(found, trades=np.delete(found.trades, last))


def measure(found: KernelResult) -> KernelResult:
    changed = found.metrics.copy()
    changed[:, METRICS.index("sharpe")] += 1e-4
    return replace(found, metrics=changed)


# what is planted → the place and the field that the error names
PLANTED: list[tuple[Spoil, str, str]] = [
    (trade("net_pnl", 0.01), "trade 1 (X, opened ", "net_pnl"),
    (trade("entry_price", 0.01), "trade 1 (X, opened ", "entry_price"),
    (trade("quantity", 1), "trade 1 (X, opened ", "quantity"),
    (trade("side", -2), "trade 1 (X, opened ", "side"),
    (trade("closed_at_us", 86_400_000_000), "trade 1 (X, opened ", "closed_at_us"),
    (trade("commission", 0.01), "trade 1 (X, opened ", "commission"),
    (fewer, "all of it", "number of trades"),
    (equity, "session 20", "equity"),
    (measure, "measures, run twice", "sharpe"),
]


@pytest.mark.parametrize(("spoil", "place", "field"), PLANTED)
def test_a_wrong_kernel_is_found_out(
    monkeypatch: pytest.MonkeyPatch, results: SweepResults, spoil: Spoil, place: str, field: str
) -> None:
    planted(monkeypatch, spoil)
    with pytest.raises(SweepMismatchError) as mismatch:
        swept()
    error = mismatch.value
    best = results.ranking[0]
    assert (error.number, error.parameters) == (best, results.parameters(best))
    assert error.place.startswith(place)
    assert error.field == field
    assert error.kernel != error.engine
    assert f"{field} is {error.kernel} in the kernel and {error.engine} in the engine" in str(error)
    # It is a defect of this program, and no mistake of whoever runs it.
    assert exit_code(error) == DEFECT


def test_a_measure_that_is_wrong_from_the_beginning_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    planted(monkeypatch, measure, only_kept=False)
    with pytest.raises(SweepMismatchError) as mismatch:
        swept()
    assert (mismatch.value.place, mismatch.value.field) == ("measures", "sharpe")


def test_what_the_kernel_does_not_vouch_for_runs_in_the_engine(
    monkeypatch: pytest.MonkeyPatch, results: SweepResults
) -> None:
    def doubt(found: KernelResult) -> KernelResult:
        metrics = found.metrics.copy()
        metrics[[0, 3]] = 7.0  # what it holds then means nothing
        doubts = tuple(Undecided(place, "cash is too close to a price", 0, "X") for place in (3, 0))
        return replace(found, metrics=metrics, undecided=doubts)

    planted(monkeypatch, doubt, only_kept=False)
    found = swept(verify=0)
    table = found.table
    assert table["gear"].to_list() == ["engine", "kernel", "kernel", "engine"] + ["kernel"] * 12
    assert found.engine_reasons == {"undecided: cash is too close to a price": 2}
    for row, wanted in zip(table.iter_rows(named=True), results.table.iter_rows(named=True), strict=True):
        for key in METRICS:
            assert_is_near(row[key], wanted[key])


def test_a_set_that_the_kernel_refuses_runs_in_the_engine_beside_the_others() -> None:
    found = swept(Stopped, {"fast": [2, 3], "fault": ["", "day"]})
    assert found.table["gear"].to_list() == ["kernel", "engine", "kernel", "engine"]
    assert found.engine_reasons == {"time_in_force is day; the kernel has gtc": 2}


# settings → how the reason begins
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"market_fill": "next_close"}, "market_fill is next_close"),
    ({"participation_percent": 10}, "participation_percent bounds fills by volume"),
    ({"latency": {"bars": 1}}, "orders have latency"),
]


@pytest.mark.parametrize(("settings", "reason"), REFUSED)
def test_settings_that_the_kernel_does_not_have_run_in_the_engine(
    settings: dict[str, Any], reason: str
) -> None:
    found = swept(grid={"fast": [2, 3]}, settings=settings)
    assert found.gear_counts == {"kernel": 0, "engine": 2, "refused": 0}
    assert next(iter(found.engine_reasons)).startswith(reason)


def test_other_measures_need_the_engine() -> None:
    found = swept(grid={"fast": [2, 3]}, metric="omega")
    assert found.engine_reasons == {"only the engine measures omega": 2}


def test_corporate_actions_need_the_engine() -> None:
    found = qt.sweep(
        qt.sample_data("MSFT"), "SMADualCrossColumns", {"fast": [5]}, start="2003-01-02", end="2003-03-31"
    )
    assert found.engine_reasons == {"corporate actions take effect on the tape": 1}


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        (
            "raises",
            StrategyFailedError,
            "sweep: fault='raises': Stopped.signals failed: ValueError: what it was told",
        ),
        ("nothing", StrategyError, "sweep: fault='nothing': Stopped.signals returned NoneType"),
    ],
)
def test_a_failing_strategy_is_named_with_its_set(fault: str, kind: Any, message: str) -> None:
    with pytest.raises(kind) as failed:
        swept(Stopped, {"fault": ["", fault]})
    assert message in str(failed.value)


WITHOUT_NUMBA = """
import sys
sys.modules["numba"] = None
import qtrader as qt
found = qt.sweep(qt.sample_data("MSFT"), "SMADualCrossColumns", {"fast": [5, 10]}, end="2000-12-29", verify=1)
print(found.gear_counts["engine"], *found.engine_reasons, sep="|")
"""


def test_without_numba_every_set_runs_in_the_engine() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_NUMBA], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"2|{sweep_kernel.INSTALL_NUMBA}"
    assert "pip install 'qtrader[research]'" in sweep_kernel.INSTALL_NUMBA
