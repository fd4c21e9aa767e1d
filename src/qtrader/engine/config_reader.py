"""Reading YAML as a person means it: with places for messages, and without YAML 1.1's surprises.

The reader is a safe loader that keeps the line of every key. It refuses a key that stands twice, and it reads
scalars by the rules of YAML 1.2's core schema, so that `NO` is Norway or a symbol, `0700` a ticker in Hong
Kong and `12:30` a text, not False, 448 and 750. JSON is read as well, being YAML.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from qtrader.errors import ConfigError

#: Keys and list indices that lead to a value.
KeyPath = tuple[str | int, ...]


_WORD_TAG: Final = "!word"


class UnquotedWord(str):
    """A text that YAML 1.1 would have read as true or false: yes, no, on, off without quotes."""

    __slots__ = ()


@dataclass(frozen=True)
class Document:
    """What was read, and where each key of it stands.

    Args:
        content: mappings, lists and scalars.
        place: the file's name, or what stands for it in messages.
        folder: where relative paths in it start.
        lines: the line of each key path, counted from 1; empty where the content was no file.
    """

    content: Any
    place: str
    folder: Path = Path()
    lines: dict[KeyPath, int] = field(default_factory=dict)

    def at(self, keys: KeyPath) -> str:
        """Name the place of a value, for example `config/system.yaml:7: run.start`."""
        line = next((self.lines[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in self.lines), None)
        where = self.place if line is None else f"{self.place}:{line}"
        return f"{where}: {dotted(keys)}" if keys else where

    def refuse(self, keys: KeyPath, message: str) -> ConfigError:
        """Make the error that something is wrong at a value."""
        return ConfigError(f"{self.at(keys)}: {message}")


def dotted(keys: KeyPath) -> str:
    """Write a key path as people do: `strategies[0].parameters.fast`."""
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text


def read_yaml(path: str | Path, purpose: str) -> Document:
    """Read a YAML file.

    Args:
        path: the file.
        purpose: what the file should hold, for the message when it is missing.

    Raises:
        ConfigError: the file is missing, unreadable, empty or not YAML, or a key stands twice in one mapping.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        msg = f"{file}: no such file; it should hold {purpose}"
        raise ConfigError(msg) from None
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{file}: cannot be read as UTF-8 text: {error}; it should hold {purpose}"
        raise ConfigError(msg) from error
    return parse_yaml(text, str(file), file.parent, purpose)


def parse_yaml(text: str, place: str, folder: Path = Path(), purpose: str = "a value") -> Document:
    """Read YAML text; see `read_yaml`."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            msg = f"{place}: is empty; it should hold {purpose}"
            raise ConfigError(msg)
        lines: dict[KeyPath, int] = {}
        _note(node, (), lines, set(), place)
        return Document(loader.construct_document(node), place, folder, lines)
    except yaml.MarkedYAMLError as error:
        raise ConfigError(_syntax(place, error)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        msg = f"{place}: is not YAML: {error}"
        raise ConfigError(msg) from None
    finally:
        loader.dispose()


def _syntax(place: str, error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    where = f"{place}:{mark.line + 1}:{mark.column + 1}" if mark is not None else place
    context = f" ({error.context})" if error.context else ""
    hint = "; write spaces instead of tabs" if "\\t" in (error.problem or "") else ""
    return f"{where}: is not YAML: {error.problem or error.context}{context}{hint}"


def _note(node: yaml.Node, keys: KeyPath, lines: dict[KeyPath, int], seen: set[int], place: str) -> None:
    """Keep the lines of a node's keys; what an alias repeats has the line of the alias."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[*keys, index] = item.start_mark.line + 1
            _note(item, (*keys, index), lines, seen, place)
    elif isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for key, value in node.value:
            name = str(key.value)
            line = key.start_mark.line + 1
            if name in first:
                path = dotted((*keys, name))
                msg = f"{place}:{line}: {path}: stands here again, first in line {first[name]}; give it once"
                raise ConfigError(msg)
            first[name] = line
            lines[*keys, name] = line
            _note(value, (*keys, name), lines, seen, place)


class _Loader(yaml.SafeLoader):
    """Build plain values by the core schema of YAML 1.2."""

    # SafeLoader's own table lists the resolvers of YAML 1.1.
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - its form

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Build a mapping; its keys are texts."""
        found = super().construct_mapping(node, deep=deep)
        return {key if isinstance(key, str) else str(key): value for key, value in found.items()}

    def construct_word(self, node: yaml.ScalarNode) -> UnquotedWord:
        """Build a text that remembers that it stood without quotes."""
        return UnquotedWord(self.construct_scalar(node))

    def construct_whole(self, node: yaml.ScalarNode) -> int:
        """Build a whole number; a leading zero would have made it a text."""
        return int(self.construct_scalar(node).replace("_", ""), 10)

    def construct_real(self, node: yaml.ScalarNode) -> float:
        """Build a float."""
        text = self.construct_scalar(node).replace("_", "").lower()
        return float(text.replace(".inf", "inf").replace(".nan", "nan"))

    def construct_instant(self, node: yaml.ScalarNode) -> Any:
        """Build a date or a datetime, which the calendar must know."""
        try:
            return self.construct_yaml_timestamp(node)
        except ValueError as error:
            problem = f"{node.value!r} is no date: {error}"
            raise yaml.constructor.ConstructorError(problem=problem, problem_mark=node.start_mark) from None


_WHOLE: Final = "(?:0|[1-9][0-9_]*)"
_RESOLVERS: Final = (
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", ("~", "n", "N", "")),
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", tuple("tTfF")),
    (_WORD_TAG, r"yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF", tuple("yYnNoO")),
    ("tag:yaml.org,2002:int", rf"[-+]?{_WHOLE}", tuple("-+0123456789")),
    (
        "tag:yaml.org,2002:float",
        (
            rf"[-+]?(?:\.[0-9][0-9_]*|{_WHOLE}(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?"
            r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
        ),
        tuple("-+.0123456789"),
    ),
    (
        "tag:yaml.org,2002:timestamp",
        (
            r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt ][0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?"
            r"[ \t]*(?:Z|[-+][0-9]{1,2}(?::?[0-9]{2})?)?)?"
        ),
        tuple("0123456789"),
    ),
    ("tag:yaml.org,2002:merge", r"<<", ("<",)),
)
for _tag, _pattern, _first in _RESOLVERS:
    _Loader.add_implicit_resolver(_tag, re.compile(rf"^(?:{_pattern})$"), list(_first))
_Loader.add_constructor(_WORD_TAG, _Loader.construct_word)
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_whole)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_real)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_instant)
