"""`qtrader contracts`: list, show, validate."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from qtrader.contracts import registry

Run = Callable[..., Any]


def test_every_contract_is_listed(run: Run) -> None:
    lines = run("contracts", "list").out.splitlines()
    assert [line.split()[0] for line in lines] == list(registry.names())
    assert all(len(line.split()) > 3 for line in lines)


@pytest.mark.parametrize("name", ["execution/fill.v1", "execution/fill", "fill.v1", "fill"])
def test_a_contract_is_shown_by_its_name_or_less(run: Run, name: str) -> None:
    assert json.loads(run("contracts", "show", name).out) == registry.schema("execution/fill.v1")


def test_the_example_is_shown(run: Run) -> None:
    assert json.loads(run("contracts", "show", "fill", "--example").out) == json.loads(
        registry.example("execution/fill.v1")
    )


def test_an_unknown_contract_is_refused(run: Run) -> None:
    outcome = run("contracts", "show", "fills.v1")
    assert outcome.code == 2
    assert "unknown contract 'fills.v1'" in outcome.err


def example(name: str) -> str:
    return registry.example(name).decode()


@pytest.mark.parametrize("is_by_line", [True, False])
def test_documents_are_valid_one_a_line_or_one_in_many(tmp_path: Path, run: Run, is_by_line: bool) -> None:
    file = tmp_path / "events.json"
    one = example("execution/fill.v1")
    text = (
        f"{one}\n{example('manager/order.v1')}\n{one}\n"
        if is_by_line
        else json.dumps(json.loads(one), indent=2)
    )
    file.write_text(text, encoding="utf-8")
    outcome = run("contracts", "validate", file)
    assert outcome.code == 0, outcome.err
    found = {line.split()[1]: int(line.split()[0]) for line in outcome.out.splitlines()}
    assert found == (
        {"execution/fill.v1": 2, "manager/order.v1": 1} if is_by_line else {"execution/fill.v1": 1}
    )


def test_faults_are_named_by_line(tmp_path: Path, run: Run) -> None:
    file = tmp_path / "events.jsonl"
    broken = json.loads(example("execution/fill.v1"))
    broken["payload"]["price"] = 12.5
    file.write_text("\n".join([example("execution/fill.v1"), json.dumps(broken), "{]}"]), encoding="utf-8")
    outcome = run("contracts", "validate", file)
    assert outcome.code == 2
    assert "2 of 3 documents are not valid" in outcome.err
    assert f"{file}:2: contract execution/fill.v1, field payload.price" in outcome.err
    assert f"{file}:3: " in outcome.err


def test_many_faults_are_counted_not_listed(tmp_path: Path, run: Run) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text('{"a": 1}\n' * 50, encoding="utf-8")
    outcome = run("contracts", "validate", file)
    assert "50 of 50 documents are not valid" in outcome.err
    assert outcome.err.rstrip().endswith("… and 30 more")


def test_standard_input_is_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "sys.stdin", SimpleNamespace(buffer=io.BytesIO(registry.example("execution/fill.v1")))
    )
    outcome = run("contracts", "validate", "-")
    assert (outcome.code, outcome.out.split()) == (0, ["1", "execution/fill.v1"])


@pytest.mark.parametrize(("content", "message"), [(None, "no such file"), (b"\n \n", "holds no document")])
def test_a_file_without_documents_is_refused(
    tmp_path: Path, run: Run, content: bytes | None, message: str
) -> None:
    file = tmp_path / "events.jsonl"
    if content is not None:
        file.write_bytes(content)
    outcome = run("contracts", "validate", file)
    assert outcome.code == 2
    assert message in outcome.err
