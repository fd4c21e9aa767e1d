"""The workloads: which cases are measured side by side, and what they must show.

All trade the crossover of 10 and 50 bars, 100 shares, 0.1 % commission, at the next open, unless a workload
says otherwise. W5, which streams 50,000,000 bars from disk, is `benchmarks.streaming`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import reference
from benchmarks.harness import Case, Dataset, Found, ratios
from benchmarks.peers.adapter import pairs_of

if TYPE_CHECKING:
    from pathlib import Path

    Found_ = dict[str, Found]

MINUTES, DAYS = 1_000_000, 2_520
FULL, BARE, SILENT = "QTrader, callback", "bare loop", "QTrader, callback, silent"
COLUMNS, SLICE = "QTrader, columns", "QTrader, on_slice"
SWEEP, FUSED = "QTrader, qt.sweep", "hand-fused numba loop"


@dataclass(frozen=True)
class Goal:
    """A ratio that is asked for.

    Attributes:
        text: what is compared.
        values: the ratio of each round, from what was found; empty where something is missing.
        bound: the least, or with `at_most` the most, that it must be.
        stretch: what would be better still.
    """

    text: str
    values: Callable[[dict[str, Found]], list[float]]
    bound: float
    at_most: bool = False
    stretch: float | None = None


@dataclass(frozen=True)
class Workload:
    """Cases that take turns, and the goals among them."""

    name: str
    title: str
    about: str
    cases: tuple[Case, ...]
    goals: tuple[Goal, ...] = ()
    fills: Callable[[Path, int | None], int] | None = None
    warms_caches: bool = False
    unit: str = "bars"


def times_faster(ours: str, *theirs: str) -> Callable[[dict[str, Found]], list[float]]:
    """Return how many times faster ours is than the fastest of theirs that ran."""

    def values(found: dict[str, Found]) -> list[float]:
        present = [name for name in theirs if name in found and found[name].runs]
        if not present or not found[ours].runs:
            return []
        fastest = min(present, key=lambda name: min(found[name].per_row))
        return ratios(found, fastest, ours)

    return values


def times_of(ours: str, theirs: str) -> Callable[[dict[str, Found]], list[float]]:
    """Return what part of theirs ours takes."""
    return lambda found: ratios(found, ours, theirs) if ours in found and theirs in found else []


def ours(label: str, mode: str, data: Dataset, *options: str) -> Case:
    """Return a case of QTrader."""
    return Case(label, "qtrader", mode, data, options, kind="ours")


def one_symbol(scale: int) -> Workload:
    """W1: one symbol, minute bars. Slow peers run a tenth of them, once; their rates are compared."""
    data = Dataset(1, MINUTES // scale)
    tenth = Dataset(1, MINUTES // scale // 10)
    return Workload(
        "W1",
        f"1 symbol x {data.bars:,} minute bars",
        "One Python call a bar; all of QTrader's bodies are validated and everything is logged. Peers with "
        f"* were given {tenth.bars:,} bars, once: their rate is what is compared.",
        (
            Case(BARE, "qtrader", "bare", data, kind="reference"),
            ours(SILENT, "silent", data),
            ours(FULL, "full", data),
            ours(COLUMNS, "columns", data),
            Case("raptorbt, class, means in Python", "raptorbt", "class", data),
            Case("raptorbt, class, its indicators", "raptorbt", "class_streaming", data),
            Case("raptorbt, class, crosses precomputed", "raptorbt", "class_array", data),
            Case("nautilus_trader *", "nautilus", "callback", tenth, once=True),
            Case("backtesting.py *", "backtesting", "callback", tenth, once=True),
            Case("backtrader *", "backtrader", "callback", tenth, once=True),
            Case("basana *", "basana", "callback", tenth, once=True),
            Case("deployquant *", "deployquant", "callback", tenth, once=True),
            Case("ml4t-backtest *", "ml4t", "callback", tenth, once=True),
            Case("carrotquant, callback *", "carrotquant", "callback", tenth, once=True),
            Case("vectorbt, signals, numba", "vectorbt", "signals_numba", data, once=True),
            Case("vectorbt, signals, rust", "vectorbt", "signals_rust", data),
            Case("carrotquant, signals", "carrotquant", "arrays", data),
            Case("nanoback, targets", "nanoback", "arrays", data),
        ),
        (
            Goal("silent engine / bare loop", times_of(SILENT, BARE), 1.25, at_most=True),
            Goal(
                "callback: times faster than the fastest closed-loop callback peer",
                times_faster(FULL, "raptorbt, class, means in Python", "raptorbt, class, its indicators"),
                2.0,
                stretch=3.0,
            ),
            Goal(
                "callback: times faster than raptorbt with crosses precomputed",
                times_faster(FULL, "raptorbt, class, crosses precomputed"),
                1.0,
            ),
            Goal(
                "callback: times faster than nautilus_trader", times_faster(FULL, "nautilus_trader *"), 20.0
            ),
            Goal("columns: times faster than callback", times_faster(COLUMNS, FULL), 1.3, stretch=2.0),
        ),
    )


def many_symbols(scale: int) -> Workload:
    """W2: many symbols, daily bars."""
    data = Dataset(500, DAYS // scale, "1d")
    few = Dataset(50, DAYS // scale, "1d")
    return Workload(
        "W2",
        f"500 symbols x {data.bars:,} days",
        f"One account for all. Peers with * were given {few.symbols} symbols, once.",
        (
            Case(BARE, "qtrader", "bare", data, kind="reference"),
            ours(SILENT, "silent", data),
            ours(FULL, "full", data),
            ours(SLICE, "slice", data),
            ours(COLUMNS, "columns", data),
            Case("ml4t-backtest, per-symbol Python", "ml4t", "callback", data),
            Case("carrotquant, callback", "carrotquant", "callback", data),
            Case("raptorbt, portfolio class", "raptorbt", "portfolio", data),
            Case("nautilus_trader *", "nautilus", "callback", few, once=True),
            Case("backtrader *", "backtrader", "callback", few, once=True),
            Case("zipline-reloaded *", "zipline", "callback", few, once=True),
            Case("vectorbt, signals, numba", "vectorbt", "signals_numba", data, once=True),
            Case("vectorbt, signals, rust", "vectorbt", "signals_rust", data),
            Case("carrotquant, signals", "carrotquant", "arrays", data),
        ),
        (
            Goal(
                "callback: times faster than ml4t-backtest",
                times_faster(FULL, "ml4t-backtest, per-symbol Python"),
                5.0,
                stretch=8.0,
            ),
            Goal(
                "on_slice: times faster than carrotquant's callback",
                times_faster(SLICE, "carrotquant, callback"),
                1.5,
                stretch=2.0,
            ),
            Goal("columns: times faster than callback", times_faster(COLUMNS, FULL), 1.3, stretch=2.0),
        ),
    )


def sweeps(scale: int) -> tuple[Workload, ...]:
    """W3 and the sweeps of the other two: parameter sets over one tape, on all cores."""
    return (
        sweep_of("W3", "10,000 minute bars x 400 (fast, slow) pairs", Dataset(1, 10_000 // scale), 400),
        sweep_of(
            "W1 sweep", f"{MINUTES // scale:,} minute bars x 400 pairs", Dataset(1, MINUTES // scale), 400, 16
        ),
        sweep_of(
            "W2 sweep",
            f"500 symbols x {DAYS // scale:,} days x 400 pairs",
            Dataset(500, DAYS // scale, "1d"),
            400,
            4,
        ),
    )


def sweep_of(name: str, title: str, data: Dataset, sets: int, peer_sets: int | None = None) -> Workload:
    """Return a sweep's workload; peers may be given fewer sets, because they keep every bar of each."""
    given = (f"sets={sets}",)
    fewer = given if peer_sets is None else (f"sets={peer_sets}",)
    mark = "" if peer_sets is None else " *"
    peers = [
        Case(f"vectorbt, numba{mark}", "vectorbt", "sweep_numba", data, fewer, once=True),
        Case(f"vectorbt, rust{mark}", "vectorbt", "sweep_rust", data, fewer),
        Case(f"vectorbt, rust, no metrics{mark}", "vectorbt", "sweep_rust", data, (*fewer, "metrics=no")),
    ]
    if data.symbols == 1:
        peers.append(Case(f"raptorbt, batch{mark}", "raptorbt", "sweep", data, fewer))
    return Workload(
        name,
        title,
        "Indicators and metrics are part of each run; the hand-fused loop has none of the latter "
        "(benchmarks/fused.py says what it does). The first run, which compiles, is apart."
        + ("" if peer_sets is None else f" Peers with * were given {peer_sets} pairs: rates are compared."),
        (
            Case(FUSED, "qtrader", "fused", data, given, kind="reference"),
            Case(SWEEP, "qtrader", "sweep", data, given, kind="ours"),
            *peers,
        ),
        (
            Goal("qt.sweep / hand-fused loop", times_of(SWEEP, FUSED), 1.5, at_most=True, stretch=1.0),
            Goal(
                "qt.sweep: times faster than the fastest peer, with metrics",
                times_faster(SWEEP, *(case.label for case in peers if "metrics=no" not in case.options)),
                10.0,
            ),
        ),
        reference_of_sweep,
        unit="bars x sets",
    )


def order_path(scale: int) -> Workload:
    """W4: an order on every bar."""
    data = Dataset(1, 50_000 // scale)
    given = ("logic=every_bar",)

    def bars_of_the_bare_loop(found: dict[str, Found]) -> list[float]:
        runs = [found[name].per_row for name in ("QTrader, every bar", SILENT, BARE) if name in found]
        if len(runs) < 3:
            return []
        return [(trading - silent) / bare for trading, silent, bare in zip(*runs, strict=False)]

    return Workload(
        "W4",
        f"1 symbol x {data.bars:,} minute bars, an order on every bar",
        "The order path: signal, verdict, order, fill, lots, ledger. What an order costs is the run less the "
        "silent one, in bars of the bare loop.",
        (
            Case(BARE, "qtrader", "bare", data, kind="reference"),
            ours(SILENT, "silent", data),
            ours("QTrader, every bar", "every_bar", data),
            Case("raptorbt, class", "raptorbt", "class", data, given),
            Case("ml4t-backtest", "ml4t", "callback", data, given, once=True),
            Case("carrotquant, callback", "carrotquant", "callback", data, given, once=True),
            Case("backtesting.py", "backtesting", "callback", data, given, once=True),
            Case("backtrader", "backtrader", "callback", data, given, once=True),
        ),
        (
            Goal(
                "an order's path, in bars of the bare loop",
                bars_of_the_bare_loop,
                80.0,
                at_most=True,
                stretch=40.0,
            ),
        ),
        lambda folder, _: reference.every_bar_of_folder(folder),
    )


def first_result(scale: int) -> Workload:
    """From the start of a process to the first result of W3, the disk cache warm."""
    data = Dataset(1, 10_000 // scale)
    return Workload(
        "first result",
        "W3 in a process of its own, from its start to its end, disk cache warm",
        "Whole processes. One run of each comes before, so that what can be cached on disk is.",
        (
            Case("python -c 'import numba'", "process", "import numba", kind="reference"),
            Case(SWEEP, "qtrader", "sweep", data, ("cold=yes",), kind="ours"),
            Case("vectorbt, numba", "vectorbt", "sweep_numba", data, ("cold=yes", "metrics=no"), once=True),
            Case("vectorbt, rust", "vectorbt", "sweep_rust", data, ("cold=yes",)),
            Case("raptorbt, batch", "raptorbt", "sweep", data, ("cold=yes",)),
        ),
        (
            Goal(
                "qt.sweep, whole process / import numba",
                whole_of(SWEEP, "python -c 'import numba'"),
                2.5,
                at_most=True,
                stretch=1.5,
            ),
        ),
        reference_of_sweep,
        warms_caches=True,
        unit="bars x sets",
    )


def reference_of_sweep(folder: Path, sets: int | None) -> int:
    """Count the fills of a sweep's pairs; of all of them where no number is given."""
    return reference.sweep_of_folder(folder, pairs_of({} if sets is None else {"sets": sets}))


def whole_of(ours: str, theirs: str) -> Callable[[dict[str, Found]], list[float]]:
    """Return what part of their whole process ours takes."""

    def values(found: dict[str, Found]) -> list[float]:
        if ours not in found or theirs not in found:
            return []
        pairs = zip(found[ours].runs, found[theirs].runs, strict=False)
        return [one["whole_seconds"] / other["whole_seconds"] for one, other in pairs]

    return values


def long_tapes(scale: int) -> Workload:
    """Return the same orders on ten times the bars: what a bar without an order costs on columns."""
    short, long = Dataset(1, MINUTES // scale // 10), Dataset(1, MINUTES // scale)
    few, many = "QTrader, columns, 1/10 of the bars", "QTrader, columns, all bars"

    def bar_more(found: dict[str, Found]) -> list[float]:
        runs = [found[name].runs for name in (many, few, BARE) if name in found]
        if len(runs) < 3:
            return []
        return [
            (one["seconds"] - other["seconds"])
            / (one["rows"] - other["rows"])
            / (bare["seconds"] / bare["rows"])
            for one, other, bare in zip(*runs, strict=False)
        ]

    return Workload(
        "longer tapes",
        f"as many orders on {short.bars:,} and on {long.bars:,} minute bars",
        "A strategy on columns that trades every n bars, with n ten times as large on ten times the bars.",
        (
            Case(BARE, "qtrader", "bare", long, kind="reference"),
            ours(few, "sparse", short, "step=100"),
            ours(many, "sparse", long, "step=1000"),
        ),
        (Goal("each bar more, in bars of the bare loop", bar_more, 0.05, at_most=True),),
        lambda _, __: short.bars // 100,
    )


def start_up() -> Workload:
    """Whole processes."""
    polars, command = "python -c 'import polars'", "qtrader backtest, no report"
    program = ("-c", "from qtrader.cli import main; main()", "backtest", "config/system.yaml", "--no-report")
    return Workload(
        "start-up",
        "the shipped example, from the process's start to its results",
        "`python -m benchmarks.start_up` measures more of it.",
        (
            Case(polars, "process", "import polars", kind="reference"),
            Case(command, "process", "", options=program, kind="ours"),
        ),
        (Goal("qtrader backtest / import polars", whole_of(command, polars), 3.0, at_most=True),),
        warms_caches=True,
    )
