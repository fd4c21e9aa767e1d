"""Declarations are checked key by key, and every refusal says file, key path, value and what is allowed."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from qtrader.errors import ConfigError
from qtrader.sample import SampleData
from qtrader.services.data.service import DataService
from qtrader.services.data.source import DataSources, PriceBasis, load_sources_config, parse_sources

WHOLE = """
sources:
  us:
    path: [bars/*.csv, more]
    format: csv
    columns: {time: Date, close: Settle}
    symbol_from: file_name
    symbol_pattern: "([A-Z]+)"
    timezone: America/New_York
    bar_label: open
    interval: 5m
    prices: split_adjusted
    dividends: as_paid
    calendar: XNYS
    exchange: Nasdaq
    currency: USD
    tick_size: 0.05
    quantity_step: 0.001
    corporate_actions: actions.csv
    universe: universe.csv
    on_bad_bar: drop
    start: 2020-01-02
    end: 2020-12-31
  crypto:
    path: btc.csv
    preset: binance
    tick_size: null
"""


def write(tmp_path: Path, text: Any) -> Path:
    file = tmp_path / "data_sources.yaml"
    file.write_text(text)
    return file


def test_a_whole_declaration(tmp_path: Path) -> None:
    sources = load_sources_config(write(tmp_path, WHOLE))
    us = sources.sources["us"]
    assert us.path == (Path("bars/*.csv"), Path("more"))
    assert (us.prices, us.tick_size, us.quantity_step) == (
        PriceBasis.SPLIT_ADJUSTED,
        Decimal("0.05"),
        Decimal("0.001"),
    )
    assert sources.sources["crypto"].tick_size is None
    assert us.instrument("AAPL").exchange == "Nasdaq"
    assert sources.resolve(Path("btc.csv")) == tmp_path / "btc.csv"
    assert sources.resolve(tmp_path / "x.csv") == tmp_path / "x.csv"
    assert sources.resolve(Path("sample:bars.csv")) == SampleData().bars_csv_path
    with pytest.raises(ValueError, match="frozen"):
        us.symbol = "X"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{path: a.csv, colour: red}", "sources.us.colour: unknown key; allowed are path, format, separator"),
        (
            "{path: a.csv, columns: {clse: x}}",
            "sources.us.columns.clse: unknown key; allowed are time, time_of_day, symbol",
        ),
        ("{}", "sources.us.path: is missing; give a file, a list of files, a glob or a directory"),
        (
            "{path: a.csv, prices: adjusted}",
            (
                "sources.us.prices: Input should be 'raw', 'split_adjusted' or 'fully_adjusted'; found "
                "'adjusted'"
            ),
        ),
        (
            "{path: a.csv, preset: bloomberg}",
            "sources.us.preset: preset 'bloomberg' is unknown; allowed are alpha_vantage, binance",
        ),
        (
            "{path: a.csv, timezone: Mars/Base}",
            "sources.us.timezone: time zone 'Mars/Base' is unknown; allowed are IANA names",
        ),
        (
            "{path: a.csv, interval: 1w}",
            "sources.us.interval: interval '1w' is unknown; allowed are a count of",
        ),
        ("{path: a.csv, calendar: NOWHERE}", "sources.us.calendar: "),
        (
            "{path: a.csv, currency: dollars}",
            "sources.us.currency: currency 'dollars' is not one; allowed are",
        ),
        ("{path: a.csv, tick_size: 0}", "sources.us.tick_size: Input should be greater than 0; found 0"),
        (
            "{path: a.csv, quantity_step: 0}",
            "sources.us.quantity_step: quantity_step 0 is too small; allowed is at least 0.00000001; found 0",
        ),
        (
            "{path: a.csv, symbol: A, symbol_from: column}",
            "symbol 'A' is fixed, symbol_from 'column' has no use: give one of them",
        ),
        ("{path: a.csv, symbol_pattern: '['}", "symbol_pattern '[' is no regular expression"),
        ("{path: a.csv, symbol_pattern: 'x'}", "symbol_pattern 'x' has 0 groups; allowed is one, the symbol"),
        (
            "{path: a.csv, symbol: A, symbol_pattern: '(x)'}",
            "symbol_pattern reads the symbol from the file's name",
        ),
        (
            "{path: a.csv, on_bad_bar: skip}",
            "sources.us.on_bad_bar: Input should be 'fail' or 'drop'; found 'skip'",
        ),
    ],
)
def test_a_wrong_key_is_named_with_its_path(tmp_path: Path, source: Any, message: str) -> None:
    file = write(tmp_path, f"sources:\n  us: {source}\n")
    with pytest.raises(ConfigError) as refusal:
        load_sources_config(file)
    assert str(refusal.value).startswith(f"{file}: sources.us")
    assert message in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds NoneType; allowed is a mapping with the key 'sources'"),
        ("sources: {}", "sources: is empty; declare at least one source"),
        ("source: {}", "source: unknown key; allowed are sources"),
        ("folder: /tmp\nsources: {}", "folder: unknown key; allowed is sources"),
        ("sources: [", "is not YAML"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: Any, message: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(ConfigError) as refusal:
        load_sources_config(file)
    assert str(refusal.value).startswith(str(file))
    assert message in str(refusal.value)


def test_a_missing_or_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file; it should declare the data sources"):
        load_sources_config(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_sources_config(tmp_path)


def test_models_mappings_and_paths_declare_the_same(tmp_path: Path) -> None:
    content = {"sources": {"sample": {"path": "sample:bars.parquet", "calendar": "XNYS", "prices": "raw"}}}
    file = write(tmp_path, "sources: {sample: {path: 'sample:bars.parquet', calendar: XNYS, prices: raw}}")
    configs = [content, parse_sources(content), file, str(file), DataSources.model_validate(content)]
    fingerprints = {
        DataService(config=config).load(["IBM"], "2012-01-01").tape.fingerprint for config in configs
    }
    assert len(fingerprints) == 1
