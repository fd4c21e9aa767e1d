"""Configurations: the shipped one, its parts, round trips and fingerprints."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtrader.engine.config import (
    DataSelection,
    RunConfig,
    apply_overrides,
    config_fingerprint,
    default_run_config,
    load_run_config,
    parse_run_config,
)
from qtrader.engine.config_files import shipped_policies
from qtrader.services.execution.commission_settings import PercentCommission, PerShareCommission
from qtrader.services.execution.slippage_settings import FixedBpsSlippage

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "config" / "system.yaml"


def test_the_shipped_configuration_says_what_its_comments_say() -> None:
    config = load_run_config(SHIPPED)
    assert config.data == (DataSelection(source="sample", symbols=("AAPL", "IBM", "MSFT")),)
    assert config.run.valuation_calendar == "XNYS"
    assert config.portfolio.initial_cash == Decimal(100_000)
    assert config.execution.slippage == FixedBpsSlippage(type="fixed_bps", bps=Decimal(2))
    assert config.execution.commission == PerShareCommission(
        type="per_share", amount=Decimal("0.005"), minimum=Decimal(1), maximum_percent=Decimal(1)
    )
    assert config.risk.name == "percent_of_equity"
    assert [spec.identifier for spec in config.strategy_specs] == ["sma_dual_cross"]


@pytest.mark.parametrize("name", ["system.yaml", "portfolio.yaml", "data_sources.yaml"])
def test_each_key_of_the_shipped_files_has_its_comment(name: str) -> None:
    lines = (ROOT / "config" / name).read_text(encoding="utf-8").splitlines()
    bare = [line for line in lines if ": " in line and not line.startswith("#") and "#" not in line]
    # Parameters are the strategy's own, and `type` is explained where the commission begins.
    assert [line.split(":")[0].strip() for line in bare] in ([], ["type"], ["fast", "slow", "allow_short"])


def test_without_a_configuration_the_documented_defaults_hold() -> None:
    config = default_run_config()
    assert config.portfolio.initial_cash == 100_000
    assert config.execution.commission.type == "none"
    assert config.execution.market_fill == "next_open"
    assert config.risk.model_dump()["sizing"] == {"method": "fixed_quantity", "quantity": Decimal(100)}


def test_every_shipped_policy_loads_under_its_name() -> None:
    assert shipped_policies() == ("naive", "percent_of_equity")
    for name in shipped_policies():
        assert parse_run_config({"risk": name}).risk.name == name


def test_a_policy_is_named_after_its_file_and_an_inline_one_is_custom(tmp_path: Path) -> None:
    (tmp_path / "bold.yaml").write_text(
        "sizing: {method: percent_of_equity, percent: 50}\n", encoding="utf-8"
    )
    bold = parse_run_config({"risk": "bold.yaml"}, folder=tmp_path).risk
    inline = parse_run_config({"risk": {"sizing": {"method": "percent_of_equity", "percent": 50}}}).risk
    assert (bold.name, inline.name) == ("bold", "custom")
    assert bold.sizing == inline.sizing


def test_paths_start_from_the_folder_of_the_file_that_holds_them(tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "data_sources.yaml").write_text(
        "sources: {own: {path: [../bars.csv, /far/bars.csv, 'sample:bars.csv'], universe: u.csv}}",
        encoding="utf-8",
    )
    source = parse_run_config(
        {"data_sources": "sources/data_sources.yaml"}, folder=tmp_path
    ).data_sources.sources["own"]
    assert [str(path) for path in source.path] == [
        f"{tmp_path}/sources/../bars.csv",
        "/far/bars.csv",
        "sample:bars.csv",
    ]
    assert source.universe == tmp_path / "sources" / "u.csv"


def test_only_the_sources_that_a_run_uses_are_kept() -> None:
    sources = {name: {"path": f"{name}.csv"} for name in "ab"}
    config = parse_run_config({"data_sources": {"sources": sources}, "data": {"source": "b"}})
    assert list(config.data_sources.sources) == ["b"]


@pytest.mark.parametrize(
    ("written", "type_", "percent"),
    [("0.1%", "percent", "0.1"), ("0.25 %", "percent", "0.25"), ("none", "none", None)],
)
def test_a_commission_has_short_forms(written: str, type_: str, percent: str | None) -> None:
    commission = parse_run_config({"execution": {"commission": written}}).execution.commission
    assert commission.type == type_
    if percent is not None:
        assert commission == PercentCommission(type="percent", percent=Decimal(percent))


@given(st.decimals(min_value=0, max_value=10**9, places=8))
def test_a_float_means_its_shortest_text(amount: Decimal) -> None:
    written = float(amount)
    config = parse_run_config({"portfolio": {"initial_cash": written}})
    assert config.portfolio.initial_cash == Decimal(repr(written))


names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
symbols = st.sampled_from(["AAPL", "IBM", "NO", "0700", "TRUE", "BRK.B"])
amounts = st.decimals(min_value=0, max_value=10**6, places=4)
commissions = st.one_of(
    st.just({"type": "none"}),
    st.builds(lambda percent: {"type": "percent", "percent": percent}, amounts),
    st.builds(
        lambda amount, least: {"type": "per_share", "amount": amount, "minimum": least}, amounts, amounts
    ),
    st.builds(lambda amount: {"type": "per_order", "amount": amount}, amounts),
)
parameters = st.dictionaries(
    names,
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    max_size=3,
)
configurations = st.fixed_dictionaries(
    {
        "data_sources": st.just(
            {"sources": {"s": {"path": ["sample:bars.parquet", "/x/*.csv"], "start": date(2001, 2, 3)}}}
        ),
        "data": st.builds(
            lambda held: [{"source": "s", "symbols": sorted(held)}], st.sets(symbols, min_size=1)
        ),
        "strategies": st.builds(
            lambda held: [{"strategy": "m:C", "id": "c", "parameters": held}], parameters
        ),
        "run": st.fixed_dictionaries(
            {
                "name": names,
                "start": st.none() | st.dates(),
                "seed": st.integers(0, 10**9),
                "warmup_bars": st.integers(0, 500),
            }
        ),
        "portfolio": st.builds(lambda cash: {"initial_cash": cash}, amounts),
        "execution": st.builds(
            lambda fees, bps: {"commission": fees, "slippage_bps": bps}, commissions, st.integers(0, 99)
        ),
        "risk": st.sampled_from(["naive", "percent_of_equity"]),
        "reporting": st.builds(lambda rate: {"risk_free": rate}, st.floats(-0.5, 0.5)),
    }
)


@settings(max_examples=60)
@given(configurations)
def test_the_effective_configuration_is_a_configuration_equal_to_it(content: dict[str, Any]) -> None:
    config = parse_run_config(content)
    written = json.loads(json.dumps(config.to_dict(), allow_nan=False))
    assert parse_run_config(written) == config
    assert config_fingerprint(parse_run_config(written)) == config_fingerprint(config)


def test_the_effective_configuration_is_a_file_too(tmp_path: Path) -> None:
    config = load_run_config(SHIPPED)
    (tmp_path / "effective.json").write_text(json.dumps(config.to_dict()), encoding="utf-8")
    assert load_run_config(tmp_path / "effective.json") == config


def changed(**overrides: Any) -> RunConfig:
    return apply_overrides(load_run_config(SHIPPED), overrides)


def test_names_and_places_do_not_decide(tmp_path: Path) -> None:
    config = load_run_config(SHIPPED)
    same = [
        changed(name="other"),
        changed(run_id="mine"),
        changed(directory=tmp_path),
        changed(import_from=[str(tmp_path)]),
        apply_overrides(config, {"data_sources.sources.sample.path": ["/elsewhere/bars.parquet"]}),
        apply_overrides(config, {"portfolio.initial_cash": "1E+5"}),
    ]
    assert {config_fingerprint(each) for each in same} == {config_fingerprint(config)}


def test_everything_else_decides() -> None:
    other = [
        changed(),
        changed(seed=1),
        changed(initial_cash=1),
        changed(slippage_bps=3),
        changed(risk="naive"),
        changed(risk_free=0.01),
        apply_overrides(load_run_config(SHIPPED), {"strategies.0.parameters.fast": 21}),
        apply_overrides(load_run_config(SHIPPED), {"data_sources.sources.sample.prices": "split_adjusted"}),
    ]
    assert len({config_fingerprint(each) for each in other}) == len(other)
