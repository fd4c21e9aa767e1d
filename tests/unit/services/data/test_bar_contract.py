"""Every row of a valid tape is a valid bar contract."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from qtrader.events import codec
from qtrader.services.data.memory import load_frame

PRICE = st.floats(1e-300, 1e300) | st.decimals("0.0001", "99999", places=4).map(float)
VOLUME = st.none() | st.floats(0, 1e15) | st.integers(0, 10**12).map(float)


@st.composite
def bars(draw: Any) -> dict[str, Any]:
    days = sorted(
        draw(
            st.sets(st.dates(), min_size=1, max_size=12).filter(
                lambda found: min(found).year >= 1000 and max(found).year < 9999
            )
        )
    )
    rows = [sorted(draw(st.lists(PRICE, min_size=4, max_size=4))) for _day in days]
    swap = draw(st.booleans())
    return {
        "date": days,
        "low": [row[0] for row in rows],
        "open": [row[1 + swap] for row in rows],
        "close": [row[2 - swap] for row in rows],
        "high": [row[3] for row in rows],
        "volume": [draw(VOLUME) for _day in days],
    }


@settings(max_examples=60, deadline=None)
@given(bars(), st.text(min_size=1, max_size=8).filter(str.strip))
def test_every_row_of_a_tape_is_a_valid_bar(data: Any, symbol: str) -> None:
    for bar in load_frame(data, symbol=symbol).tape.bars(run_id="run"):
        codec.validate(bar)
        assert codec.decode_as(type(bar), codec.encode(bar)).close == bar.close
