"""Marks made of a stream equal those looked up on a tape, whatever bars are missing and whatever splits."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.factories import at_us, split, tape_of

from qtrader.market.marks import Marks
from qtrader.market.stream_marks import StreamMarks
from qtrader.money import money_context

_SYMBOLS = ("AAPL", "MSFT")
_DAYS = range(1, 9)

_prices = st.floats(min_value=0.01, max_value=1e6, allow_nan=False).map(lambda value: round(value, 4))
_closes = st.fixed_dictionaries(
    {symbol: st.dictionaries(st.sampled_from(_DAYS), _prices, min_size=1) for symbol in _SYMBOLS}
)
_ratios = st.sampled_from(["2", "3", "0.1", "1.5", "0.3333333333"])
_splits = st.dictionaries(
    st.tuples(st.sampled_from(_DAYS), st.sampled_from(_SYMBOLS)), st.lists(_ratios, min_size=1, max_size=2)
)


@given(closes=_closes, splits=_splits)
def test_a_stream_gives_the_marks_of_a_tape(
    closes: dict[str, dict[int, float]], splits: dict[tuple[int, str], list[str]]
) -> None:
    tape = tape_of(
        {symbol: [found[day] for day in sorted(found)] for symbol, found in closes.items()},
        days={symbol: sorted(found) for symbol, found in closes.items()},
    )
    of_tape, of_stream = Marks(tape), StreamMarks()
    bars = list(tape.bars(0, len(tape)))
    seen: dict[int, Any] = {}
    with money_context():
        for day in _DAYS:
            for symbol in _SYMBOLS:
                for ratio in splits.get((day, symbol), []):
                    action = split(ratio, symbol, day=day)
                    of_tape.on_corporate_action(action)
                    of_stream.on_corporate_action(action)
            # In the evening of a day without bars, the day's splits have taken effect and nothing has closed.
            for bar in bars:
                if bar.closed_at_us == at_us(day):
                    of_stream.add(bar)
            of_tape.look(at_us(day))
            for symbol in _SYMBOLS:
                assert of_stream.mark(symbol) == of_tape.mark(symbol)
                assert str(of_stream.mark(symbol)) == str(of_tape.mark(symbol))
            # Whoever keeps values while the version stands must not miss a mark that has moved.
            for marks in (of_tape, of_stream):
                found = {symbol: marks.mark(symbol) for symbol in _SYMBOLS}
                before, version = seen.get(id(marks), (found, -1))
                assert marks.version > version or found == before
                seen[id(marks)] = (found, marks.version)
