"""Every refusal says where, what was found and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from qtrader.engine.config import load_run_config
from qtrader.errors import ConfigError

HEAD = """\
data_sources: {sources: {sample: {path: sample:bars.parquet}}}
data: [{source: sample, symbols: [AAPL, IBM]}]
strategies: [{strategy: BuyAndHoldStrategy}]
"""


def refusal(folder: Path, text: str) -> str:
    file = folder / "system.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_run_config(file)
    return str(refused.value).replace(f"{folder}/", "")


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("runn: {}", "system.yaml:4: runn: unknown key 'runn' (did you mean 'run'?); known are run, data, "),
        (
            "run: {strat: 1}",
            "system.yaml:4: run.strat: unknown key 'strat' (did you mean 'start'?); known are name, ",
        ),
        ("run: 5", "system.yaml:4: run: found 5; allowed is a mapping (key: value)"),
        ("run: {warmup_bars: many}", "run.warmup_bars: found 'many' (text); allowed is a whole number"),
        ("run: {warmup_bars: 1.5}", "run.warmup_bars: found 1.5; allowed is a whole number"),
        ("run: {warmup_bars: -1}", "run.warmup_bars: found -1; allowed is at least 0"),
        ("run: {seed: true}", "run.seed: found true; allowed is a number"),
        (
            "run: {start: 20100104}",
            "run.start: found the number 20100104; allowed is a date, for example 2010-01-04",
        ),
        ("run: {start: soon}", "run.start: found 'soon' (text); allowed is a date, for example 2010-01-04"),
        ("run: {start: 2010-01-04 09:30:00}", "run.start: found 2010-01-04 09:30:00; allowed is a date"),
        (
            "run: {start: 2010-01-04, end: 2010-01-03}",
            "system.yaml:4: run: the range is empty: end 2010-01-03 is before start 2010-01-04",
        ),
        ("run: {valuation_calendar: NYZE}", "run.valuation_calendar: calendar 'NYZE' is known neither"),
        ("run: {name: a/b}", "run.name: found 'a/b'; allowed is what fits the pattern"),
        (
            "run: {signal_prices: adjusted}",
            "run.signal_prices: found 'adjusted'; allowed are 'split', 'raw' or 'total_return'",
        ),
        ("portfolio: {initial_cash: -5}", "portfolio.initial_cash: found -5; allowed is at least 0"),
        ("portfolio: {initial_cash: .nan}", "portfolio.initial_cash: found nan; allowed is a finite number"),
        ("portfolio: {initial_cash: [1]}", "portfolio.initial_cash: found [1] (a list); allowed is a number"),
        ("portfolio: {base_currency: usd}", "portfolio.base_currency: found 'usd'; allowed is what fits"),
        (
            "portfolio: none.yaml",
            "none.yaml: no such file; it should hold what system.yaml:4: portfolio names it for",
        ),
        (
            "execution: {market_fill: next_opn}",
            "execution.market_fill: found 'next_opn' (did you mean 'next_open'?); allowed are 'next_open', ",
        ),
        (
            "execution: {limit_touch: maybe}",
            "execution.limit_touch: found 'maybe' (text); allowed is true or false",
        ),
        (
            "execution: {slippage_bps: 10_000}",
            "execution.slippage_bps: found 10000; allowed is less than 10000",
        ),
        (
            "execution: {commission: 0.1}",
            'execution.commission: found 0.1, a percentage or an amount? Write "0.1%"',
        ),
        (
            "execution: {commission: {type: percnt, percent: 1}}",
            "execution.commission: type: found 'percnt' (did you mean 'percent'?); allowed are 'none', ",
        ),
        ("execution: {commission: {percent: 1}}", "execution.commission: has no key 'type'"),
        (
            "execution: {commission: interactive_broker_fixed}",
            "execution.commission: type: found 'interactive_broker_fixed' (did you mean ",
        ),
        (
            "execution: {commission: {type: alpaca, minimum: 1}}",
            "execution.commission: the preset 'alpaca' takes no keys, found minimum; write out the schedule",
        ),
        (
            "execution: {commission: {type: tiered, tiers: [{above: 5, rate: 1}]}}",
            "execution.commission: the first tier is above 5; it must begin at 0",
        ),
        (
            "execution: {commission: {type: tiered, tiers: [{above: 0, rate: 1}, {above: 0, rate: 2}]}}",
            "execution.commission: tiers must ascend: above 0 stands after above 0",
        ),
        (
            "execution: {commission: {type: tiered, tiers: [{above: 0, rate: -1}]}}",
            "execution.commission.tiers[0].rate: found -1; allowed is at least 0",
        ),
        (
            "execution: {commission: {type: tiered, tiers: []}}",
            "execution.commission.tiers: ",
        ),
        (
            "execution: {commission: {type: maker_taker, maker_percent: -1, taker_percent: 0.5}}",
            "execution.commission: the rebate -1 is larger than taker_percent 0.5",
        ),
        (
            "execution: {commission: {type: custom, model: mine}}",
            "execution.commission.model: 'mine' names no class; write \"package.module:Class\"",
        ),
        (
            "execution: {commission: {type: none, us_regulatory_fees: rounded}}",
            "execution.commission.us_regulatory_fees: found 'rounded'; allowed are 'none', 'exact' or ",
        ),
        ("execution: {slippage: 5}", "execution.slippage: found 5, in which unit? Write slippage_bps: 5, or"),
        (
            "execution: {slippage: {type: spred, half_spread: 1}}",
            "execution.slippage: type: found 'spred' (did you mean 'spread'?); allowed are 'none', ",
        ),
        (
            "execution: {slippage: {type: spread, half_spread: -1}}",
            "execution.slippage.half_spread: found -1; allowed is at least 0",
        ),
        (
            "execution: {slippage: {type: square_root, days: 1}}",
            "execution.slippage.days: found 1; allowed is at least 2",
        ),
        (
            "execution: {slippage_bps: 5, slippage: {type: spread, half_spread: 1}}",
            "execution: slippage_bps and slippage are both given; give one of them",
        ),
        (
            "execution: {commission: {type: percent, percent: 1, minimun: 1}}",
            "execution.commission.minimun: unknown key 'minimun' (did you mean 'minimum'?); known are ",
        ),
        (
            "execution: {commission: {type: per_share}}",
            "execution.commission.amount: is missing",
        ),
        (
            "risk: naiv",
            "risk: unknown policy 'naiv' (did you mean 'naive'?); allowed are naive, percent_of_equity, the",
        ),
        (
            "risk: {sizing: {method: percent_of_equity, percent: 1001}}",
            "system.yaml:4: risk.sizing.percent: found 1001; allowed is at most 1000",
        ),
        (
            "risk: {limits: {allow_shorts: true}}",
            "risk.limits.allow_shorts: unknown key 'allow_shorts' (did you mean",
        ),
        ("risk: policy.yaml", "policy.yaml: no such file; it should hold a risk policy"),
        (
            "reporting: {benchmark: GOOG}",
            "reporting.benchmark: unknown symbol 'GOOG'; known are AAPL, IBM in data",
        ),
        ("reporting: {periods_per_year: 260}", "found 260; allowed are 252, 365 or 'auto'"),
        ("reporting: {risk_free: -2}", "reporting.risk_free: found -2; allowed is more than -1"),
        ("import_from: nowhere", "system.yaml:4: import_from: there is no folder"),
        ("import_from: [., 5]", "import_from: found ['.', 5]; allowed is a folder or a list of folders"),
    ],
)
def test_a_bad_value_is_named(tmp_path: Path, section: str, message: str) -> None:
    assert message in refusal(tmp_path, HEAD + section)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            "{strategy: BuyAndHold}",
            "[0].strategy: unknown strategy 'BuyAndHold' (did you mean 'BuyAndHoldStrategy'?)",
        ),
        ("{}", "[0].strategy: is missing"),
        ("{strategy: 'm:C', symbols: [APPL]}", "[0].symbols: unknown symbol 'APPL' (did you mean 'AAPL'?)"),
        ("{strategy: 'm:C', symbols: []}", "[0].symbols: "),
        (
            "{strategy: 'm:C', symbols: [7203]}",
            '[0].symbols[0]: 7203 is no text; write a symbol in quotes, for example "7203"',
        ),
        ("{strategy: 'm:C', symbols: [true]}", "[0].symbols[0]: True is no text"),
        (
            "{strategy: 'm:C', parameters: {short: no}}",
            "[0].parameters: short is no, which some read as true or false",
        ),
        (
            "{strategy: 'm:C', parameters: {a: [{b: 2010-01-04}]}}",
            "a[0].b is a date; a strategy takes dates as texts",
        ),
        ("{strategy: 'm:C', parameters: {a: .inf}}", "a is inf; a number must be finite"),
        ("{strategy: 'm:C', parameters: 5}", "[0].parameters: found 5; allowed is a mapping"),
        (
            "{strategy: 'm:C'}, {strategy: 'n:C'}",
            "[1]: the id 'c' is that of entry 0 too; each entry needs its own",
        ),
    ],
)
def test_a_bad_strategy_is_named(tmp_path: Path, entry: str, message: str) -> None:
    text = HEAD.replace("{strategy: BuyAndHoldStrategy}", entry)
    found = refusal(tmp_path, text)
    assert found.startswith("system.yaml:3: strategies[")
    assert message in found


def test_bad_data_is_named(tmp_path: Path) -> None:
    found = refusal(tmp_path, HEAD.replace("{source: sample,", "{source: sampel,"))
    assert (
        found
        == "system.yaml:2: data[0].source: unknown source 'sampel' (did you mean 'sample'?); known are sample"
    )
    found = refusal(tmp_path, HEAD.replace("path: sample", "pth: sample"))
    assert found.startswith(
        "system.yaml:1: data_sources.sources.sample.pth: unknown key 'pth' (did you mean 'path'?)"
    )
    found = refusal(tmp_path, HEAD.replace("{path:", "{start: 20100104, path:"))
    assert "sources.sample.start: found the number 20100104; allowed is a date" in found
    found = refusal(tmp_path, HEAD.replace("{sources:", "{folder: x, sources:"))
    assert "data_sources.folder: unknown key 'folder'; known are sources" in found


@pytest.mark.parametrize("name", ["data", "strategies"])
def test_a_run_needs_data_and_strategies(tmp_path: Path, name: str) -> None:
    text = "".join(line for line in HEAD.splitlines(keepends=True) if not line.startswith(f"{name}:"))
    assert (
        refusal(tmp_path, text)
        == f"system.yaml: {name}: is missing; a run needs at least one entry in {name}"
    )


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    text = HEAD + "run: {start: soon, sed: 1}\nexecution: {slippage_bps: -1}\n"
    assert [line.split(": ")[1] for line in refusal(tmp_path, text).splitlines()] == [
        "run.start",
        "run.sed",
        "execution.slippage_bps",
    ]


def test_a_fault_in_another_file_names_that_file(tmp_path: Path) -> None:
    (tmp_path / "portfolio.yaml").write_text("portfolio:\n  initial_cahs: 5\n", encoding="utf-8")
    found = refusal(tmp_path, HEAD + "portfolio: portfolio.yaml")
    assert found.startswith(
        "portfolio.yaml:2: portfolio.initial_cahs: unknown key 'initial_cahs' (did you mean"
    )


def test_a_section_stands_in_one_file_only(tmp_path: Path) -> None:
    (tmp_path / "portfolio.yaml").write_text("risk: naive\n", encoding="utf-8")
    found = refusal(tmp_path, HEAD + "portfolio: portfolio.yaml\nrisk: naive\n")
    assert found == "system.yaml:5: risk: is given here and in portfolio.yaml:1: risk; give it once"
