"""A restored portfolio continues to the same bytes; a damaged snapshot changes nothing."""

from __future__ import annotations

import copy
import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from qtrader.errors import AccountingError
from qtrader.events import codec

PAY_CLOSE = datetime(2004, 12, 2, 21, tzinfo=UTC)


def first_half(desk: Any) -> None:
    desk.buy("100", "29.97", "1.11")
    desk.buy("33", "30.01", "0.37", strategy_id="beta")
    desk.sell("7.00", "12.5", symbol="IBM")
    desk.sell("13", "30.5", "0.5")
    desk.dividend("3.08", ex_date=date(2004, 11, 15), pay_date=date(2004, 12, 2))
    desk.dividend("0.18", symbol="IBM", ex_date=date(2004, 11, 16), pay_date=date(2004, 12, 2))
    desk.split("1.5", ex_date=date(2004, 11, 17))


def second_half(desk: Any) -> None:
    desk.settle(PAY_CLOSE)
    desk.sell("200", "21", "1")
    desk.buy("9", "11", symbol="IBM")
    desk.split("0.333333", ex_date=date(2004, 12, 7))
    desk.dividend("0.10", ex_date=date(2004, 12, 8))
    desk.value()


@pytest.mark.parametrize("dividends", ["cash", "reinvest"])
def test_a_restored_portfolio_continues_to_identical_bytes(new_desk: Any, dividends: str) -> None:
    desk = new_desk(dividends=dividends, reinvest_at="pay_close")
    first_half(desk)
    snapshot = json.loads(json.dumps(desk.service.get_snapshot()))
    kept = (copy.deepcopy(desk.numbers), desk.now, dict(desk.marks), len(desk.events))
    second_half(desk)
    expected = [codec.encode(event) for event in desk.events[kept[3] :]]
    desk.check()

    desk.service = desk.new_service()
    desk.service.restore_from_snapshot(snapshot)
    assert desk.service.get_snapshot() == snapshot
    desk.numbers, desk.now = kept[0], kept[1]
    desk.marks.clear()
    desk.marks.update(kept[2])
    del desk.events[kept[3] :]
    second_half(desk)
    assert [codec.encode(event) for event in desk.events[kept[3] :]] == expected
    desk.service.check(desk.entries)


def test_a_snapshot_is_plain_json_with_decimals_as_text(desk: Any) -> None:
    first_half(desk)
    snapshot = desk.service.get_snapshot()
    assert (snapshot["version"], snapshot["is_open"]) == (1, True)
    assert snapshot["lots"][0] == {
        "lot_id": snapshot["lots"][0]["lot_id"],
        "strategy_id": "alpha",
        "symbol": "IBM",
        "quantity": "-7.00",
        "cost": "-87.50000000",
        "opened_at": "2004-11-01T14:33:00Z",
        "opened_by": snapshot["lots"][0]["lot_id"],
    }
    assert snapshot == desk.service.get_snapshot()


def test_open_books_stay_open_after_a_restore(desk: Any) -> None:
    snapshot = desk.service.get_snapshot()
    desk.service = desk.new_service()
    desk.service.restore_from_snapshot(snapshot)
    with pytest.raises(AccountingError, match="open already"):
        desk.service.open_books(desk.now, "run-1")


GONE = object()


def damage(snapshot: dict[str, Any], path: tuple[str | int, ...], value: Any) -> Any:
    """Put a value in, or take one out, at a path."""
    if not path:
        return value
    damaged = copy.deepcopy(snapshot)
    place: Any = damaged
    for key in path[:-1]:
        place = place[key]
    if value is GONE:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return damaged


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("version",), 2, "version is 2; readable is version 1"),
        (("version",), GONE, "version is None"),
        (("lots",), GONE, "missing required field `lots`"),
        (("extra",), 1, "unknown field `extra`"),
        (("balances", 0, "amount"), "NaN", r"balances\[0\].amount is NaN"),
        (("realized", 0, "amount"), "-Infinity", r"realized\[0\].amount is -Infinity"),
        (("dividends", 0, "amount"), "NaN", r"dividends\[0\].amount is NaN"),
        (("lots", 0, "cost"), "Infinity", r"lots\[0\] has quantity -7.00 and cost Infinity"),
        (("lots", 0, "quantity"), "0", r"lots\[0\] has quantity 0"),
        (("lots", 0, "quantity"), "many", r"\$.lots\[0\].quantity"),
        (("lots", 0), GONE, "securities at cost"),
        (("balances", 0, "amount"), "1", "trial balance in USD"),
        (("realized", 0, "amount"), "1", "realised gains"),
        (("dividends", 0), GONE, "dividends receivable"),
        (("ledger_scale",), 2, "ledger_scale is 2, but the portfolio is set to 8"),
        (("base_currency",), "EUR", "base_currency is 'EUR', but the portfolio is set to 'USD'"),
        ((), [1], "version is None"),
    ],
)
def test_a_damaged_snapshot_is_refused_and_changes_nothing(
    desk: Any, path: tuple[str | int, ...], value: Any, message: str
) -> None:
    first_half(desk)
    before = desk.service.get_snapshot()
    with pytest.raises(AccountingError, match=message):
        desk.service.restore_from_snapshot(damage(before, path, value))
    assert desk.service.get_snapshot() == before
    desk.check()
