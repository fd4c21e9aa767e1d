"""Commission schedules of brokers and venues, by name, and the short forms in which one is written.

A preset is read into the schedule that it stands for, so that a run's configuration holds the numbers that
were charged and not a name whose meaning may change. Prices were compared with copies of the vendors' pages
of the dates given, not with the pages themselves: check them before you trust a cent.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, get_args

from pydantic import BaseModel

from qtrader.services.execution.commission_settings import (
    CommissionSettings,
    CustomCommission,
    MakerTakerCommission,
    NoCommission,
    PerShareCommission,
    Tier,
    TieredCommission,
)
from qtrader.services.execution.custom_models import describe_model


def interactive_brokers_fixed() -> PerShareCommission:
    """Return Interactive Brokers' IBKR Pro fixed pricing for US stocks and ETFs.

    USD 0.005 a share, at least USD 1.00 and at most 1 % of the trade value an order; where that maximum is
    less than the minimum, the maximum is charged. Regulatory fees are passed on. Exchange and clearing fees
    are included. Not modelled: the Consolidated Audit Trail fee, and the minimum of USD 0.01 for orders of
    less than a share.

    Source: interactivebrokers.com, Commissions, Stocks, United States, in a copy that shows the SEC fee of
    27.80 per million, so in force between 2024-05-22 and 2025-05-13. The per-share price, minimum and maximum
    are those of that date; the regulatory fees follow their own dated tables.
    """
    return PerShareCommission(
        type="per_share",
        amount=Decimal("0.005"),
        minimum=Decimal(1),
        maximum_percent=Decimal(1),
        us_regulatory_fees="exact",
    )


def interactive_brokers_tiered() -> TieredCommission:
    """Return Interactive Brokers' IBKR Pro tiered pricing for US stocks and ETFs.

    By shares traded in the calendar month, each part of an order at the rate of its tier: USD 0.0035 up to
    300,000, 0.0020 up to 3 million, 0.0015 up to 20 million, 0.0010 up to 100 million, 0.0005 beyond; at
    least USD 0.35 and at most 1 % of the trade value an order. On top: clearing (NSCC, DTC) of USD 0.0002 a
    share, pass-through fees of NYSE (0.0175 %) and FINRA (0.0563 %) on the commission, regulatory fees. Not
    modelled: exchange fees and rebates, which depend on where an order is routed and can exceed the
    commission; the cap on clearing fees; the Consolidated Audit Trail fee.

    Source: interactivebrokers.com, Commissions, Stocks, United States, in a copy that shows the SEC fee of
    27.80 per million, so in force between 2024-05-22 and 2025-05-13.
    """
    rates = ((0, "0.0035"), (300_000, "0.0020"), (3_000_000, "0.0015"), (20_000_000, "0.0010"))
    tiers = [Tier(above=Decimal(above), rate=Decimal(rate)) for above, rate in rates]
    return TieredCommission(
        type="tiered",
        volume="quantity",
        charge="per_share",
        tiers=(*tiers, Tier(above=Decimal(100_000_000), rate=Decimal("0.0005"))),
        minimum=Decimal("0.35"),
        maximum_percent=Decimal(1),
        clearing_amount=Decimal("0.0002"),
        pass_through_percent=Decimal("0.0738"),
        us_regulatory_fees="exact",
    )


def alpaca() -> NoCommission:
    """Return Alpaca's schedule for US stocks and ETFs: no commission, regulatory fees on sales.

    Alpaca adds up the fees of a day and rounds the sum up to the cent; here each fee of each order is rounded
    up, which is what Alpaca did before and never less than what it does now. Not modelled: the Consolidated
    Audit Trail fee.

    Source: docs.alpaca.markets, Regulatory Fees, in a copy that shows the SEC fee of 27.80 per million, so in
    force between 2024-05-22 and 2025-05-13. A later copy lists no SEC fee, in agreement with its rate of zero
    from 2025-05-14 on.
    """
    return NoCommission(us_regulatory_fees="up_to_cent")


def crypto_generic() -> MakerTakerCommission:
    """Return a schedule that is typical of large spot venues for digital assets: 0.10 % making or taking.

    Other venues charge several times as much: write `type: maker_taker` with your venue's numbers.

    Source: binance.com, the spot rate of a regular user without discounts, 0.10 % as maker and as taker, as
    posts on Binance Square state it in June 2025 (the series CryptoFees101); the fee schedule's own page was
    not seen, so the date is that of the posts and not the one from which the rate is in force.
    """
    return MakerTakerCommission(
        type="maker_taker", maker_percent=Decimal("0.10"), taker_percent=Decimal("0.10")
    )


#: Schedules by the name under which they are chosen.
PRESETS: Final[Mapping[str, Callable[[], BaseModel]]] = {
    preset.__name__: preset
    for preset in (interactive_brokers_fixed, interactive_brokers_tiered, alpaca, crypto_generic)
}
_MODELS: Final = get_args(get_args(CommissionSettings)[0])
#: Names that `type` may have, presets apart.
COMMISSION_TYPES: Final = tuple(get_args(model.model_fields["type"].annotation)[0] for model in _MODELS)


def read_commission(value: Any) -> Any:
    """Turn the short forms of a commission into the long one.

    None is no commission, "0.1%" a percentage, a name a schedule without keys of its own or a preset, an
    object with a method `commission` a model.

    Raises:
        ValueError: a number without a unit, an unknown name, or no model; says what is allowed.
    """
    if value is None:
        return NoCommission()
    if isinstance(value, str):
        if value.endswith("%"):
            return {"type": "percent", "percent": value.removesuffix("%").strip()}
        value = {"type": value}
    if isinstance(value, Mapping):
        return _read_mapping(value)
    if isinstance(value, BaseModel):
        return value
    if inspect.isclass(value) or callable(getattr(value, "commission", None)):
        return CustomCommission(**describe_model(value, "commission"))
    shapes = "{type: per_share, amount: 0.005} or {type: per_order, amount: 1}"
    msg = f'found {value!r}, a percentage or an amount? Write "0.1%", or a mapping such as {shapes}'
    raise ValueError(msg)


def _read_mapping(value: Mapping[Any, Any]) -> Any:
    name = value.get("type")
    if not isinstance(name, str) or name in COMMISSION_TYPES:
        return value
    if name not in PRESETS:
        known = (*COMMISSION_TYPES, *PRESETS)
        close = difflib.get_close_matches(name, known, n=1)
        meant = f" (did you mean {close[0]!r}?)" if close else ""
        msg = f"type: found {name!r}{meant}; allowed are {', '.join(map(repr, known))}"
        raise ValueError(msg)
    others = [key for key in value if key != "type"]
    if others:
        found = ", ".join(map(str, others))
        msg = f"the preset {name!r} takes no keys, found {found}; write out the schedule to change it"
        raise ValueError(msg)
    return PRESETS[name]()
