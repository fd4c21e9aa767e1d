"""A refusal that the proceeds of closing orders would have funded names the setting, and no other does."""

from __future__ import annotations

from tests.unit.services.manager.desk import Desk, told

CASH_RULES = {"account": "cash", "limits": {"max_gross_leverage": None, "max_position_percent": None}}


class TestProceedsAsARemedy:
    REMEDY = "proceeds_fund_same_instant would have let the closing orders on their way fund it"

    def test_a_refusal_that_the_proceeds_would_have_funded_says_so(self) -> None:
        desk = Desk("10000")
        desk.hold("100")
        desk.send("close_long")
        desk.send("open_long", symbol="IBM")
        decision = desk.decisions[-1]
        assert decision.reason == "gross_leverage"
        assert decision.remedy == f"no quantity would have passed; {self.REMEDY}"
        # And so it would have.
        funded = Desk("10000", proceeds_fund_same_instant=True)
        funded.hold("100")
        funded.send("close_long")
        assert told(funded.send("open_long", symbol="IBM")) == ["buy 100 open"]
        assert funded.decisions[-1].event_id == decision.event_id

    def test_cash_is_funded_likewise(self) -> None:
        desk = Desk("10000", **CASH_RULES)
        desk.hold("50")
        desk.send("close_long")
        desk.send("open_long", symbol="IBM")
        decision = desk.decisions[-1]
        assert decision.reason == "cash"
        assert decision.remedy == f"a quantity of 50 instead of 100 would have passed; {self.REMEDY}"

    def test_what_the_proceeds_would_not_fund_whole_does_not_name_them(self) -> None:
        desk = Desk("9900")
        desk.hold("50")
        desk.send("close_long")
        desk.send("open_long", symbol="IBM")
        assert desk.decisions[-1].remedy == "a quantity of 49 instead of 100 would have passed"

    def test_where_nothing_is_being_closed_nothing_is_added(self) -> None:
        desk = Desk("5000")
        desk.hold("10")
        desk.send("open_long", symbol="IBM")
        assert desk.decisions[-1].remedy == "a quantity of 40 instead of 100 would have passed"

    def test_where_they_fund_already_nothing_is_added(self) -> None:
        desk = Desk("5000", proceeds_fund_same_instant=True)
        desk.hold("10")
        desk.send("close_long")
        desk.send("open_long", symbol="IBM")
        assert desk.decisions[-1].remedy == "a quantity of 50 instead of 100 would have passed"
