"""Costs through the whole engine: what fills pay, what runs record, and what is refused before they start."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import qtrader as qt
from qtrader.engine.config import apply_overrides, config_fingerprint, default_run_config, parse_run_config
from qtrader.errors import ConfigError
from qtrader.services.execution.cost_models import Trade, Traded

MODULE = """
from decimal import Decimal

class PerTrade:
    def __init__(self, amount=1):
        self.amount = Decimal(str(amount))

    def commission(self, traded):
        return self.amount
"""


class Alternate(qt.Strategy):
    """Buy 1,000, sell them two bars later, and again."""

    def on_bar(self, bar: Any, context: Any) -> None:
        intention = "close_long" if context.position(bar.symbol).is_long else "open_long"
        context.emit_signal(bar.symbol, intention, quantity=1_000)


@dataclass
class CentsPerShare:
    """Charge cents for each share."""

    cents: str = "1"

    def commission(self, traded: Traded) -> Decimal:
        return traded.quantity * Decimal(self.cents) / 100


@dataclass
class HalfRange:
    """Charge a part of the daily volatility."""

    part: float = 0.1
    days: int = 2

    def price(self, trade: Trade) -> Decimal:
        volatility = trade.daily_volatility(self.days) or Decimal(0)
        move = trade.reference_price * volatility * Decimal(repr(self.part))
        return trade.reference_price + (move if trade.side == "buy" else -move)


def bars(count: int = 8, volume: float | None = 100_000.0) -> pl.DataFrame:
    """Give weekdays of July 2024 that open and close at 25.00, 25.25 and 25.50 in turn."""
    days = ["01", "02", "03", "05", "08", "09", "10", "11"][:count]
    price = [25.0 + 0.25 * (place % 3) for place in range(count)]
    return pl.DataFrame(
        {
            "date": [f"2024-07-{day}" for day in days],
            "open": price,
            "high": [value + 1 for value in price],
            "low": [value - 1 for value in price],
            "close": price,
            "volume": [volume] * count,
        }
    )


def run(data: pl.DataFrame | None = None, **settings: Any) -> qt.Results:
    frame = bars() if data is None else data
    return qt.backtest(frame, Alternate, symbol="X", interval="1d", calendar="XNYS", **settings)


def test_interactive_brokers_fixed_is_charged_to_the_cent_with_fees_on_the_sale() -> None:
    """Bought at 25.25: 5.00. Sold at 25.50: 5.00, SEC 25,500 x 27.80 / 1e6 = 0.7089, TAF 0.166."""
    results = run(commission="interactive_brokers_fixed")
    rows = results.fills.select("side", "reference_price", "commission").rows()
    assert rows[:2] == [("buy", 25.25, 5.0), ("sell", 25.5, 5.8749)]
    assert results.run.config["execution"]["commission"]["amount"] == "0.005"


def test_tiers_count_what_the_account_traded_in_the_month() -> None:
    tiers = [{"above": 0, "rate": "0.01"}, {"above": 1_500, "rate": "0.001"}]
    results = run(commission={"type": "tiered", "tiers": tiers})
    # 10.00; 500 at each rate: 5.00 + 0.50; then 1.00 each.
    assert results.fills["commission"].to_list()[:4] == [10.0, 5.5, 1.0, 1.0]


def test_a_limit_that_rests_makes_and_one_that_the_market_opens_through_takes() -> None:
    class Bid(qt.Strategy):
        def on_bar(self, bar: Any, context: Any) -> None:
            if not context.position("X").is_long:
                context.emit_signal(
                    "X", "open_long", quantity=100, order_type="limit", limit_price=self.limit
                )

        limit: float = 24.5

    fees = {"type": "maker_taker", "maker_percent": "0.1", "taker_percent": "0.2"}
    settings: dict[str, Any] = {"symbol": "X", "interval": "1d", "commission": fees}
    (made,) = qt.backtest(bars(2), Bid, **settings).fills.select("price", "commission").rows()
    assert made == (24.5, 2.45)
    (took,) = (
        qt.backtest(bars(2), Bid, parameters={"limit": 26.0}, **settings)
        .fills.select("price", "commission")
        .rows()
    )
    assert took == (25.25, 5.05)


def test_volume_share_moves_the_price_by_the_bars_volume() -> None:
    """1,000 of 100,000 is 1 %: 0.1 x 0.0001 x 25.25 is less than a cent, so the tick is what is paid."""
    results = run(slippage={"type": "volume_share", "price_impact": "0.1"})
    assert results.fills["price"].to_list()[:2] == [25.26, 25.49]
    thin = run(bars(volume=2_000.0), slippage={"type": "volume_share"})
    # Half the volume: 0.1 x 0.25 x 25.25 = 0.63125.
    assert thin.fills["price"].to_list()[0] == 25.89
    assert thin.fills["slippage"].to_list()[0] == 640.0


def test_square_root_uses_only_what_was_known_and_is_refused_without_history() -> None:
    slippage = {"type": "square_root", "days": 2, "coefficient": 1}
    with pytest.raises(ConfigError, match=r"square_root needs .*before X may trade.*fallback_bps"):
        run(slippage=slippage)
    results = run(slippage=slippage, warmup_bars=3)
    (price, reference, at) = results.fills.select("price", "reference_price", "executed_at").row(0)
    assert at.date().isoformat() == "2024-07-08"
    # Closes known at the open of July 8: 25.00 25.25 25.50 25.00; the last two returns.
    first, second = 25.5 / 25.25 - 1, 25.0 / 25.5 - 1
    deviation = abs(first - second) / 2**0.5
    move = reference * deviation * (1_000 / 100_000) ** 0.5
    assert reference < reference + move <= price < reference + move + 0.01


def test_objects_of_ones_own_decide_and_are_recorded() -> None:
    results = run(commission=CentsPerShare("2"), slippage=HalfRange(), warmup_bars=3)
    assert set(results.fills["commission"].to_list()) == {20.0}
    assert results.fills["slippage"].min() > 0
    recorded = results.run.config["execution"]
    assert recorded["commission"] == {
        "type": "custom",
        "us_regulatory_fees": "none",
        "model": f"{__name__}:CentsPerShare",
        "parameters": {"cents": "2"},
    }
    assert recorded["slippage"]["parameters"] == {"part": 0.1, "days": 2}
    assert type(recorded["slippage"]["model"]) is str
    assert "commission model" in results.run.strategy_hashes


def test_parameters_and_code_of_a_model_make_another_run() -> None:
    one, same, other = (run(commission=CentsPerShare(cents)) for cents in ("1", "1", "2"))
    assert one.run.run_id == same.run.run_id
    assert one.run.config_fingerprint != other.run.config_fingerprint
    assert one.run.run_id != other.run.run_id

    class CentsPerShareToo(CentsPerShare):
        def commission(self, traded: Traded) -> Decimal:
            return super().commission(traded) * 2

    CentsPerShareToo.__qualname__ = CentsPerShare.__qualname__
    CentsPerShareToo.__module__ = CentsPerShare.__module__
    changed = run(commission=CentsPerShareToo("1"))
    assert changed.run.config_fingerprint == one.run.config_fingerprint
    assert changed.run.run_id != one.run.run_id


def test_a_model_named_in_a_configuration_is_imported_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "per_trade_model.py").write_text(MODULE)
    custom = {"type": "custom", "model": "per_trade_model:PerTrade", "parameters": {"amount": 7}}
    config = parse_run_config({"execution": {"commission": custom}, "import_from": [str(tmp_path)]})
    assert set(run(config=config).fills["commission"].to_list()) == {7.0}
    with pytest.raises(ConfigError, match="importing module 'per_trade_modell' failed"):
        run(commission={**custom, "model": "per_trade_modell:PerTrade"})


def test_an_object_survives_further_overrides() -> None:
    first = apply_overrides(default_run_config(), {"commission": CentsPerShare("3")})
    second = apply_overrides(first, {"slippage_bps": 5, "initial_equity": 1_000_000})
    assert set(run(config=second).fills["commission"].to_list()) == {30.0}
    third = apply_overrides(second, {"execution.commission.parameters.cents": "4"})
    assert set(run(config=third).fills["commission"].to_list()) == {40.0}
    assert len({config_fingerprint(config) for config in (first, second, third)}) == 3


def test_a_run_with_custom_models_is_saved_and_read_again(tmp_path: Path) -> None:
    results = run(commission=CentsPerShare("2"))
    saved = results.save(tmp_path)
    text = (Path(saved) / "config.yaml").read_text()
    assert f"model: {__name__}:CentsPerShare" in text


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"commission": "interactive_broker"}, "execution.commission: type: found 'interactive_broker'"),
        ({"commission": CentsPerShare}, "found the class CentsPerShare"),
        ({"commission": object()}, "a percentage or an amount"),
        ({"slippage": {"type": "volume"}}, "slippage: type: found 'volume' .*'volume_share'"),
        ({"slippage_bps": True}, "execution.slippage_bps: found true; allowed is a number"),
        ({"slippage": {"type": "spread", "half_spread": 1, "by_symbol": {"Y": 1}}}, "'Y', which is not in"),
    ],
)
def test_bad_costs_are_refused_before_anything_runs(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run(**settings)
