"""`qt.sweep` in the engine's gear: every number is that of a backtest, whoever runs it, in any order."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import polars as pl
import pytest
from tests.engine_inputs import closes, daily, inputs_of

import qtrader as qt
from qtrader.engine.config import RunConfig
from qtrader.engine.inputs import Inputs
from qtrader.errors import ConfigError, DataError, StrategyFailedError
from qtrader.research import Outcome, RandomSampler, SweepResults, sweep_engine
from qtrader.research.sweep import Sweep
from qtrader.research.sweep_metrics import TABLE_METRICS, Objective
from qtrader.services.strategy.protocol import StrategySpec

SETTINGS: dict[str, Any] = {"end": "2001-06-29", "valuation_calendar": "XNYS", "commission": "0.1%"}
GRID = {"fast": [5, 10, 40], "slow": [20, 50]}


class Fragile(qt.Strategy):
    """Fail where it is told to."""

    bar: int = 0
    windows: tuple[int, ...] = (1, 2)
    seen: Any = None

    def on_start(self, context: Any) -> None:
        self.count = 0

    def on_bar(self, bar: Any, context: Any) -> None:
        self.count += 1
        if self.count == self.bar:
            msg = "what it was told"
            raise ValueError(msg)
        if self.count == 2:
            context.emit_signal(bar.symbol, "open_long", quantity=self.windows[0])


class Own:
    """A strategy without the base, with a constructor of its own."""

    def __init__(self, size: int, start: int = 2) -> None:
        if size > 50:
            msg = f"size is {size}; allowed are 50"
            raise ConfigError(msg)
        if size < 0:
            msg = "a defect of the strategy"
            raise ValueError(msg)
        self.size, self.start, self.count = size, start, 0

    def on_bar(self, bar: Any, context: Any) -> None:
        self.count += 1
        if self.count == self.start:
            context.emit_signal(bar.symbol, "open_long", quantity=self.size)


def small() -> Inputs:
    return inputs_of(daily(closes(*(100 + (7 * n) % 13 for n in range(30)))))


def swept(strategy: Any, parameters: Any, **arguments: Any) -> SweepResults:
    return Sweep(RunConfig(), small(), StrategySpec(strategy), parameters, **arguments).run()


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start processes however little there is to do."""
    monkeypatch.setattr(sweep_engine, "WORTH_A_PROCESS_BARS", 0)


@pytest.fixture(scope="module")
def results() -> SweepResults:
    return qt.sweep(qt.sample_data("MSFT"), "SMADualCrossStrategy", GRID, **SETTINGS)


def single(**parameters: Any) -> qt.Results:
    return qt.backtest(qt.sample_data("MSFT"), "SMADualCrossStrategy", parameters=parameters, **SETTINGS)


def test_every_row_is_a_backtest(results: SweepResults) -> None:
    table = results.table
    assert table["set"].to_list() == [0, 1, 2, 3, 5]
    for row in table.iter_rows(named=True):
        metrics = single(fast=row["fast"], slow=row["slow"]).metrics
        assert {key: row[key] for key in TABLE_METRICS} == {key: metrics[key] for key in TABLE_METRICS}
    assert table.columns == ["set", "fast", "slow", *TABLE_METRICS, "gear", "reason", "verified"]
    assert set(table["gear"]) == {"engine"}
    assert set(table["reason"]) == {"SMADualCrossStrategy is called bar by bar"}
    assert table.schema["trade_count"] == pl.Int64


def test_what_the_strategy_refuses_is_listed_with_the_reason(results: SweepResults) -> None:
    reason = "SMADualCrossStrategy: fast is 40 and slow is 20; allowed is 0 < fast < slow"
    assert results.refused.to_dicts() == [{"set": 4, "fast": 40, "slow": 20, "reason": reason}]
    assert results.refusal_reasons == {reason: 1}
    assert results.gear_counts == {"kernel": 0, "engine": 5, "refused": 1}
    assert (results.tried, len(results)) == (5, 5)
    with pytest.raises(ConfigError, match=r"set 4 \(fast=40, slow=20\) did not run: SMADualCross"):
        results.results(4)


def test_the_best_has_the_highest_sharpe(results: SweepResults) -> None:
    highest = max(results.table["sharpe"])
    assert results.best_value == highest
    assert results.best(2)["sharpe"].to_list() == sorted(results.table["sharpe"], reverse=True)[:2]
    assert single(**results.best_parameters).metrics["sharpe"] == highest
    assert results.best_parameters == results.parameters(results.ranking[0])


def test_any_set_can_be_looked_at_whole(results: SweepResults) -> None:
    wanted = single(fast=10, slow=50)
    number = results.number({"slow": 50, "fast": 10})
    assert number == 3
    assert results.results(number).trades.equals(wanted.trades)
    curve = results.equity({"fast": 10, "slow": 50})
    assert curve.equals(wanted.equity_curve.select("valued_at", "equity"))
    with pytest.raises(ConfigError, match="no set has fast=11, slow=50"):
        results.number({"fast": 11, "slow": 50})
    with pytest.raises(ConfigError, match="there is no set 6; they are numbered 0 to 5"):
        results.equity(6)


def test_the_warnings_say_how_many_were_tried(results: SweepResults) -> None:
    first, second = results.warnings
    assert first.startswith("best of 5: ")
    assert second == (
        "5 sets ran in the engine, not in the kernel: SMADualCrossStrategy is called bar by bar (5)"
    )
    assert "best of 5" in repr(results)
    assert "best of 5" in results._repr_html_()


def test_tables_are_written(results: SweepResults, tmp_path: Any) -> None:
    assert pl.read_csv(results.to_csv(tmp_path / "a.csv")).height == 5
    assert pl.read_parquet(results.to_parquet(tmp_path / "b" / "a.parquet")).equals(results.table)


def test_a_constraint_is_counted_and_a_list_keeps_its_order() -> None:
    found = qt.sweep(
        qt.sample_data("MSFT"),
        "SMADualCrossStrategy",
        GRID,
        constraint=lambda p: p["fast"] < p["slow"],
        metric="annual_volatility",
        **SETTINGS,
    )
    assert (found.board.left_out, found.refused.height) == (1, 0)
    assert found.best_value == min(found.table["annual_volatility"])
    listed = [{"slow": 50, "fast": 10}, {"fast": 5}]
    found = qt.sweep(qt.sample_data("MSFT"), "SMADualCrossStrategy", listed, **SETTINGS)
    assert found.table.select("slow", "fast").rows() == [(50, 10), (50, 5)]  # 50 is the default


def test_a_measure_that_is_not_in_the_table_can_rank() -> None:
    found = qt.sweep(
        qt.sample_data("MSFT"),
        "SMADualCrossStrategy",
        {"fast": [5, 10]},
        metric="beta",
        maximize=False,
        benchmark="MSFT",
        **SETTINGS,
    )
    assert found.table.columns[2:-3] == [*TABLE_METRICS, "beta"]
    assert found.best_value == min(found.table["beta"])


class Climber:
    """Walk to the better neighbour; asks for the same set again at the end."""

    def __init__(self) -> None:
        self.told: list[Outcome] = []
        self.waiting = [[{"fast": 5}, {"fast": 60}], [{"fast": 10}, {"fast": 5.0}]]

    def ask(self) -> Sequence[Mapping[str, Any]]:
        return self.waiting.pop(0) if self.waiting else []

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        self.told += outcomes


def test_a_sampler_is_told_what_came_of_its_sets() -> None:
    sampler = Climber()
    found = qt.sweep(qt.sample_data("MSFT"), "SMADualCrossStrategy", sampler, **SETTINGS)
    values = [single(fast=fast).metrics["sharpe"] for fast in (5, 10)]
    assert [(one.parameters, one.value) for one in sampler.told] == [
        ({"fast": 5}, values[0]),
        ({"fast": 60}, None),
        ({"fast": 10}, values[1]),
        ({"fast": 5.0}, values[0]),
    ]
    assert "fast is 60" in str(sampler.told[1].refused)
    # The set that was asked for again was not run again.
    assert found.table["fast"].to_list() == [5, 10]


def test_a_random_sampler_obeys_the_constraint_of_the_sweep() -> None:
    found = qt.sweep(
        qt.sample_data("MSFT"),
        "SMADualCrossStrategy",
        RandomSampler(4, 2, {"fast": [5, 10, 15, 20]}),
        constraint=lambda p: p["fast"] != 15,
        **SETTINGS,
    )
    assert sorted(found.table["fast"]) == [5, 10, 20]
    assert found.refused["reason"].to_list() == ["the constraint leaves it out"]


class Cluster(Executor):
    """Send every task as bytes and run it elsewhere, as a cluster does."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        sent = pickle.dumps((fn, args, kwargs))
        self.sizes.append(len(sent))
        future: Future[Any] = Future()
        function, positional, named = pickle.loads(sent)  # noqa: S301 - made two lines above
        try:
            answer = pickle.dumps(function(*positional, **named))
            future.set_result(pickle.loads(answer))  # noqa: S301 - made above
        except Exception as error:  # noqa: BLE001 - as an executor does
            future.set_exception(error)
        return future


@pytest.mark.usefixtures("processes")
def test_the_executor_changes_nothing_and_no_bar_is_sent(results: SweepResults) -> None:
    cluster = Cluster()
    with ThreadPoolExecutor(2) as threads:
        for workers in (cluster, threads, 2):
            found = qt.sweep(
                qt.sample_data("MSFT"), "SMADualCrossStrategy", GRID, workers=workers, **SETTINGS
            )
            assert found.table.equals(results.table)
            assert found.refused.equals(results.refused)
    # A task is a path, a set and names; the tape has 376 bars of 72 bytes.
    assert max(cluster.sizes) < 2_000


@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_failing_strategy_is_named_with_its_set(workers: int) -> None:
    with pytest.raises(StrategyFailedError) as failed:
        swept(Fragile, {"bar": [0, 5]}, workers=workers)
    assert str(failed.value).startswith("sweep: bar=5: ")
    assert "what it was told" in str(failed.value)


@pytest.mark.usefixtures("processes")
def test_a_class_of_a_function_cannot_be_sent() -> None:
    class Local(Fragile):
        pass

    with pytest.raises(ConfigError, match=r"Local cannot be sent to another process .* workers=1"):
        swept(Local, {"bar": [0, 50]}, workers=2)
    assert swept(Local, {"bar": [0, 50]}, workers=1).tried == 2


def test_defaults_that_can_change_are_not_shared() -> None:
    class Collecting(qt.Strategy):
        size: int = 1
        kept: Any = []  # noqa: RUF012 - a default that the base copies

        def on_bar(self, bar: Any, context: Any) -> None:
            self.kept.append(bar.close)

    found = swept(Collecting, {"size": [1, 2]})
    maker = found.sweep.maker
    one, other = maker.make({"size": 1}), maker.make({"size": 2})
    assert one.kept == other.kept == []
    assert one.kept is not other.kept


def test_a_class_with_its_own_constructor() -> None:
    found = swept(Own, {"size": [1, 60, 2]}, metric="total_return")
    assert found.table.select("set", "size").rows() == [(0, 1), (2, 2)]
    assert found.refusal_reasons == {"size is 60; allowed are 50": 1}
    with pytest.raises(ConfigError, match=r"Own: unknown parameter 'sise' \(did you mean 'size'\?\)"):
        swept(Own, {"sise": [1]})
    with pytest.raises(StrategyFailedError, match="Own cannot be made with size=-1: ValueError: a defect"):
        swept(Own, {"size": [-1]})


def test_parameters_of_any_kind_stand_in_the_table() -> None:
    found = swept(Fragile, {"windows": [(1, 2), (3, 4)], "bar": [99, 98]}, verify=0)
    assert found.table["windows"].to_list() == ["(1, 2)", "(1, 2)", "(3, 4)", "(3, 4)"]
    assert found.number({"windows": (3, 4), "bar": 99}) == 2


def test_progress_ends_with_every_set() -> None:
    heard: list[tuple[int, int]] = []
    whole = Sweep(RunConfig(), small(), StrategySpec(Own), {"size": [1, 60, 2]})
    whole.run(lambda done, total: heard.append((done, total)))
    assert heard == [(1, 3), (2, 3), (3, 3)]  # one is refused


class NoStrategy(qt.Strategy):
    size: int = 1


# strategy, parameters, arguments → what the message says
BAD: list[tuple[Any, Any, dict[str, Any], str]] = [
    ("SMADualCrossStrategy", {"fst": [1]}, {}, "unknown parameter 'fst' (did you mean 'fast'?)"),
    ("SMADualCrossStrategy", {"fast": ["a"]}, {}, "fast is 'a', of type str; allowed is int"),
    ("SMADualCrossStrategy", {"fast": [True]}, {}, "fast is True, of type bool; allowed is int"),
    (
        "SMADualCrossStrategy",
        {"fast": [60, 70]},
        {},
        "none of 2 sets can run: SMADualCrossStrategy: fast is 60",
    ),
    (
        "SMADualCrossStrategy",
        {"fast": [5]},
        {"metric": "sharp"},
        "unknown metric 'sharp' (did you mean 'sharpe'?)",
    ),
    ("SMADualCrossStrategy", {"fast": [5]}, {"metric": "started_on"}, "unknown metric 'started_on'"),
    ("SMADualCrossStrategy", {"fast": [5]}, {"metric": "beta"}, "say maximize=True or False"),
    ("SMADualCrossStrategy", {"fast": [5]}, {"workers": 0}, "workers is 0"),
    ("SMADualCrossStrategy", {"fast": [5]}, {"workers": "many"}, "workers is 'many'"),
    ("SMADualCrossStrategy", {"fast": [5]}, {"verify": -1}, "verify is -1"),
    ("SMADualCross", {"fast": [5]}, {}, "'SMADualCross' is not shipped"),
    (Own(1), {"size": [1]}, {}, "Own is given as an object"),
    (NoStrategy, {"size": [1]}, {}, "NoStrategy is no strategy"),
]


@pytest.mark.parametrize(("strategy", "parameters", "arguments", "message"), BAD)
def test_bad_input_is_named(strategy: Any, parameters: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        swept(strategy, parameters, **arguments)
    assert message in str(refused.value)


def test_only_one_strategy_is_varied() -> None:
    with pytest.raises(ConfigError, match="2 strategies are given; a sweep varies the parameters of one"):
        qt.sweep(qt.sample_data("MSFT"), [Own, Fragile], {"size": [1]})
    with pytest.raises(DataError, match="asks for XYZ"):
        qt.sweep(qt.sample_data("MSFT"), StrategySpec(Own, symbols=("XYZ",)), {"size": [1]})


NAN = float("nan")


@pytest.mark.parametrize(
    ("metric", "values", "ranking"),
    [
        ("sharpe", [1.0, NAN, 3.0, 1.0], [2, 0, 3, 1]),
        ("annual_volatility", [1.0, NAN, 3.0, 1.0], [0, 3, 2, 1]),
        ("max_drawdown", [-0.5, -0.1, NAN], [1, 0, 2]),
    ],
)
def test_sets_are_ranked_by_what_the_measure_means(
    metric: str, values: list[float], ranking: list[int]
) -> None:
    assert Objective.of(metric).rank(values) == ranking
