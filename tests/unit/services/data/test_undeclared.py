"""What nobody declares and the data do not tell is noted, and files are named the same everywhere."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from qtrader.sample import sample_data
from qtrader.services.data.memory import load_frame
from qtrader.services.data.service import DataService
from qtrader.services.data.source import load_sources_config

RAW = "data: prices not declared: taken as raw (declare prices: raw | split_adjusted | fully_adjusted)"
NO_CALENDAR = "data: no calendar declared: each date is 00:00\N{EN DASH}24:00 UTC"
WEEKDAYS = f"{NO_CALENDAR}; bars fall on weekdays only; declare calendar, for example XNYS"


def bars(*dates: str) -> dict[str, Any]:
    prices = {"open": 10.0, "high": 11.0, "low": 9.0, "close": 10.5}
    return {"date": list(dates), **{name: [value] * len(dates) for name, value in prices.items()}}


@pytest.mark.parametrize(
    ("dates", "declared", "expected"),
    [
        (("2020-01-03", "2020-01-06"), {}, [RAW, WEEKDAYS]),
        (("2020-01-03", "2020-01-04"), {}, [RAW, NO_CALENDAR]),
        (("2020-01-05",), {"prices": "raw"}, [NO_CALENDAR]),
        (("2020-01-03", "2020-01-06"), {"calendar": "XNYS"}, [RAW]),
        (("2020-01-03", "2020-01-06"), {"calendar": "XNYS", "prices": "split_adjusted"}, []),
        (
            ("2020-01-03T10:00:00Z", "2020-01-03T10:01:00Z", "2020-01-03T10:02:00Z"),
            {"bar_label": "open", "prices": "raw"},
            [],
        ),
    ],
)
def test_what_is_not_declared_is_noted(dates: tuple[str, ...], declared: Any, expected: list[str]) -> None:
    notes = load_frame(bars(*dates), symbol="A", **declared).report.notes
    assert [note for note in notes if "declare" in note] == expected


def test_it_is_noted_once_for_many_symbols() -> None:
    both = {"A": bars("2020-01-03"), "B": bars("2020-01-06")}
    notes = load_frame(both).report.notes
    assert [note for note in notes if "declared" in note] == [RAW, WEEKDAYS]


def test_a_preset_tells_the_basis() -> None:
    data = {name.title(): cells for name, cells in bars("2020-01-03").items()}
    notes = load_frame({**data, "Adj Close": [9.0]}, symbol="A", preset="yahoo").report.notes
    assert not any("prices not declared" in note or "ignored" in note for note in notes)


@pytest.mark.parametrize("path", ["../bars.csv", "*.csv", "."])
def test_notes_name_files_from_the_folder_of_the_declaration(tmp_path: Path, path: str) -> None:
    found = []
    for checkout in ("one", "two/deeper"):
        folder = tmp_path / checkout
        (folder / "config").mkdir(parents=True)
        text = sample_data().bars_csv_path.read_text(encoding="utf-8").splitlines(keepends=True)
        for place in (folder, folder / "config"):
            (place / "bars.csv").write_text("".join(text[:20]), encoding="utf-8")
        file = folder / "config" / "sources.yaml"
        file.write_text(f"sources: {{own: {{path: '{path}'}}}}", encoding="utf-8")
        found.append(DataService(config=load_sources_config(file)).load().report)
    assert found[0] == found[1]
    assert str(tmp_path) not in str(found[0])
    assert found[0].series[0].place == ("../bars.csv" if path.startswith("..") else "bars.csv")


def test_shipped_data_are_named_as_such_and_given_paths_as_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_frame(sample_data()).report.series[0].place == "sample:bars.parquet"
    shutil.copy(sample_data().bars_csv_path, tmp_path / "mine.csv")
    monkeypatch.chdir(tmp_path)
    declared = {"calendar": "XNYS", "prices": "raw"}
    assert load_frame("mine.csv", **declared).report.series[0].place == "mine.csv"
