"""Average volume and volatility as known at an instant, against pandas and by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtrader.events.events import CorporateActionEvent
from qtrader.market.calendars import get_calendar
from qtrader.market.corporate_actions import actions_from_rows
from qtrader.market.tape import Tape
from qtrader.market.tape_build import SymbolColumns, build_tape
from qtrader.services.execution.market_facts import TapeFacts

NEW_YORK = get_calendar("XNYS")
SESSIONS = NEW_YORK.sessions_between(date(2012, 1, 3), date(2012, 12, 31))
OPENS, CLOSES = NEW_YORK.dates_to_sessions(SESSIONS)


def daily(closes: Sequence[float], volumes: Sequence[float]) -> Tape:
    count = len(closes)
    close = np.array(closes, dtype=np.float64)
    part = SymbolColumns(
        symbol="X",
        interval="1d",
        opened_at_us=OPENS[:count],
        closed_at_us=CLOSES[:count],
        open=close,
        high=close,
        low=close,
        close=close,
        volume=np.array(volumes, dtype=np.float64),
    )
    return build_tape([part])


def facts(tape: Tape, actions: Sequence[tuple[int, CorporateActionEvent]] = ()) -> TapeFacts:
    return TapeFacts(tape, {"X": NEW_YORK}, actions)


def split(session: int, ratio: str) -> tuple[int, CorporateActionEvent]:
    day = date.fromordinal(date(1970, 1, 1).toordinal() + int(SESSIONS[session]))
    columns = ("symbol", "action", "ex_date", "ratio")
    (action,) = actions_from_rows(columns, [("X", "split", day.isoformat(), ratio)], "test")
    return int(OPENS[session]), action


@given(
    closes=st.lists(st.floats(1, 1000), min_size=30, max_size=40),
    volumes=st.lists(st.floats(0, 1e9), min_size=40, max_size=40),
    days=st.integers(2, 25),
    at=st.integers(0, 39),
)
def test_facts_are_those_of_pandas_over_the_sessions_closed_by_then(
    closes: list[float], volumes: list[float], days: int, at: int
) -> None:
    count = len(closes)
    found = facts(daily(closes, volumes[:count]))
    at = min(at, count - 1)
    opened_at_us = int(OPENS[at])
    known = pd.DataFrame({"close": closes, "volume": volumes[:count]}).iloc[:at]
    volume = found.average_daily_volume("X", days, opened_at_us)
    volatility = found.daily_volatility("X", days, opened_at_us)
    if len(known) < days:
        assert volume is None
    else:
        assert float(volume or 0) == pytest.approx(known["volume"].tail(days).mean(), rel=1e-12, abs=1e-9)
    if len(known) < days + 1:
        assert volatility is None
    else:
        expected = known["close"].pct_change().tail(days).std(ddof=1)
        # Both take the difference of nearly equal numbers where prices hardly move.
        assert float(volatility or 0) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_a_session_counts_from_its_close_on() -> None:
    found = facts(daily([100, 110, 99], [10, 20, 60]))
    assert found.average_daily_volume("X", 2, int(CLOSES[1]) - 1) is None
    assert found.average_daily_volume("X", 2, int(CLOSES[1])) == 15
    assert found.average_daily_volume("X", 2, int(CLOSES[2])) == 40
    # Returns 10 % and -10 %: their standard deviation is sqrt(0.02).
    volatility = found.daily_volatility("X", 2, int(CLOSES[2]))
    assert float(volatility or 0) == pytest.approx(0.02**0.5, rel=1e-12)


def test_a_split_is_no_return_and_no_jump_in_volume() -> None:
    """Two for one at the third session: 100 shares before are 200 of today's, and 100.00 is 50.00."""
    plain = facts(daily([100, 110, 121, 133.1], [100, 100, 100, 100]))
    divided = facts(daily([100, 110, 60.5, 66.55], [100, 100, 200, 200]), [split(2, "2")])
    for at in (int(CLOSES[3]), int(OPENS[4])):
        assert divided.average_daily_volume("X", 4, at) == 200
        assert divided.daily_volatility("X", 3, at) == pytest.approx(plain.daily_volatility("X", 3, at))
    # Before it takes effect it is not known; at the open of its session it is.
    assert divided.average_daily_volume("X", 2, int(CLOSES[1])) == 100
    assert divided.average_daily_volume("X", 2, int(OPENS[2])) == 200


def test_unknown_volume_makes_the_average_unknown_and_not_smaller() -> None:
    found = facts(daily([1, 1, 1, 1], [10, float("nan"), 30, 50]))
    assert found.average_daily_volume("X", 3, int(CLOSES[3])) is None
    assert found.average_daily_volume("X", 2, int(CLOSES[3])) == 40


def test_intraday_bars_are_gathered_into_sessions() -> None:
    """Three bars in each of three sessions, the last at the close; half a session does not count."""
    opened, closed, closes, volumes = [], [], [], []
    for place in range(3):
        step = (int(CLOSES[place]) - int(OPENS[place])) // 3
        for part in range(3):
            opened.append(int(OPENS[place]) + part * step)
            closed.append(int(OPENS[place]) + (part + 1) * step)
            closes.append(100.0 + 10 * place + part)
            volumes.append(10.0 * (place + 1))
    price = np.array(closes)
    tape = build_tape(
        [
            SymbolColumns(
                symbol="X",
                interval="1h",
                opened_at_us=np.array(opened),
                closed_at_us=np.array(closed),
                open=price,
                high=price,
                low=price,
                close=price,
                volume=np.array(volumes),
            )
        ]
    )
    found = facts(tape)
    assert found.average_daily_volume("X", 2, int(CLOSES[2])) == 75
    assert found.average_daily_volume("X", 2, int(CLOSES[2]) - 1) == 45
    expected = pd.Series([102.0, 112.0, 122.0]).pct_change().std(ddof=1)
    assert float(found.daily_volatility("X", 2, int(CLOSES[2])) or 0) == pytest.approx(expected, rel=1e-12)


def test_a_symbol_without_a_calendar_has_utc_days() -> None:
    day_us = 86_400_000_000
    price = np.full(3, 5.0)
    opened = np.arange(3, dtype=np.int64) * day_us
    part = SymbolColumns(
        symbol="C",
        interval="1d",
        opened_at_us=opened,
        closed_at_us=opened + day_us,
        open=price,
        high=price,
        low=price,
        close=price,
        volume=np.array([1.0, 2.0, 3.0]),
    )
    found = TapeFacts(build_tape([part]), {}, ())
    assert found.average_daily_volume("C", 3, 3 * day_us) == Decimal(2)
    assert found.daily_volatility("C", 2, 3 * day_us) == 0
