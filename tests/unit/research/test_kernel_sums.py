"""Compiled moving sums are those of numpy and of plain Python, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtrader.libraries.indicators import SMA, bollinger_bands, sma
from qtrader.libraries.indicators.windows import anchor_interval, use_compiled

pytest.importorskip("numba")

from qtrader.research.kernel_sums import moving_sums

prices = st.floats(-1e12, 1e12, allow_nan=False) | st.sampled_from([0.0, -0.0, 0.1, 1e-300, 1e300])


@pytest.fixture(autouse=True)
def _none_left_in_use() -> Iterator[None]:
    yield
    use_compiled(None)


@given(
    values=st.lists(prices, min_size=1, max_size=60),
    repeats=st.integers(1, 30),
    period=st.integers(1, 70),
    is_sealed=st.booleans(),
)
def test_the_bits_are_those_of_both_other_forms(
    values: list[float], repeats: int, period: int, is_sealed: bool
) -> None:
    column = np.array(values * repeats)
    column.flags.writeable = not is_sealed
    with np.errstate(over="ignore", invalid="ignore"):
        use_compiled(None)
        plain = sma(column, period)
        use_compiled(moving_sums)
        compiled = sma(column, period)
    indicator = SMA(period)
    one_by_one = np.array([indicator.update(price) for price in column.tolist()])
    assert compiled.tobytes() == plain.tobytes()
    # The sign of a NaN is nobody's: only numbers are compared with the incremental form bit for bit.
    is_number = ~np.isnan(one_by_one)
    assert compiled[is_number].tobytes() == one_by_one[is_number].tobytes()
    assert np.isnan(compiled[~is_number]).all()


def test_sums_are_taken_afresh_at_the_anchors() -> None:
    period = 3
    column = np.array([1e16, 1.0, 1.0] + [1.0] * (2 * anchor_interval(period)))
    use_compiled(moving_sums)
    means = sma(column, period)
    # What the large value left behind is gone from the next anchor on.
    assert means[period - 1 + anchor_interval(period)] == 1.0
    assert means[period] != 1.0


def test_bands_use_them_too() -> None:
    column = np.cumsum(np.random.default_rng(7).normal(size=2_000)) + 100.0
    plain = bollinger_bands(column, 20, 2.0)
    use_compiled(moving_sums)
    for one, other in zip(plain, bollinger_bands(column, 20, 2.0), strict=True):
        assert one.tobytes() == other.tobytes()
