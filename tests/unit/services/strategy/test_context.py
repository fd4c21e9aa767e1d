"""What a strategy can see and say, and what it cannot."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from tests.factories import DAY_US, RUN_ID, Ledger, at, at_us, fill_event, split, tape_of
from tests.unit.services.strategy.stage import Play, Stage

from qtrader.errors import StrategyError
from qtrader.events.events import SignalEvent
from qtrader.events.identity import Envelope, event_id
from qtrader.events.vocabulary import OrderType, SignalIntention, TimeInForce
from qtrader.market.universe import Membership, Universe


def on_day(day: int, act: Any, **stage: Any) -> Any:
    """Return what `act(context)` gives in `on_bar` of AAPL on a day."""
    given: list[Any] = []

    def on_bar(bar: Any, context: Any) -> None:
        if bar.closed_at_us == at_us(day) and bar.symbol == "AAPL":
            given.append(act(context))

    Stage(Play(on_bar), **stage).play(*range(1, day + 1))
    return given[0]


class TestPresent:
    def test_now_is_the_bars_close(self) -> None:
        assert on_day(2, lambda context: (context.now, context.now_us, context.bar.symbol)) == (
            at(2),
            at_us(2),
            "AAPL",
        )

    def test_the_account_is_valued_at_the_closes_known_now(self) -> None:
        stage: Stage

        def on_bar(bar: Any, context: Any) -> None:
            if bar.symbol == "AAPL":
                seen.append((context.cash, context.equity, context.position("AAPL").market_price))

        seen: list[Any] = []
        stage = Stage(Play(on_bar))
        ledger = Ledger("1000", mark=stage.marks.mark)
        stage.ledger.account = ledger.account
        stage.service.account = ledger.account
        ledger.trade("5", "100")
        stage.play(1, 2, 3)
        # 500 in cash and five shares at 100, 101.5 and 99.25.
        assert seen == [
            (Decimal(500), Decimal(1000), Decimal("100.0")),
            (Decimal(500), Decimal("1007.5"), Decimal("101.5")),
            (Decimal(500), Decimal("996.25"), Decimal("99.25")),
        ]

    def test_a_position_view_says_what_is_held(self) -> None:
        ledger = Ledger(AAPL="90", MSFT="20")
        ledger.trade("10", "100")
        ledger.trade("-4", "25", symbol="MSFT")
        long, short = on_day(
            1, lambda context: (context.position("AAPL"), context.position("MSFT")), ledger=ledger
        )
        assert (bool(long), long.is_long, long.is_short, long.quantity) == (True, True, False, Decimal(10))
        assert (long.average_price, long.market_price) == (Decimal(100), Decimal(100))
        assert (bool(short), short.is_long, short.is_short, short.quantity) == (
            True,
            False,
            True,
            Decimal(-4),
        )
        # Sold at 25, worth 20 now: 4 · 5 gained.
        assert (short.market_value, short.unrealized_pnl) == (Decimal(-80), Decimal(20))

    def test_a_position_that_is_not_there_is_falsy_and_worth_nothing(self) -> None:
        flat = on_day(1, lambda context: context.position("AAPL"))
        assert not flat
        assert (flat.quantity, flat.average_price, flat.market_value, flat.unrealized_pnl) == (0, None, 0, 0)

    def test_positions_of_other_strategies_are_not_shown(self) -> None:
        ledger = Ledger(AAPL="90")
        ledger.trade("10", "100", strategy_id="another")
        assert not on_day(1, lambda context: context.position("AAPL"), ledger=ledger)

    # trading starts after day 2
    @pytest.mark.parametrize(("day", "is_warmup"), [(1, True), (2, True), (3, False)])
    def test_warmup_lasts_up_to_and_including_the_instant_given(self, day: int, is_warmup: bool) -> None:
        assert on_day(day, lambda context: context.is_warmup, trading_starts_day=2) is is_warmup

    def test_without_a_universe_every_symbol_is_a_member(self) -> None:
        assert on_day(1, lambda context: context.universe) == ("AAPL", "MSFT")

    def test_the_universe_is_that_of_the_day(self) -> None:
        universe = Universe([Membership("AAPL", date(2024, 1, 1)), Membership("MSFT", date(2024, 1, 3))])
        seen = [on_day(day, lambda context: context.universe, universe=universe) for day in (1, 2, 3)]
        assert seen == [("AAPL",), ("AAPL",), ("AAPL", "MSFT")]

    def test_a_close_at_midnight_belongs_to_the_day_that_ends(self) -> None:
        # MSFT's last day is the second, whose bar closes at the midnight between the second and the third.
        universe = Universe(
            [Membership("AAPL", date(2024, 1, 1)), Membership("MSFT", date(2024, 1, 1), date(2024, 1, 2))]
        )
        service = Stage(Play(lambda bar, context: None), universe=universe).service
        assert service.members(at_us(3, 0)) == ("AAPL", "MSFT")
        assert service.members(at_us(3, 0) + 1) == ("AAPL",)


class TestPast:
    def test_history_ends_with_the_present_bar(self) -> None:
        assert on_day(3, lambda context: context.history().close.tolist()) == [100.0, 101.5, 99.25]
        assert on_day(3, lambda context: context.history("MSFT", 2).close.tolist()) == [21.0, 22.0]

    @pytest.mark.parametrize("count", [20, np.int64(20)])
    def test_a_count_in_the_place_of_the_symbol_says_how_it_is_given(self, count: Any) -> None:
        context = Stage(Play(lambda bar, context: None)).play(3).context()
        with pytest.raises(StrategyError, match=r"^history: 20 is no symbol; .*by its name, count=20$"):
            context.history(count)

    def test_history_cannot_be_asked_beyond_now_whatever_the_count(self) -> None:
        window = on_day(2, lambda context: context.history("AAPL", 1000))
        assert window.closed_at_us.tolist() == [at_us(1), at_us(2)]

    def test_spoiled_history_does_not_reach_the_next_bar(self) -> None:
        def on_bar(bar: Any, context: Any) -> None:
            window = context.history("AAPL")
            seen.append(window.close.tolist())
            window.close[:] = 0.0

        seen: list[list[float]] = []
        Stage(Play(on_bar), tape_of({"AAPL": [1.0, 2.0]})).play()
        assert seen == [[1.0], [1.0, 2.0]]

    def test_a_split_tomorrow_changes_nothing_shown_today(self) -> None:
        tape = tape_of({"AAPL": [100.0, 102.0, 51.0]}, factors={"AAPL": [1.0, 1.0, 2.0]})
        assert on_day(2, lambda context: context.history().close.tolist(), tape=tape) == [100.0, 102.0]
        assert on_day(3, lambda context: context.history().close.tolist(), tape=tape) == [50.0, 51.0, 51.0]

    @pytest.mark.parametrize("ask", ["history", "position"])
    def test_an_unknown_symbol_is_an_error_that_lists_the_known(self, ask: str) -> None:
        with pytest.raises(Exception, match=r"strategy sma: unknown symbol 'IBM'; this run has AAPL, MSFT"):
            on_day(1, lambda context: getattr(context, ask)("IBM"))

    def test_a_count_must_be_positive(self) -> None:
        with pytest.raises(Exception, match="count is 0; allowed is a positive number"):
            on_day(1, lambda context: context.history("AAPL", 0))

    def test_outside_on_bar_history_needs_a_symbol(self) -> None:
        context = Stage(Play(lambda bar, context: None)).context()
        context.turn_to(at_us(2), None)
        with pytest.raises(StrategyError, match="outside on_bar there is no bar to take the symbol from"):
            context.history()
        assert context.history("AAPL").close.tolist() == [100.0, 101.5]

    def test_no_public_name_of_the_context_leads_to_the_tape_or_the_bus(self) -> None:
        context = Stage(Play(lambda bar, context: None)).context()
        names = {name for name in dir(context) if not name.startswith("_")}
        assert names == {
            "bar", "cancel", "cash", "emit_signal", "equity", "history", "is_stopped", "is_warmup", "log",
            "logs", "modify", "now", "now_us", "orders", "position", "positions", "record", "records", "rng",
            "strategy_id", "turn_to", "universe",
        }  # fmt: skip


class TestNotes:
    def test_random_numbers_are_the_same_in_every_run_and_differ_by_strategy_and_seed(self) -> None:
        def draw(name: str, seed: int) -> list[float]:
            context = Stage({name: Play(lambda bar, context: None)}, seed=seed).context(name)
            return [context.rng.random() for _ in range(3)]

        assert draw("sma", 1) == draw("sma", 1)
        assert len({tuple(draw(name, seed)) for name in ("sma", "ema") for seed in (1, 2)}) == 4

    def test_random_numbers_do_not_touch_the_interpreters_own(self) -> None:
        random.seed(7)
        expected = random.random()  # noqa: S311 - compared, not secret
        random.seed(7)
        Stage(Play(lambda bar, context: None)).context().rng.random()
        assert random.random() == expected  # noqa: S311 - compared, not secret

    def test_log_and_record_keep_the_instant(self) -> None:
        def act(context: Any) -> Any:
            context.log("seen", close=1.5)
            context.record("spread", np.float64(0.25))
            return context.logs, context.records

        logs, records = on_day(2, act)
        assert logs == [(at_us(2), "seen", {"close": 1.5})]
        assert records == [(at_us(2), "spread", 0.25)]
        assert type(records[0][2]) is float


# argument, value, what the message says
BAD_ARGUMENTS: list[tuple[dict[str, Any], str]] = [
    (
        {"intention": "buy"},
        r"intention is 'buy'; .* open_long, close_long, open_short, close_short; did you mean open_long\?$",
    ),
    ({"intention": None}, r"intention is None; .*open_short, close_short$"),
    ({"intention": "hold"}, r"intention is 'hold'; .*open_short, close_short$"),
    ({"intention": "long"}, r"; did you mean open_long\?$"),
    ({"intention": "sell"}, r"; did you mean close_long, or open_short to go short\?$"),
    ({"intention": "SHORT"}, r"; did you mean open_short\?$"),
    ({"intention": "cover"}, r"; did you mean close_short\?$"),
    ({"intention": "close"}, r"; did you mean close_long or close_short\?$"),
    ({"intention": "Open-Long"}, r"; did you mean open_long\?$"),
    ({"order_type": "LIMIT"}, r"; did you mean limit\?$"),
    ({"symbol": "IBM"}, r"strategy sma: unknown symbol 'IBM'; this run has AAPL, MSFT"),
    ({"symbol": None}, r"unknown symbol None"),
    ({"price": 0}, r"price is 0; allowed is a number above zero"),
    ({"price": -1.5}, r"price is -1\.5; allowed is a number above zero"),
    ({"price": "ten"}, r"price is 'ten'; allowed is a number as float, int, str or Decimal"),
    ({"price": float("nan")}, r"price is nan; allowed is a finite number"),
    ({"price": Decimal("Infinity")}, r"price is Decimal\('Infinity'\); allowed is a finite number"),
    ({"price": [1]}, r"price is \[1\]; allowed is a number as"),
    ({"price": True}, r"price is True; allowed is a number as"),
    ({"quantity": 0}, r"quantity is 0; allowed is a number above zero"),
    ({"quantity": -5}, r"quantity is -5; allowed"),
    ({"quantity": "NaN"}, r"quantity is 'NaN'; allowed is a finite number"),
    ({"confidence": 1.01}, r"confidence is 1\.01; allowed is a number from 0 to 1"),
    ({"confidence": -0.01}, r"confidence is -0\.01; allowed is a number from 0 to 1"),
    ({"intention": "close_long", "fraction": 0}, r"fraction is 0; allowed is a number above 0 up to 1"),
    (
        {"intention": "close_long", "fraction": "1.5"},
        r"fraction is 1\.5; allowed is a number above 0 up to 1",
    ),
    (
        {"fraction": 0.5},
        r"fraction says how much of a position to close; it does not go with an opening signal",
    ),
    ({"intention": "close_long", "fraction": 0.5, "quantity": 5}, r"does not go with .* quantity"),
    (
        {"intention": "close_long", "stop_loss": 95},
        r"stop_loss and take_profit protect a position being opened",
    ),
    ({"intention": "close_short", "take_profit": 95}, r"they do not go with a closing signal"),
    (
        {"order_type": "iceberg"},
        r"order_type is 'iceberg'; allowed is one of market, limit, stop, stop_limit",
    ),
    ({"order_type": "limit"}, r"a limit order needs limit_price="),
    ({"order_type": "stop"}, r"a stop order needs stop_price="),
    ({"order_type": "stop_limit", "limit_price": 99}, r"a stop_limit order needs stop_price="),
    ({"order_type": "stop_limit", "stop_price": 99}, r"a stop_limit order needs limit_price="),
    ({"limit_price": 99}, r"a market order takes no limit_price; found 99"),
    ({"stop_price": 99}, r"a market order takes no stop_price; found 99"),
    (
        {"order_type": "limit", "limit_price": 99, "stop_price": 98},
        r"a limit order takes no stop_price; found 98",
    ),
    ({"order_type": "limit", "limit_price": 0}, r"limit_price is 0; allowed is a number above zero"),
    ({"order_type": "stop", "stop_price": "x"}, r"stop_price is 'x'; allowed is a number as"),
    ({"stop_loss": -1}, r"stop_loss is -1; allowed is a number above zero"),
    ({"take_profit": 0.0}, r"take_profit is 0\.0; allowed is a number above zero"),
    ({"time_in_force": "gtt"}, r"time_in_force is 'gtt'; allowed is one of day, gtc, gtd, ioc, fok"),
    ({"time_in_force": "gtd"}, r"time_in_force gtd needs expires_at="),
    ({"expires_at": datetime(2024, 2, 1, tzinfo=UTC)}, r"time_in_force gtc takes no expires_at="),
    (
        {"time_in_force": "gtd", "expires_at": datetime(2024, 2, 1)},  # noqa: DTZ001 - naive by intention
        r"expires_at is datetime.*; allowed is a datetime with a time zone",
    ),
    (
        {"time_in_force": "gtd", "expires_at": "2024-02-01"},
        r"expires_at is '2024-02-01'; allowed is a datetime",
    ),
    ({"trail_amount": 2}, r"a market order takes no trail_amount; found 2"),
    (
        {"order_type": "limit", "limit_price": 9, "trail_limit_offset": 1},
        r"limit order takes no trail_limit_off",
    ),
    (
        {"order_type": "trailing_stop"},
        r"needs one of trail_amount, trail_percent, trail_atr_multiple; found none",
    ),
    (
        {"order_type": "trailing_stop", "trail_amount": 1, "trail_percent": 2},
        r"found trail_amount and trail_percent",
    ),
    (
        {"order_type": "trailing_stop", "trail_amount": 0},
        r"trail_amount is 0; allowed is a number above zero",
    ),
    (
        {"order_type": "trailing_stop", "trail_amount": 1, "limit_price": 9},
        r"order takes no limit_price; found 9",
    ),
    ({"order_type": "trailing_stop", "trail_atr_multiple": 2}, r"trail_atr_multiple and trail_atr_period go"),
    (
        {"order_type": "trailing_stop", "trail_atr_multiple": 2, "trail_atr_period": 0.5},
        r"trail_atr_period is 0\.5; allowed is a whole number of bars, one or more",
    ),
    (
        {"order_type": "trailing_stop", "trail_amount": 1, "trail_limit_offset": 1},
        r"a trailing_stop order takes no trail_limit_offset=",
    ),
    (
        {"order_type": "trailing_stop_limit", "trail_amount": 1},
        r"trailing_stop_limit order needs trail_limit_o",
    ),
    (
        {"order_type": "trailing_stop_limit", "trail_amount": 1, "trail_limit_offset": -1},
        r"trail_limit_offset is -1; allowed is zero or more",
    ),
    ({"order_type": "market_if_touched"}, r"a market_if_touched order needs stop_price="),
    ({"order_type": "limit_on_close"}, r"a limit_on_close order needs limit_price="),
    (
        {"order_type": "market_on_open", "stop_price": 9},
        r"a market_on_open order takes no stop_price; found 9",
    ),
    (
        {"take_profit": []},
        r"take_profit is \[\]; allowed is a price, a list of prices, or of \(price, fraction\)",
    ),
    ({"take_profit": [110, (120, 1)]}, r"allowed is a price, a list of prices"),
    ({"take_profit": [110, -1]}, r"take_profit is -1; allowed is a number above zero"),
    (
        {"take_profit": [(110, 0.5), (120, 0.75)]},
        r"take_profit's fractions add up to 1\.25.*; allowed is at most 1",
    ),
    ({"take_profit": [(110, 0)]}, r"take_profit's fraction is 0; allowed is a number above 0 up to 1"),
    ({"oco_group": ""}, r"oco_group is ''; allowed is a name"),
    ({"intention": "close_long", "oco_group": "a"}, r"oco_group joins entries of which one may fill"),
    ({"after": ""}, r"after is ''; allowed is one of context.orders, an order's id, or a signal sent"),
    ({"after": 7}, r"after is 7; allowed is one of context.orders"),
    ({"after": "o", "oco_group": "a"}, r"after lets an entry wait.*; it does not go with oco_group"),
    ({"after": "o", "intention": "close_long"}, r"after lets an entry wait.*not go with a closing signal"),
]


class TestSignals:
    @pytest.mark.parametrize(("arguments", "message"), BAD_ARGUMENTS, ids=lambda value: str(value)[:60])
    def test_a_bad_argument_is_named_with_what_is_allowed_and_nothing_is_sent(
        self, arguments: dict[str, Any], message: str
    ) -> None:
        stage = Stage(Play(lambda bar, context: None)).play(1)
        context = stage.context()
        with pytest.raises(StrategyError, match=message):
            context.emit_signal(**({"symbol": "AAPL", "intention": "open_long"} | arguments))
        assert stage.signals == []
        # A refused call uses up no identity.
        assert context.emit_signal("MSFT", "open_long").signal_id.endswith(":0")

    def test_the_smallest_signal(self) -> None:
        signal = on_day(2, lambda context: context.emit_signal("AAPL", SignalIntention.OPEN_LONG))
        bar_id = next(
            b for b in Stage(Play(print)).tape.bars(run_id=RUN_ID) if b.closed_at_us == at_us(2)
        ).event_id
        own_id = event_id(RUN_ID, bar_id, "strategy:sma", at(2), 0)
        assert signal == SignalEvent(
            envelope=Envelope.known(
                event_id=own_id,
                run_id=RUN_ID,
                occurred_at=at(2),
                source_service="strategy_service",
                correlation_id=own_id,
                causation_id=bar_id,
            ),
            signal_id="sma:AAPL:20240102T210000Z:0",
            strategy_id="sma",
            symbol="AAPL",
            intention=SignalIntention.OPEN_LONG,
            price=Decimal("101.5"),
        )

    def test_the_fullest_signal(self) -> None:
        signal = on_day(
            1,
            lambda context: context.emit_signal(
                "MSFT",
                "open_short",
                20.25,
                "0.75",
                quantity=7,
                order_type="stop_limit",
                limit_price=19.5,
                stop_price=Decimal("19.75"),
                time_in_force="day",
                stop_loss="21",
                take_profit=15,
                reason="because",
            ),
        )
        assert (signal.symbol, signal.intention, signal.price) == (
            "MSFT",
            SignalIntention.OPEN_SHORT,
            Decimal("20.25"),
        )
        assert (signal.confidence, signal.quantity, signal.fraction) == (Decimal("0.75"), Decimal(7), None)
        assert (signal.order_type, signal.time_in_force) == (OrderType.STOP_LIMIT, TimeInForce.DAY)
        assert (signal.limit_price, signal.stop_price) == (Decimal("19.5"), Decimal("19.75"))
        assert (signal.stop_loss, signal.take_profit, signal.reason) == (Decimal(21), Decimal(15), "because")

    @pytest.mark.parametrize("price", [101.1, np.float64(101.1), "101.1", Decimal("101.1")])
    def test_a_price_may_come_in_any_form_and_is_exact(self, price: Any) -> None:
        assert on_day(1, lambda context: context.emit_signal("AAPL", "open_long", price)).price == Decimal(
            "101.1"
        )

    @pytest.mark.parametrize("quantity", [5, 5.0, "5", np.int64(5), np.float64(5)])
    def test_a_quantity_may_come_from_a_column(self, quantity: Any) -> None:
        signal = on_day(1, lambda context: context.emit_signal("AAPL", "open_long", quantity=quantity))
        assert signal.quantity == 5

    @pytest.mark.parametrize(("value", "kept"), [(0, "0"), (1, "1"), (0.5, "0.5")])
    def test_confidence_includes_its_bounds(self, value: float, kept: str) -> None:
        signal = on_day(1, lambda context: context.emit_signal("AAPL", "open_long", confidence=value))
        assert signal.confidence == Decimal(kept)

    def test_an_empty_reason_is_none(self) -> None:
        assert on_day(1, lambda context: context.emit_signal("AAPL", "open_long", reason="")).reason is None

    def test_another_symbols_price_is_its_last_close_known_now(self) -> None:
        tape = tape_of({"AAPL": [100.0, 101.0, 102.0], "MSFT": [20.0, 21.0]}, days={"MSFT": [1, 4]})
        prices = [
            on_day(day, lambda c: c.emit_signal("MSFT", "open_long").price, tape=tape) for day in (1, 3)
        ]
        assert prices == [Decimal("20.0"), Decimal("20.0")]

    def test_a_symbol_without_a_bar_needs_a_price(self) -> None:
        tape = tape_of({"AAPL": [100.0], "MSFT": [20.0]}, days={"MSFT": [2]})
        with pytest.raises(Exception, match="MSFT has no bar yet, so a signal for it needs price="):
            on_day(1, lambda context: context.emit_signal("MSFT", "open_long"), tape=tape)
        assert on_day(1, lambda c: c.emit_signal("MSFT", "open_long", 19).price, tape=tape) == 19

    def test_signals_of_one_instant_are_counted_by_symbol(self) -> None:
        stage = Stage(
            Play(lambda bar, context: [context.emit_signal(bar.symbol, "open_long") for _ in range(2)])
        )
        stage.play(1, 2)
        assert [signal.signal_id for signal in stage.signals] == [
            f"sma:{symbol}:2024010{day}T210000Z:{ordinal}"
            for day in (1, 2)
            for symbol in ("AAPL", "MSFT")
            for ordinal in (0, 1)
        ]
        assert len({signal.event_id for signal in stage.signals}) == 8

    def test_a_fraction_of_a_second_stands_in_the_id(self) -> None:
        context = Stage(Play(lambda bar, context: None)).context()
        context.turn_to(at_us(1) + 250, None)
        assert context.emit_signal("AAPL", "open_long", 1).signal_id == "sma:AAPL:20240101T210000000250Z:0"

    def test_two_strategies_on_one_bar_share_no_id(self) -> None:
        play = Play(lambda bar, context: context.emit_signal(bar.symbol, "open_long"))
        stage = Stage({"a": play, "b": play}, tape_of({"AAPL": [1.0]})).play(1)
        first, second = stage.signals
        assert (first.causation_id, first.signal_id[0], second.signal_id[0]) == (
            second.causation_id,
            "a",
            "b",
        )
        assert first.event_id != second.event_id

    def test_outside_a_bar_the_cause_is_what_is_being_handled(self) -> None:
        context = Stage(Play(lambda bar, context: None)).context()
        fill = fill_event(day=2)
        context.turn_to(at_us(3), fill)
        signal = context.emit_signal("AAPL", "close_long")
        assert (signal.causation_id, signal.occurred_at, signal.price) == (
            fill.event_id,
            at(3),
            Decimal("99.25"),
        )
        context.turn_to(at_us(1, 14), None)
        assert context.emit_signal("AAPL", "open_long", 1).causation_id is None

    def test_after_the_end_nothing_can_be_sent(self) -> None:
        context = Stage(Play(lambda bar, context: None)).context()
        context.is_stopped = True
        with pytest.raises(
            StrategyError, match="strategy sma: the run has ended; a signal for AAPL can no longer be sent"
        ):
            context.emit_signal("AAPL", "open_long")

    def test_a_price_after_a_split_is_in_new_shares(self) -> None:
        tape = tape_of({"AAPL": [100.0, 51.0], "MSFT": [20.0, 21.0, 22.0]}, days={"AAPL": [1, 3]})
        stage = Stage(Play(lambda bar, context: None), tape).play(1)
        stage.marks.on_corporate_action(split("2", day=2))
        context = stage.context()
        context.turn_to(at_us(1) + DAY_US, None)
        assert context.emit_signal("AAPL", "open_long").price == 50


class TestTerms:
    """What the order types and linked orders of a signal say."""

    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ([110, 120], ["0.5", "0.5"]),
            ((110, 120, 130), ["0.333333333334", "0.333333333334", "0.333333333332"]),
            (
                [(110, 1 / 3), (120, 1 / 3), (130, 1 / 3)],
                ["0.333333333334", "0.333333333334", "0.333333333332"],
            ),
            ([(110, "0.25"), (120, "0.25")], ["0.25", "0.25"]),
            ([[110, 1]], ["1"]),
        ],
    )
    def test_targets_share_an_entry(self, given: Any, kept: list[str]) -> None:
        signal = on_day(1, lambda context: context.emit_signal("AAPL", "open_long", take_profit=given))
        assert [target.fraction for target in signal.targets] == [Decimal(each) for each in kept]
        assert signal.targets[0].price == 110
        assert signal.take_profit is None
        signal.validate()

    @pytest.mark.parametrize(
        "terms",
        [
            {"order_type": "trailing_stop", "trail_amount": Decimal("1.5")},
            {"order_type": "trailing_stop", "trail_percent": Decimal(5), "stop_price": Decimal(110)},
            {"order_type": "trailing_stop", "trail_atr_multiple": Decimal(2), "trail_atr_period": 14},
            {
                "order_type": "trailing_stop_limit",
                "trail_amount": Decimal(1),
                "trail_limit_offset": Decimal(0),
            },
            {"order_type": "market_on_close"},
            {"order_type": "limit_if_touched", "stop_price": Decimal(95), "limit_price": Decimal(96)},
            {"time_in_force": "fok", "oco_group": "one"},
            {"time_in_force": "gtd", "expires_at": datetime(2024, 2, 1, tzinfo=UTC)},
        ],
        ids=str,
    )
    def test_every_type_carries_its_terms_and_obeys_the_contract(self, terms: dict[str, Any]) -> None:
        signal = on_day(1, lambda context: context.emit_signal("AAPL", "open_long", **terms))
        assert {name: getattr(signal, name) for name in terms} == terms
        signal.validate()

    @pytest.mark.parametrize(
        ("intention", "expected"), [("open_short", "open"), ("close_long", "close"), ("close_short", "close")]
    )
    def test_a_signal_stands_for_the_order_that_it_is_to_become(self, intention: str, expected: str) -> None:
        signal = on_day(
            1,
            lambda context: context.emit_signal(
                "AAPL", "open_long", after=context.emit_signal("MSFT", intention)
            ),
        )
        assert signal.after_order_id == f"sma:MSFT:20240101T210000Z:0/{expected}"
        signal.validate()

    def test_an_id_is_passed_on_as_it_is(self) -> None:
        signal = on_day(1, lambda context: context.emit_signal("AAPL", "open_long", after="any/order"))
        assert signal.after_order_id == "any/order"

    def test_an_expiry_is_kept_in_utc(self) -> None:
        expires_at = datetime(2024, 2, 1, 16, tzinfo=timezone(timedelta(hours=-5)))
        signal = on_day(
            1,
            lambda context: context.emit_signal(
                "AAPL", "open_long", time_in_force="gtd", expires_at=expires_at
            ),
        )
        assert signal.expires_at == expires_at
        assert signal.expires_at.tzinfo is UTC


class TestRequests:
    @pytest.mark.parametrize(
        ("ask", "message"),
        [
            (
                lambda c: c.modify("o"),
                r"nothing is to change in o; give quantity=, limit_price= or stop_price=",
            ),
            (lambda c: c.modify("o", quantity=0), r"quantity is 0; allowed is a number above zero"),
            (lambda c: c.modify("o", limit_price=-1), r"limit_price is -1; allowed is a number above zero"),
            (lambda c: c.modify("o", stop_price="x"), r"stop_price is 'x'; allowed is a number"),
            (lambda c: c.modify(None, quantity=1), r"order is None; allowed is one of context.orders"),
            (lambda c: c.cancel(""), r"order is ''; allowed is one of context.orders, or an order's id"),
            (lambda c: c.cancel(7), r"order is 7; allowed is one of context.orders"),
        ],
    )
    def test_a_bad_argument_is_named_and_nothing_is_sent(self, ask: Any, message: str) -> None:
        stage = Stage(Play(lambda bar, context: None)).play(1)
        with pytest.raises(StrategyError, match=message):
            ask(stage.context())
        assert stage.signals == []

    def test_requests_of_one_instant_are_counted_by_order(self) -> None:
        requests = on_day(
            1,
            lambda context: [
                context.cancel("o"),
                context.modify("o", quantity="2.50", limit_price=9.5, stop_price=8, reason="why"),
                context.cancel("p", reason=""),
            ],
        )
        assert [request.request_id for request in requests] == [
            "o/cancel:20240101T210000Z:0",
            "o/modify:20240101T210000Z:1",
            "p/cancel:20240101T210000Z:0",
        ]
        modify = requests[1]
        assert (modify.quantity, modify.limit_price, modify.stop_price, modify.reason) == (
            Decimal("2.5"),
            Decimal("9.5"),
            Decimal(8),
            "why",
        )
        for request in requests:
            request.validate()
            assert request.strategy_id == "sma"
            assert request.reason in {None, "why"}

    def test_after_the_end_nothing_can_be_asked(self) -> None:
        stage = Stage(Play(lambda bar, context: None)).play(1)
        stage.service.on_stop(at_us(2))
        with pytest.raises(
            StrategyError, match="the run has ended; a request to cancel o can no longer be sent"
        ):
            stage.context().cancel("o")
