"""YAML as a person means it: the traps of YAML 1.1, places, and what is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from qtrader.engine.config_reader import UnquotedWord, dotted, parse_yaml, read_yaml
from qtrader.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("NO", "NO"),
        ("off", "off"),
        ("0700", "0700"),
        ("12:30", "12:30"),
        ("0x1F", "0x1F"),
        ("1e-4", 1e-4),
        ("1.50", 1.5),
        (".5", 0.5),
        ("-3", -3),
        ("100_000", 100_000),
        ("0", 0),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("2010-01-04", date(2010, 1, 4)),
        ("2010-01-04T10:00:00Z", datetime(2010, 1, 4, 10, tzinfo=UTC)),
        ('"2010-01-04"', "2010-01-04"),
        ("'7203'", "7203"),
        (".inf", float("inf")),
        ("3 apples", "3 apples"),
    ],
)
def test_a_scalar_is_what_a_person_means(text: str, meant: Any) -> None:
    found = parse_yaml(f"key: {text}", "x.yaml").content["key"]
    assert found == meant
    assert type(found) is type(meant) or type(found) is UnquotedWord


def test_only_an_unquoted_word_is_marked() -> None:
    found = parse_yaml("[no, 'no', none]", "x.yaml").content
    assert [type(word) for word in found] == [UnquotedWord, str, str]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_what_pyyaml_writes_in_full_quotes_is_read_back(value: Any) -> None:
    text = yaml.safe_dump({"value": value}, default_style='"', allow_unicode=True)
    assert parse_yaml(text, "x.yaml").content == {"value": yaml.safe_load(text)["value"]}


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("a: 1\na: 2\n", "x.yaml:2: a", "first in line 1"),
        ("a:\n  b: 1\n  c: 2\n  b: 3\n", "x.yaml:4: a.b", "first in line 2"),
        ("a: {b: 1, b: 2}", "x.yaml:1: a.b", "give it once"),
        ("a: 1\n\tb: 2\n", "x.yaml:2:1", "spaces instead of tabs"),
        ("a: [1, 2\n", "x.yaml:2:1", "is not YAML"),
        ("a: 'text\n", "x.yaml:2:1", "is not YAML"),
        ("a: 2010-02-30\n", "x.yaml:1:4", "'2010-02-30' is no date"),
        ("a: !!python/object:os.system x\n", "x.yaml:1:4", "could not determine a constructor"),
        ("a: 1\n---\nb: 2\n", "x.yaml:2:1", "is not YAML"),
        ("# nothing\n", "x.yaml", "is empty"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, place: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_yaml(text, "x.yaml")
    assert str(refused.value).startswith(f"{place}: ")
    assert said in str(refused.value)


def test_an_alias_is_read_and_a_list_that_holds_itself_has_lines() -> None:
    document = parse_yaml("base: &base {a: 1}\nother:\n  <<: *base\n  b: 2\nlist: &l\n  - *l\n", "x.yaml")
    assert document.content["other"] == {"a": 1, "b": 2}
    assert document.at(("other", "b")) == "x.yaml:4: other.b"


def test_the_line_of_the_nearest_key_is_named() -> None:
    document = parse_yaml("a:\n  b:\n    - 1\n    - c: 2\n", "x.yaml")
    assert document.at(("a", "b", 1, "c")) == "x.yaml:4: a.b[1].c"
    assert document.at(("a", "missing", "deep")) == "x.yaml:1: a.missing.deep"
    assert document.at(()) == "x.yaml"


def test_a_key_path_is_written_as_people_do() -> None:
    assert dotted(("strategies", 0, "parameters", "fast")) == "strategies[0].parameters.fast"


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: no such file; it should hold a policy"):
        read_yaml(tmp_path / "none.yaml", "a policy")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_yaml(tmp_path, "a policy")
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9\n")
    with pytest.raises(ConfigError, match="UTF-8"):
        read_yaml(tmp_path / "latin.yaml", "a policy")


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    (tmp_path / "bom.yaml").write_bytes("\ufeffname: x\n".encode())
    assert read_yaml(tmp_path / "bom.yaml", "a policy").content == {"name": "x"}
