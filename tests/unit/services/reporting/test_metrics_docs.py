"""The page about the measures is true: its examples run, and it has the catalogue's keys and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from qtrader.services.reporting.metric_catalog import METRICS

PAGE = (Path(__file__).parents[4] / "docs" / "metrics.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=[f"block {number}" for number in range(len(BLOCKS))])
def test_each_example_runs_on_its_own(block: str) -> None:
    assert "assert " in block
    exec(compile(block, "docs/metrics.md", "exec"), {})  # noqa: S102 - the example is what is tested


def test_every_measure_has_its_row() -> None:
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    keys = [key for cell in rows for key in re.findall(r"`(\w+)`", cell)]
    assert sorted(keys) == sorted(METRICS)
