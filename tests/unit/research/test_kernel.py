"""The sweep kernel on markets that can be checked by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.engine_inputs import closes, daily, inputs_of
from tests.kernel_cases import make_case

from qtrader.engine.config import apply_overrides, default_run_config
from qtrader.errors import DataError, StrategyError
from qtrader.research.kernel import EXIT_PURPOSES, METRICS, REFUSALS, run_sets
from qtrader.research.kernel_columns import signals_alone
from qtrader.research.kernel_tape import KernelTape
from qtrader.research.kernel_terms import KernelTerms
from qtrader.services.strategy.conditions import crosses, side_of
from qtrader.services.strategy.signals import Signals

if TYPE_CHECKING:
    from pathlib import Path

    from qtrader.research.kernel import KernelResult

_FLAT = (100.0, 101.0, 99.0, 100.0)


def _at(rows: int, *places: int) -> Any:
    found = np.zeros((rows, 1), dtype=np.bool_)
    found[list(places)] = True
    return found


def _numbers(rows: int, value: float) -> Any:
    return np.full((rows, 1), value)


def _run(rows: list[Any], signals: Signals, **settings: Any) -> KernelResult:
    config = apply_overrides(default_run_config(), {"valuation_calendar": "XNYS", **settings})
    inputs = inputs_of(daily(rows))
    tape, terms = KernelTape.of(inputs, config), KernelTerms.of(inputs, config)
    return run_sets(tape, terms, [signals], keep_equity=True, keep_trades=True)


def test_a_trade_pays_slippage_and_commission() -> None:
    # Bought 100 at 102 + 10 bps = 102.102, up to 102.11; sold at 104 - 10 bps = 103.896, down to 103.89.
    rows = [_FLAT, (102, 103, 101, 102), (104, 105, 103, 104)]
    found = _run(
        rows,
        Signals(entry=_at(3, 0), exit=_at(3, 1)),
        execution={"slippage_bps": 10, "commission": {"type": "percent", "percent": "0.1"}},
    )
    (trade,) = found.trades
    assert (trade["quantity"], trade["entry_price"], trade["exit_price"]) == (100.0, 102.11, 103.89)
    assert trade["gross_pnl"] == 178.0
    assert trade["commission"] == 20.6  # 10.211 + 10.389
    assert EXIT_PURPOSES[trade["exit_purpose"]] == "close"
    assert found.equity.tolist() == [[100_000.0, 99_978.789, 100_157.4]]
    assert found.end_equity.tolist() == [100_157.4]
    assert found.fills.tolist() == [2]
    measures = dict(zip(METRICS, found.metrics[0].tolist(), strict=True))
    assert measures["total_return"] == pytest.approx(0.001574, abs=1e-12)
    assert (measures["win_rate"], measures["trade_count"]) == (1.0, 1.0)
    assert np.isnan(measures["profit_factor"])


@pytest.mark.parametrize(
    ("bar", "exit_price", "purpose"),
    [
        ((100, 104, 94, 96), 95.0, "stop_loss"),
        ((100, 112, 94, 100), 95.0, "stop_loss"),
        ((100, 112, 99, 100), 110.0, "take_profit"),
        ((100, 110, 99, 100), None, ""),
        ((94, 96, 93, 95), 94.0, "stop_loss"),
        ((111, 112, 109, 110), 111.0, "take_profit"),
    ],
)
def test_a_bracket_counts_from_the_entry_bar(bar: Any, exit_price: float | None, purpose: str) -> None:
    entry = Signals(entry=_at(2, 0), stop_loss=_numbers(2, 95.0), take_profit=_numbers(2, 110.0))
    (trade,) = _run([_FLAT, bar], entry).trades
    assert EXIT_PURPOSES[trade["exit_purpose"]] == purpose
    assert (None if np.isnan(trade["exit_price"]) else trade["exit_price"]) == exit_price


@pytest.mark.parametrize(
    ("terms", "bar", "price"),
    [
        ({"limit_price": 100.0}, (101, 102, 97, 97.5), 100.0),
        ({"limit_price": 100.0}, (98, 99, 97, 98), 98.0),
        ({"limit_price": 100.0}, (101, 102, 100, 101), None),
        ({"stop_price": 103.0}, (105, 106, 104, 105), 105.0),
        ({"stop_price": 103.0}, (101, 103, 100, 101), 103.0),
        ({"stop_price": 103.0, "limit_price": 104.0}, (102, 106, 101, 105), 103.0),
        ({"stop_price": 103.0, "limit_price": 102.0}, (102.5, 104, 101, 101.5), 102.0),
        ({"stop_price": 103.0, "limit_price": 102.0}, (102.5, 104, 102, 103.5), None),
    ],
)
def test_priced_entries_fill_as_the_conventions_say(
    terms: dict[str, float], bar: Any, price: float | None
) -> None:
    columns = {name: _numbers(2, value) for name, value in terms.items()}
    start = (102.0, 103.0, 101.0, 102.0)
    trades = _run([start, bar], Signals(entry=_at(2, 0), **columns)).trades
    assert [trade["entry_price"] for trade in trades] == ([] if price is None else [price])


def test_the_opposite_entry_reverses_in_two_legs() -> None:
    side = np.array([[1], [-1], [-1]])
    found = _run([_FLAT] * 3, Signals(entry=_at(3, 0, 1), side=side))
    assert found.trades["side"].tolist() == [1, -1]
    assert found.trades["open_quantity"].tolist() == [0.0, -100.0]
    assert found.fills.tolist() == [3]


def test_refusals_are_counted_by_reason() -> None:
    found = _run([_FLAT] * 4, Signals(entry=_at(4, 0, 1, 2)))
    assert dict(zip(REFUSALS, found.refusals[0].tolist(), strict=True))["already_open"] == 2
    found = _run([_FLAT] * 2, Signals(entry=_at(2, 0), quantity=1_001))
    assert dict(zip(REFUSALS, found.refusals[0].tolist(), strict=True))["position_percent"] == 1


def test_a_cross_needs_a_relation_before() -> None:
    # Above from the first bar on, a touch, NaN, then below and above again.
    fast = np.array([[2.0], [1.0], [np.nan], [0.5], [1.5], [2.0]])
    slow = np.ones((6, 1))
    found = _run([_FLAT] * 6, Signals(entry=crosses(fast, slow), side=side_of(fast, slow)))
    assert found.trades["side"].tolist() == [-1, 1]
    assert found.trades["opened_row"].tolist() == [4, 5]


def test_what_the_engine_refuses_is_handed_to_it() -> None:
    found = _run([_FLAT] * 2, Signals(entry=_at(2, 0), side=0))
    (doubt,) = found.undecided
    assert doubt.set == 0
    assert doubt.reason == "an entry has a side or a term that the engine refuses"
    assert doubt.symbol == "X"


def test_a_column_of_another_shape_is_an_error() -> None:
    with pytest.raises(StrategyError, match=r"set 0: signals: entry is bool\[3, 1\]"):
        _run([_FLAT] * 2, Signals(entry=_at(3, 0)))


def test_threads_change_nothing() -> None:
    case = make_case(7)
    tape, terms = KernelTape.of(case.inputs, case.config), KernelTerms.of(case.inputs, case.config)
    sets = [case.signals] * 40
    one, two = (
        run_sets(tape, terms, sets, threads=threads, keep_equity=True, keep_trades=True) for threads in (1, 3)
    )
    assert one.equity.tobytes() == two.equity.tobytes()
    assert one.trades.tobytes() == two.trades.tobytes()
    assert one.metrics.tobytes() == two.metrics.tobytes()
    assert (one.equity == one.equity[0]).all()


def test_a_mapped_tape_gives_the_same(tmp_path: Path) -> None:
    case = make_case(3)
    tape, terms = KernelTape.of(case.inputs, case.config), KernelTerms.of(case.inputs, case.config)
    tape.save(tmp_path / "tape")
    mapped = KernelTape.load(tmp_path / "tape")
    assert mapped.shape == tape.shape
    assert isinstance(mapped.close, np.memmap)
    one, two = (run_sets(each, terms, [case.signals], keep_equity=True) for each in (tape, mapped))
    assert one.equity.tobytes() == two.equity.tobytes()
    with pytest.raises(DataError, match="loaded from disk"):
        mapped.alone(0)


def test_a_symbol_alone_is_as_if_the_others_were_not_there() -> None:
    config = apply_overrides(default_run_config(), {"valuation_calendar": "XNYS"})
    one, two = closes(100, 101, 103, 102, 105), closes(50, 51, 49, 52, 53)
    both = inputs_of(daily(one, "A"), daily(two, "B"))
    entry = np.array([[True, False], [False, True], [False, False], [False, False], [False, False]])
    tape, terms = KernelTape.of(both, config), KernelTerms.of(both, config)
    signals = Signals(entry=entry)
    alone = run_sets(tape.alone(1), terms, [signals_alone(signals, tape, 1)], keep_equity=True)
    only = inputs_of(daily(two, "B"))
    single, own = KernelTape.of(only, config), KernelTerms.of(only, config)
    expected = run_sets(single, own, [Signals(entry=entry[:, 1:])], keep_equity=True)
    assert alone.equity is not None
    assert expected.equity is not None
    assert alone.equity.tolist() == expected.equity.tolist()
