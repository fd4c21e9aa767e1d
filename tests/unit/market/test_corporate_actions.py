"""Corporate actions are read field by field, sorted as they apply, and take effect at a session's open."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import polars as pl
import pytest

from qtrader.clock import from_epoch_us
from qtrader.errors import DataError
from qtrader.events.vocabulary import ActionType
from qtrader.market.calendars import get_calendar
from qtrader.market.corporate_actions import (
    COLUMNS,
    actions_from_rows,
    effective_at_us,
    read_corporate_actions,
    unit_multiplier,
)

HEADER = "symbol,ex_date,action,ratio,amount,currency,kind,pay_date"


def write(path: Path, *lines: str, header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def test_a_file_becomes_events(tmp_path: Path) -> None:
    file = write(
        tmp_path / "actions.csv",
        "MSFT,2004-11-15,cash_dividend,,3.00,USD,special,2004-12-02",
        "MSFT,2004-11-15,cash_dividend,,0.08,,,",
        "AAPL,2005-02-28,split,2,,,,",
    )
    special, regular, split = read_corporate_actions(file)
    assert (special.action_id, special.amount, special.is_special, special.pay_date) == (
        "MSFT:2004-11-15:cash_dividend",
        Decimal("3.00"),
        True,
        date(2004, 12, 2),
    )
    assert (regular.action_id, regular.currency, regular.is_special) == (
        "MSFT:2004-11-15:cash_dividend:2",
        "USD",
        False,
    )
    assert (split.action_id, split.action_type, split.ratio, split.currency) == (
        "AAPL:2005-02-28:split",
        ActionType.SPLIT,
        Decimal(2),
        None,
    )
    parquet = tmp_path / "actions.parquet"
    pl.read_csv(file, try_parse_dates=True).write_parquet(parquet)
    assert [event.action_id for event in read_corporate_actions(parquet)] == [
        special.action_id,
        regular.action_id,
        split.action_id,
    ]


def test_typed_rows_equal_text_rows() -> None:
    text = actions_from_rows(COLUMNS[:6], [("A", "2020-01-02", "dividend", None, "0.1", "EUR")], "text")
    typed = actions_from_rows(
        COLUMNS[:6], [("A", date(2020, 1, 2), "cash_dividend", None, 0.1, "EUR")], "typed"
    )
    at_midnight = actions_from_rows(
        COLUMNS[:6],
        [("A", datetime.fromisoformat("2020-01-02"), "cash_dividend", float("nan"), Decimal("0.1"), "EUR")],
        "typed",
    )
    assert text == typed == at_midnight


def test_actions_of_one_date_come_in_the_order_in_which_they_apply() -> None:
    kinds = ["cash_dividend", "merger", "spin_off", "stock_dividend", "split", "symbol_change", "delisting"]
    columns = ("symbol", "ex_date", "action", "ratio", "amount", "new_symbol")
    rows = [("A", "2020-01-02", kind, "2", "1", "B") for kind in kinds]
    ordered = [event.action_type.value for event in actions_from_rows(columns, rows, "rows")]
    assert ordered == [
        "symbol_change",
        "split",
        "stock_dividend",
        "spin_off",
        "merger",
        "cash_dividend",
        "delisting",
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (",2020-01-02,split,2,,,,", "row 2: symbol is empty; every action needs it"),
        ("A,,split,2,,,,", "row 2: ex_date is empty; every action needs it"),
        ("A,2020-02-30,split,2,,,,", "row 2: ex_date is '2020-02-30'; allowed is a date"),
        ("A,2020-01-02,spilt,2,,,,", "row 2: action is 'spilt'; allowed are split, cash_dividend"),
        ("A,2020-01-02,split,,,,,", "row 2: ratio is empty; a split needs it"),
        ("A,2020-01-02,split,0,,,,", "row 2: ratio is '0'; allowed is a number above zero"),
        ("A,2020-01-02,split,2:1,,,,", "row 2: ratio is '2:1'; allowed is a number above zero"),
        ("A,2020-01-02,cash_dividend,,-1,,,", "row 2: amount is '-1'; allowed is a number of zero or more"),
        ("A,2020-01-02,cash_dividend,,,,,", "row 2: amount is empty; a cash_dividend needs it"),
        ("A,2020-01-02,cash_dividend,,1,usd,,", "row 2: currency is 'usd'; allowed is a code"),
        ("A,2020-01-02,cash_dividend,,1,,odd,", "row 2: kind is 'odd'; allowed are regular and special"),
        ("A,2020-01-02,cash_dividend,,1,,,soon", "row 2: pay_date is 'soon'; allowed is a date"),
        ("A,2020-01-02,symbol_change,,,,,", "row 2: new_symbol is empty; a symbol_change needs it"),
    ],
)
def test_a_wrong_field_is_named_with_file_row_and_what_is_allowed(
    tmp_path: Path, line: str, message: str
) -> None:
    file = write(tmp_path / "actions.csv", "B,2020-01-02,split,2,,,,", line)
    with pytest.raises(DataError) as refusal:
        read_corporate_actions(file)
    assert str(refusal.value).startswith(f"{file}: {message}")


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file; it should list corporate actions"):
        read_corporate_actions(tmp_path / "none.csv")
    with pytest.raises(DataError, match="unknown columns \\['rate'\\]; allowed are symbol, ex_date"):
        read_corporate_actions(write(tmp_path / "a.csv", header="symbol,ex_date,action,rate"))
    with pytest.raises(DataError, match="missing columns \\['action'\\]"):
        read_corporate_actions(write(tmp_path / "b.csv", header="symbol,ex_date"))
    broken = tmp_path / "broken.parquet"
    broken.write_text("no parquet")
    with pytest.raises(DataError, match=r"broken\.parquet: cannot be read"):
        read_corporate_actions(broken)


def test_an_action_takes_effect_at_its_session_s_open() -> None:
    (split,) = actions_from_rows(COLUMNS[:4], [("A", "2005-02-28", "split", "2")], "rows")
    new_york = get_calendar("XNYS")
    assert from_epoch_us(effective_at_us(split, new_york)) == datetime(2005, 2, 28, 14, 30, tzinfo=UTC)
    assert from_epoch_us(effective_at_us(split, None)) == datetime(2005, 2, 28, tzinfo=UTC)
    (saturday,) = actions_from_rows(COLUMNS[:4], [("A", "2005-02-26", "split", "2")], "rows")
    assert effective_at_us(saturday, new_york) == effective_at_us(split, new_york)
    (ancient,) = actions_from_rows(COLUMNS[:4], [("A", "1805-02-26", "split", "2")], "rows")
    with pytest.raises(DataError, match="XNYS covers"):
        effective_at_us(ancient, new_york)


def test_multipliers() -> None:
    rows = [
        ("A", "2020-01-02", "split", "0.1", None),
        ("A", "2020-01-03", "stock_dividend", "0.05", None),
        ("A", "2020-01-04", "cash_dividend", None, "1"),
    ]
    actions = actions_from_rows(COLUMNS[:5], rows, "rows")
    assert [unit_multiplier(action) for action in actions] == [Fraction(1, 10), Fraction(21, 20), None]
