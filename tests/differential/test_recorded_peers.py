"""QTrader still differs from its peers by the rules alone: recorded results of a few cases, compared anew.

`make differential ARGS=--record` makes the recording again; docs/differences.md says what the rules mean.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import pytest
from differential import publish, qtrader_run
from differential.cases import STRATEGIES, Case
from differential.compare import Tally, differences
from differential.examples import EXAMPLES, Example
from differential.reference import PEER_RULES, RULES
from differential.trades import Outcome

RECORDED = publish.read_recording()
CASES = publish.recorded_cases()
BY_NAME = {case.name: case for cases in CASES.values() for case in cases}
PAGE = publish.DOCS.read_text(encoding="utf-8")


@cache
def ours(name: str) -> Outcome:
    return qtrader_run.run(BY_NAME[name])


def compared(peer: str, case: Case, mine: Outcome, theirs: Outcome) -> Tally:
    tally = Tally()
    tally.add(case, peer, mine, theirs)
    return tally


@pytest.mark.parametrize("peer", PEER_RULES)
def test_nothing_that_was_recorded_differs_without_a_rule(peer: str) -> None:
    tally = Tally()
    for case in CASES[peer]:
        tally.add(case, peer, ours(case.name), RECORDED[peer][case.name])
    assert tally.complaints == []
    assert tally.same > 50


def test_every_strategy_and_every_rule_is_recorded() -> None:
    wanted = {(peer, strategy.name) for strategy in STRATEGIES for peer in strategy.peers}
    wanted |= {(peer, rule) for peer, rules in PEER_RULES.items() for rule in rules}
    assert {(peer, case.strategy) for peer, cases in CASES.items() for case in cases} == wanted
    assert {peer: set(outcomes) for peer, outcomes in RECORDED.items()} == {
        peer: {case.name for case in cases} for peer, cases in CASES.items()
    }


@pytest.mark.parametrize(
    ("example", "peer"),
    [(example, peer) for example in EXAMPLES for peer in publish.followers(example.rule)],
    ids=lambda value: value.rule if isinstance(value, Example) else value,
)
def test_an_example_differs_by_its_rule_and_by_nothing_else(example: Example, peer: str) -> None:
    case = example.case
    found = list(differences(case, peer, ours(case.name), RECORDED[peer][case.name]))
    assert [difference.rules for difference in found] == [(example.rule,)]


# Whether the comparison notices


NOTICED = BY_NAME["random-2/limit_bracket/0.1%"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"exit_price": 1e-13}, "UNEXPLAINED"),
        ({"entry_price": -1e-13}, "UNEXPLAINED"),
        ({"exit_bar": 1}, "UNEXPLAINED"),
        ({"quantity": 1}, "UNEXPLAINED"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("side", ["QTrader", "backtrader"])
def test_a_changed_trade_is_unexplained(change: dict[str, float], complaint: str, side: str) -> None:
    mine, theirs = ours(NOTICED.name), RECORDED["backtrader"][NOTICED.name]
    changed = mine if side == "QTrader" else theirs
    trade = changed.trades[3]
    other = replace(trade, **{name: getattr(trade, name) + more for name, more in change.items()})
    assert other != trade
    changed = replace(changed, trades=(*changed.trades[:3], other, *changed.trades[4:]))
    pair = (changed, theirs) if side == "QTrader" else (mine, changed)
    complaints = compared("backtrader", NOTICED, *pair).complaints
    assert any(complaint in each for each in complaints)
    assert any("does not follow" in each for each in complaints)


@pytest.mark.parametrize(("side", "place"), [("QTrader", 0), ("backtrader", 1)])
def test_a_missing_trade_a_reason_and_money_are_noticed(side: str, place: int) -> None:
    pair = [ours(NOTICED.name), RECORDED["backtrader"][NOTICED.name]]

    def complaints(**change: object) -> str:
        changed = list(pair)
        changed[place] = replace(pair[place], **change)
        return "\n".join(compared("backtrader", NOTICED, *changed).complaints)

    trades, commissions = pair[place].trades, pair[place].commissions
    other_reason = "close" if trades[0].reason != "close" else "stop_loss"
    assert complaints() == ""
    assert "UNEXPLAINED" in complaints(trades=trades[1:])
    assert "UNEXPLAINED" in complaints(trades=(replace(trades[0], reason=other_reason), *trades[1:]))
    assert f"{side}'s commissions" in complaints(commissions=(commissions[0] + 1e-6, *commissions[1:]))
    assert f"{side}'s equity" in complaints(equity=pair[place].equity + 1e-6)


# The page


def test_the_page_shows_the_examples_as_they_come_out() -> None:
    assert publish.examples_as_markdown(RECORDED) in PAGE


def test_the_page_has_a_section_for_each_rule_and_for_nothing_else() -> None:
    assert re.findall(r"^### (.+)$", PAGE, re.MULTILINE) == list(RULES)


def test_the_page_says_of_every_peer_and_strategy_that_nothing_is_unexplained() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (\d+) \| ([\d,]+) \|.* (\d+) \|$", PAGE, re.MULTILINE)
    results = {(peer, strategy): unexplained for peer, strategy, _, _, unexplained in rows}
    assert results == dict.fromkeys(
        ((peer, strategy.name) for peer in PEER_RULES for strategy in STRATEGIES if peer in strategy.peers),
        "0",
    )
    assert {cases for _, _, cases, _, _ in rows} == {"66"}
    assert all(int(trades.replace(",", "")) > 500 for _, _, _, trades, _ in rows)
