"""Membership at the instant of a signal: only members are opened, anything held may be closed."""

from __future__ import annotations

from datetime import date

import pytest
from tests.factories import at
from tests.unit.services.manager.desk import Desk, told

from qtrader.events.vocabulary import OrderPurpose
from qtrader.market.universe import Membership, Universe


class TestUniverse:
    """AAPL is a member up to and including day 2."""

    UNIVERSE = Universe([Membership("AAPL", date(2024, 1, 1), date(2024, 1, 2))])

    def desk(self) -> Desk:
        return Desk(is_member=self.UNIVERSE.contains)

    @pytest.mark.parametrize(
        ("day", "outcome"), [(1, "buy 100 open"), (2, "buy 100 open"), (3, "refused not_in_universe")]
    )
    def test_an_opening_needs_membership_at_its_instant(self, day: int, outcome: str) -> None:
        assert told(self.desk().send("open_long", day=day)) == [outcome]

    def test_the_refusal_names_symbol_and_instant_and_asks_no_risk(self) -> None:
        desk = self.desk()
        (refusal,) = desk.send("open_long", symbol="IBM", day=1)
        assert (refusal.purpose, refusal.decision_id) == (OrderPurpose.OPEN, None)
        assert refusal.message == (
            f"IBM is not in the universe at {at(1).isoformat()}; a position in it can only be closed"
        )

    def test_what_has_left_may_be_closed(self) -> None:
        desk = self.desk()
        desk.hold("100")
        assert told(desk.send("close_long", day=3)) == ["sell 100 close"]

    def test_a_reversal_closes_and_its_opening_is_refused(self) -> None:
        desk = self.desk()
        desk.hold("100")
        assert told(desk.send("open_short", day=3)) == ["sell 100 close", "refused not_in_universe"]

    def test_without_a_universe_every_symbol_belongs(self) -> None:
        assert told(Desk().send("open_long", symbol="IBM", day=3)) == ["buy 100 open"]
