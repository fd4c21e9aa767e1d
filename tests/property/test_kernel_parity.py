"""The sweep kernel gives what the engine gives: over random markets, terms and signals, trade by trade."""

from __future__ import annotations

import pytest
from tests.kernel_cases import differences, make_case, run_engine, run_kernel

from qtrader.research.kernel_support import unsupported

_CASES = 200
_PIECES = 10
_SOAK = 1_800
#: Of all cases the kernel hands so many to the engine at most.
_UNDECIDED = 0.05


def _compare(seeds: range) -> tuple[list[str], int, int]:
    """Return where the two disagree, how many cases are undecided, and how many trades were compared."""
    wrong: list[str] = []
    undecided = trades = 0
    for seed in seeds:
        case = make_case(seed)
        assert unsupported(case.config, case.inputs, case.signals) == ()
        found = run_kernel(case)
        results = run_engine(case)
        if found.undecided:
            undecided += 1
            continue
        trades += len(results.trade_records)
        wrong += differences(case, results, found)[:3]
    return wrong, undecided, trades


@pytest.mark.parametrize("piece", range(_PIECES))
def test_kernel_and_engine_agree(piece: int) -> None:
    size = _CASES // _PIECES
    wrong, undecided, trades = _compare(range(piece * size, (piece + 1) * size))
    assert wrong == []
    assert undecided <= 3
    assert trades > 20


@pytest.mark.soak
@pytest.mark.parametrize("piece", range(18))
def test_kernel_and_engine_agree_in_many_more(piece: int) -> None:
    size = _SOAK // 18
    first = _CASES + piece * size
    wrong, undecided, trades = _compare(range(first, first + size))
    assert wrong == []
    assert undecided <= _UNDECIDED * size + 2
    assert trades > 200
