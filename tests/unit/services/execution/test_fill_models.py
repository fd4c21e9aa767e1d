"""Fill models by name, and one of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.strategies_events import PRICES
from tests.unit.services.execution.matching_tables import MIRRORS, Mirror, fill_text, rows

from qtrader.errors import ConfigError
from qtrader.events.vocabulary import FillBasis, OrderType, Side
from qtrader.services.execution.fill_models import FILL_MODELS, FillModel, OhlcFillModel, fill_model
from qtrader.services.execution.matching import (
    BarPrices,
    FillMatch,
    Match,
    MatchingRule,
    OrderTerms,
    TriggerMatch,
    at_open,
)
from qtrader.services.execution.matching_trailing import Trail

# order | open, high, low, close | conservative | touch | mid
MODELS = """
market          | 100,104,94,96   | 100 open  | 100 open  | 99 mid
market          | 100,100,100,100 | 100 open  | 100 open  | 100 mid
market          | 100,103,100,101 | 100 open  | 100 open  | 101.5 mid
market-on-open  | 100,104,94,96   | 100 open  | 100 open  | 100 open
market-on-close | 100,104,94,96   | 96 close  | 96 close  | 96 close
limit 100       | 101,102,100,101 | -         | 100 limit | -
limit 100       | 100,102,100,101 | -         | 100 open  | -
limit 100       | 101,102,99,101  | 100 limit | 100 limit | 100 limit
limit 100       | 101,102,101,101 | -         | -         | -
stop 103        | 100,104,94,96   | 103 stop  | 103 stop  | 103 stop
touched 95      | 100,104,94,96   | 95 touch  | 95 touch  | 95 touch
limit-on-open 100  | 100,104,94,96 | -        | 100 open  | -
limit-on-close 96  | 100,104,94,96 | -        | 96 close  | -
"""


@MIRRORS
@pytest.mark.parametrize("row", rows(MODELS, 5), ids=" ".join)
def test_the_models_differ_as_their_names_say(mirror: Mirror, row: tuple[str, ...]) -> None:
    order, bar, *expected = row
    found = []
    for name in ("conservative", "touch", "mid"):
        match = fill_model(name).match_order(mirror.terms(order), mirror.bar(bar))
        assert not isinstance(match, TriggerMatch)
        found.append("-" if match is None else fill_text(mirror, match))
    assert found == expected


@MIRRORS
def test_touch_holds_for_exits_and_trailing_limits_too(mirror: Mirror) -> None:
    bar = mirror.bar("100,110,96,105")
    stop, target = mirror.price("90"), mirror.price("110")
    entry = at_open(bar.open)
    assert fill_model("conservative").match_exits(mirror.other_side, entry, stop, target, bar).target is None
    touched = fill_model("touch").match_exits(mirror.other_side, entry, stop, target, bar).target
    assert touched is not None
    assert fill_text(mirror, touched) == "110 limit"
    terms = OrderTerms(mirror.other_side, OrderType.TRAILING_STOP_LIMIT, None, mirror.price("98"))
    trail, falling = Trail(Decimal(50), limit_offset=Decimal(0)), mirror.bar("100,100,97,97.5")
    strict = fill_model("conservative").match_trailing(terms, trail, falling).match
    assert isinstance(strict, TriggerMatch)
    loose = fill_model("touch").match_trailing(terms, trail, falling).match
    assert isinstance(loose, FillMatch)
    assert fill_text(mirror, loose) == "98 stop"


def test_an_unknown_model_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(ConfigError, match="'hopeful' is unknown; allowed is one of conservative, touch, mid"):
        fill_model("hopeful")


@dataclass(frozen=True, slots=True)
class WorstPrintFillModel(OhlcFillModel):
    """Buy market orders at the high and sell them at the low."""

    def match_order(
        self,
        terms: OrderTerms,
        bar: BarPrices,
        rule: MatchingRule = MatchingRule.OPEN,
        *,
        is_session_open: bool = True,
        is_session_close: bool = True,
    ) -> Match:
        if terms.order_type is OrderType.MARKET:
            price = bar.high if terms.side is Side.BUY else bar.low
            return FillMatch(price, FillBasis.STOP, at_open=False, is_low_ahead=False, is_high_ahead=False)
        return OhlcFillModel.match_order(
            self, terms, bar, rule, is_session_open=is_session_open, is_session_close=is_session_close
        )


def test_a_model_of_ones_own_overrides_one_method() -> None:
    model: FillModel = WorstPrintFillModel()
    bar = BarPrices(Decimal(100), Decimal(104), Decimal(94), Decimal(96))
    bought = model.match_order(OrderTerms(Side.BUY, OrderType.MARKET), bar)
    sold = model.match_order(OrderTerms(Side.SELL, OrderType.MARKET), bar)
    assert isinstance(bought, FillMatch)
    assert isinstance(sold, FillMatch)
    assert (bought.reference_price, sold.reference_price) == (104, 94)
    limit = OrderTerms(Side.BUY, OrderType.LIMIT, Decimal(95))
    assert model.match_order(limit, bar) == fill_model("conservative").match_order(limit, bar)


CENTS = st.integers(9_000, 11_000).map(lambda cents: Decimal(cents) / 100)


@st.composite
def bars(draw: st.DrawFn) -> BarPrices:
    low, first, last, high = sorted(draw(st.tuples(CENTS, CENTS, CENTS, CENTS)))
    opened, close = draw(st.permutations([first, last]))
    return BarPrices(opened, high, low, close)


@st.composite
def order_terms(draw: st.DrawFn) -> OrderTerms:
    order_type = draw(st.sampled_from(sorted(PRICES)))
    has_limit, has_stop = PRICES[order_type]
    return OrderTerms(
        draw(st.sampled_from(Side)),
        order_type,
        draw(CENTS) if has_limit else None,
        draw(CENTS) if has_stop else None,
        is_triggered=has_limit and has_stop and draw(st.booleans()),
    )


SESSIONS = st.fixed_dictionaries({"is_session_open": st.booleans(), "is_session_close": st.booleans()})


@settings(max_examples=100, deadline=None)
@given(terms=order_terms(), bar=bars(), session=SESSIONS, rule=st.sampled_from(MatchingRule))
@pytest.mark.parametrize("name", FILL_MODELS)
def test_a_fill_lies_in_the_bar_and_never_beyond_its_limit(
    name: str, terms: OrderTerms, bar: BarPrices, session: dict[str, bool], rule: MatchingRule
) -> None:
    match = fill_model(name).match_order(terms, bar, rule, **session)
    if not isinstance(match, FillMatch):
        return
    assert bar.low <= match.reference_price <= bar.high
    if terms.limit_price is not None:
        sign = 1 if terms.side is Side.BUY else -1
        assert sign * match.reference_price <= sign * terms.limit_price


@settings(max_examples=100, deadline=None)
@given(terms=order_terms(), bar=bars(), session=SESSIONS)
def test_touch_fills_whatever_conservative_fills_and_at_the_same_price(
    terms: OrderTerms, bar: BarPrices, session: dict[str, bool]
) -> None:
    strict = fill_model("conservative").match_order(terms, bar, **session)
    touched = fill_model("touch").match_order(terms, bar, **session)
    if isinstance(strict, FillMatch):
        assert isinstance(touched, FillMatch)
        assert touched.reference_price == strict.reference_price


@settings(max_examples=100, deadline=None)
@given(terms=order_terms(), bar=bars(), session=SESSIONS)
@pytest.mark.parametrize("name", FILL_MODELS)
def test_a_sell_is_a_buy_in_the_mirror(
    name: str, terms: OrderTerms, bar: BarPrices, session: dict[str, bool]
) -> None:
    def mirror(price: Decimal | None) -> Decimal | None:
        return None if price is None else 200 - price

    other = Side.SELL if terms.side is Side.BUY else Side.BUY
    turned = terms._replace(
        side=other, limit_price=mirror(terms.limit_price), stop_price=mirror(terms.stop_price)
    )
    turned_bar = BarPrices(200 - bar.open, 200 - bar.low, 200 - bar.high, 200 - bar.close)
    match = fill_model(name).match_order(terms, bar, **session)
    found = fill_model(name).match_order(turned, turned_bar, **session)
    if isinstance(match, FillMatch):
        match = match._replace(
            reference_price=200 - match.reference_price,
            is_low_ahead=match.is_high_ahead,
            is_high_ahead=match.is_low_ahead,
        )
    elif match is not None:
        match = match._replace(fill_price=mirror(match.fill_price))
    assert found == match
