"""What a comparison leaves behind: tables for docs/differences.md and the recording for the fast tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import astuple
from pathlib import Path

from differential import qtrader_run
from differential.cases import COMMISSION_PERCENT, STRATEGIES, Case, case_of
from differential.compare import Tally
from differential.examples import DECISION, EXAMPLES, Example
from differential.reference import PEER_RULES
from differential.tapes import random_tape
from differential.trades import Outcome, Trade

Table = dict[tuple[str, str], Tally]
Outcomes = dict[str, dict[str, Outcome]]

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs" / "differences.md"
RECORDING = ROOT / "tests" / "differential" / "recorded.json"
RECORDED_SEEDS = (1, 2)
RECORDED_BARS = 120

_RESULTS_HEAD = (
    "| peer | strategy | cases | trades | same | explained, by rule | unexplained |\n"
    "|---|---|---:|---:|---:|---|---:|"
)
_EXAMPLES_HEAD = (
    "| rule | order | bars: open, high, low, close | QTrader | the peer | who |\n|---|---|---|---|---|---|"
)


def as_markdown(table: Table) -> str:
    """Write a row for each peer and strategy."""
    rows = [_RESULTS_HEAD]
    for (peer, strategy), tally in table.items():
        explained = "; ".join(
            f"{count:,} {' + '.join(f'`{rule}`' for rule in rules)}"
            for rules, count in sorted(tally.explained.items(), key=lambda item: (-item[1], item[0]))
        )
        counts = f"{tally.cases} | {tally.trades:,} | {tally.same:,} | {explained or '0'}"
        rows.append(f"| `{peer}` | `{strategy}` | {counts} | {len(tally.complaints)} |")
    return "\n".join(rows)


def examples_as_markdown(recorded: Outcomes) -> str:
    """Write a row for each rule; peers that share a rule do the same in its example."""
    rows = [_EXAMPLES_HEAD]
    for example in EXAMPLES:
        found: dict[str, list[str]] = {}
        for peer in followers(example.rule):
            trades = recorded[peer][example.case.name].trades
            found.setdefault(_in_words(trades), []).append(peer)
        ours = _in_words(qtrader_run.run(example.case).trades)
        bars = "; ".join(", ".join(f"{price:g}" for price in row) for row in example.rows)
        rows += [
            f"| `{example.rule}` | {example.asked} | {bars} | {ours} | {theirs} | {', '.join(peers)} |"
            for theirs, peers in found.items()
        ]
    return "\n".join(rows)


def followers(rule: str) -> list[str]:
    """List the peers that follow a rule."""
    return [peer for peer, rules in PEER_RULES.items() if rule in rules]


def _in_words(trades: tuple[Trade, ...]) -> str:
    return "; ".join(map(_trade_in_words, trades)) or "no trade"


def _trade_in_words(trade: Trade) -> str:
    entry = f"{trade.side} at {trade.entry_price:g}"
    if trade.exit_bar is None or trade.exit_price is None or trade.reason is None:
        return f"{entry}, still held"
    reason = trade.reason.replace("_", " ")
    return f"{entry}, {reason} at {trade.exit_price:g} in bar {trade.exit_bar - DECISION}"


def write_docs(table: Table | None, tapes: int) -> None:
    """Replace the tables of the page; the results stay as they are without a table of them."""
    text = DOCS.read_text(encoding="utf-8")
    if table is not None:
        note = (
            f"Each strategy on AAPL, IBM and MSFT, with and without commission, and on {tapes} random tapes, "
            "every other one with commission:"
        )
        text = _replaced(text, "results", f"{note}\n\n{as_markdown(table)}")
    text = _replaced(text, "examples", examples_as_markdown(read_recording()))
    DOCS.write_text(text, encoding="utf-8")


def _replaced(text: str, name: str, content: str) -> str:
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n\n{content}\n\n{end}{after}"


def recorded_cases() -> dict[str, list[Case]]:
    """Give the cases of the recording, by peer: the examples, and every strategy on two random tapes."""
    found = {peer: [each.case for each in _examples_of(peer)] for peer in PEER_RULES}
    for strategy in STRATEGIES:
        for seed, rate in zip(RECORDED_SEEDS, ("0", COMMISSION_PERCENT), strict=True):
            case = case_of(random_tape(seed, RECORDED_BARS), strategy, rate)
            for peer in strategy.peers:
                found[peer].append(case)
    return found


def _examples_of(peer: str) -> list[Example]:
    return [example for example in EXAMPLES if example.rule in PEER_RULES[peer]]


def record(run: Callable[[str, list[Case]], Mapping[str, Outcome]]) -> None:
    """Write what the peers make of the cases of the recording."""
    peers = []
    for peer, cases in recorded_cases().items():
        outcomes = run(peer, cases)
        rows = [f"  {json.dumps(case.name)}: {_packed(outcomes[case.name])}" for case in cases]
        peers.append(f"{json.dumps(peer)}: {{\n" + ",\n".join(rows) + "\n}")
    RECORDING.parent.mkdir(exist_ok=True)
    RECORDING.write_text("{\n" + ",\n".join(peers) + "\n}\n", encoding="utf-8")


def read_recording() -> Outcomes:
    """Read what the peers made of the cases of the recording, by peer and case."""
    found = json.loads(RECORDING.read_text(encoding="utf-8"))
    return {
        peer: {
            name: Outcome(tuple(Trade(*row) for row in trades), tuple(commissions), equity)
            for name, (trades, commissions, equity) in outcomes.items()
        }
        for peer, outcomes in found.items()
    }


def _packed(outcome: Outcome) -> str:
    rows = [astuple(trade) for trade in outcome.trades]
    return json.dumps([rows, outcome.commissions, outcome.equity], separators=(",", ":"))
