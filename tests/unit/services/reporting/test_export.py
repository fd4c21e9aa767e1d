"""Files are whole or not there, and equal frames give equal bytes."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import polars as pl
import pytest
from tests.factories_run import RunBuilder

from qtrader.services.reporting.export import (
    OutputError,
    metrics_json,
    to_csv,
    to_json,
    to_parquet,
    write_file,
)
from qtrader.services.reporting.service import ReportingService

FRAME = pl.DataFrame(
    {
        "at": [datetime(2012, 1, 3, 21, 0, 0, 250_000, tzinfo=UTC), None],
        "value": [0.1, None],
        "text": ["a,b", None],
    }
)


def test_csv_has_utc_instants_shortest_floats_and_nothing_for_null() -> None:
    assert to_csv(FRAME).decode() == 'at,value,text\n2012-01-03T21:00:00.250Z,0.1,"a,b"\n,,\n'


def test_parquet_reads_back_equal_and_is_deterministic(tmp_path: Path) -> None:
    path = write_file(tmp_path / "frame.parquet", to_parquet(FRAME))
    assert pl.read_parquet(path).equals(FRAME)
    assert to_parquet(FRAME) == path.read_bytes()


def test_json_is_readable_and_ends_with_a_line_break() -> None:
    assert to_json({"b": 1, "a": [None, 0.1]}) == b'{\n  "b": 1,\n  "a": [\n    null,\n    0.1\n  ]\n}\n'


def test_metrics_json_holds_measures_and_conventions() -> None:
    builder = RunBuilder({"AAPL": [100.0, 101.0]}).idle(2)
    service = ReportingService(initial_equity=builder.initial)
    for valuation in builder.valuations:
        service.on_consolidated_portfolio(valuation)
    found = msgspec.json.decode(metrics_json(service.summary((), began_us=0)))
    assert found["metrics"]["end_equity"] == 100_000.0
    assert any("252 periods" in sentence for sentence in found["conventions"])


def test_a_file_is_written_with_its_directories_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a" / "b.txt", b"text")
    assert path.read_bytes() == b"text"
    assert list(path.parent.iterdir()) == [path]


def test_a_directory_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(
        OutputError, match=r"report\.html could not be written: Is a directory; nothing was left"
    ):
        write_file(tmp_path / "report.html", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_write_that_fails_half_way_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    """The kernel refuses to let any file of the child grow beyond 10,000 bytes."""
    target = tmp_path / "report.html"
    target.write_bytes(b"old")
    program = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from qtrader.services.reporting.export import OutputError, write_file\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "try:\n"
        "    write_file(Path(sys.argv[1]), b'x' * 100_000)\n"
        "except OutputError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(target)],
        capture_output=True,
        text=True,
        check=True,
        env=_environment(),
    )
    assert f"{target} could not be written: File too large" in done.stdout
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def _environment() -> dict[str, str]:
    source = Path(__file__).parents[4] / "src"
    return {"PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"}
