"""The agenda: where the next work lies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import inf

import pytest
from tests.engine_inputs import closes, daily, flat, hourly, inputs_of, session, split

from qtrader.clock import from_epoch_us
from qtrader.engine.agenda import NEVER_US, Agenda, PriceReaches, valuations
from qtrader.market.calendars import get_calendar
from qtrader.market.tape_build import build_tape


@dataclass(eq=False)
class Resting:
    """An order at work, as the agenda sees one."""

    symbol: str = "X"
    reach_down: float = inf
    reach_up: float = -inf
    live_from_us: int | None = 0
    order_type: str = "limit"


HOURS = build_tape([hourly(closes(*range(100, 114)))])


def test_there_is_one_valuation_for_each_session_that_has_bars() -> None:
    new_york = valuations(HOURS, get_calendar("XNYS"))
    assert [(valuation.session, from_epoch_us(valuation.instant_us).hour) for valuation in new_york] == [
        (session(0), 21),
        (session(1), 21),
    ]
    days = valuations(HOURS, get_calendar("UTC"))
    assert [(one.session, from_epoch_us(one.instant_us).isoformat()) for one in days] == [
        (date(2024, 1, 2), "2024-01-03T00:00:00+00:00"),
        (date(2024, 1, 3), "2024-01-04T00:00:00+00:00"),
    ]


def test_a_bar_that_closes_with_a_utc_day_belongs_to_that_day() -> None:
    day_us = 86_400_000_000
    part = daily([flat(1)])
    part.closed_at_us[0] = 19_724 * day_us  # 2024-01-02T00:00Z, the end of the first of January
    part.opened_at_us[0] = 19_723 * day_us
    assert [one.session for one in valuations(build_tape([part]), get_calendar("UTC"))] == [date(2024, 1, 1)]


def test_valuations_come_in_order_and_end() -> None:
    marked = valuations(HOURS, get_calendar("XNYS"))
    agenda = Agenda(HOURS, marked, [])
    assert agenda.last_valuation_us == marked[-1].instant_us
    assert [agenda.take_valuation() for _ in marked] == marked
    assert agenda.next_valuation_us == NEVER_US
    assert Agenda(HOURS, [], []).last_valuation_us < 0


def test_an_action_is_taken_at_the_first_instant_after_its_own() -> None:
    data = inputs_of(daily([flat(10)] * 3), actions=[split(1, "2")]).data
    agenda = Agenda(data.tape, [], data.actions)
    (effective_us, action) = data.actions[0]
    assert agenda.next_action_us == effective_us == int(data.tape.opened_at_us[1])
    assert agenda.row_of_action() == 1
    assert agenda.take_actions(effective_us) == ()
    assert agenda.take_actions(effective_us + 1) == ((effective_us, action),)
    assert agenda.next_action_us == NEVER_US
    assert agenda.row_of_action() == len(data.tape)


def test_rows_of_instants() -> None:
    agenda = Agenda(HOURS, [], [])
    third = int(HOURS.closed_at_us[3])
    assert (agenda.row_of_instant(third), agenda.row_of_instant(third + 1)) == (3, 4)
    assert (agenda.row_after(third - 1), agenda.row_after(third)) == (3, 4)
    assert agenda.row_of_instant(NEVER_US) == agenda.row_after(NEVER_US) == len(HOURS)


@pytest.mark.parametrize(
    ("order", "row"),
    [
        (Resting(reach_down=inf), 0),  # a market order meets any bar
        (Resting(reach_down=-inf, reach_up=107.0), 7),  # a high of 107 touches
        (Resting(reach_down=-inf, reach_up=107.5), 8),
        (Resting(reach_down=99.0, reach_up=inf), len(HOURS)),  # the price never falls there
        (Resting(reach_down=99.0, reach_up=107.0), 7),  # whatever is reached first
        (Resting(reach_down=104.0, reach_up=107.0), 0),
        (Resting(live_from_us=int(HOURS.opened_at_us[5])), 5),
        (Resting(live_from_us=int(HOURS.opened_at_us[5]) + 1), 6),
        (Resting(live_from_us=None), len(HOURS)),
    ],
)
def test_the_first_row_that_could_fill_an_order(order: Resting, row: int) -> None:
    assert PriceReaches(HOURS).first_row_for(order, 0) == row


def test_rows_before_the_present_one_are_not_looked_at() -> None:
    assert PriceReaches(HOURS).first_row_for(Resting(), 9) == 9


def test_a_far_row_is_found() -> None:
    tape = build_tape([hourly([*[flat(100)] * 300, flat(120), flat(100)])])
    assert PriceReaches(tape).first_row_for(Resting(reach_down=-inf, reach_up=110.0), 0) == 300


def test_orders_are_looked_for_on_the_finest_bars_and_the_whole_instant_is_busy() -> None:
    tape = build_tape([hourly([flat(100)] * 7), daily([(100, 120, 80, 100)]), daily([flat(50)], "A")])
    agenda = Agenda(tape, [], [])
    # The day's high of 120 fills nothing: its hours never got there.
    assert agenda.row_of_orders([Resting(reach_down=-inf, reach_up=110.0)], 0) == len(tape)
    # X's last hour and A's day close together: the instant begins with A's row.
    last_hour = Resting(live_from_us=int(tape.opened_at_us[7]))
    assert tape.symbol_at(6) == "A"
    assert agenda.row_of_orders([last_hour], 0) == 6


def test_an_instant_begins_with_its_first_symbol() -> None:
    tape = build_tape([daily([flat(10)] * 3, symbol) for symbol in ("A", "B")])
    agenda = Agenda(tape, [], [])
    assert [agenda.instant_start(row) for row in range(6)] == [0, 0, 2, 2, 4, 4]
    assert [Agenda(HOURS, [], []).instant_start(row) for row in (0, 5)] == [0, 5]


def test_a_restated_order_is_looked_for_again() -> None:
    agenda = Agenda(HOURS, [], [])
    order = Resting(reach_down=-inf, reach_up=112.0)
    assert agenda.row_of_orders([order], 0) == 12
    order.reach_up = 105.0
    assert agenda.row_of_orders([order], 0) == 5
    assert agenda.row_of_orders([order], 6) == 6
