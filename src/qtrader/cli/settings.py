"""`KEY=VALUE` on the command line: values are written as in YAML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtrader.engine.config_reader import UnquotedWord, parse_yaml
from qtrader.errors import ConfigError

_TRUTH = {"yes": True, "on": True, "no": False, "off": False}


def parse_settings(settings: Sequence[str], option: str = "--set") -> dict[str, Any]:
    """Parse settings; a value that is empty means null.

    Raises:
        ConfigError: a setting has no `=`, a key stands twice, or a value is not YAML.
    """
    found: dict[str, Any] = {}
    for setting in settings:
        key, separator, text = setting.partition("=")
        key = key.strip()
        if not separator or not key:
            msg = f"{option} {setting!r}: allowed is KEY=VALUE, for example {option} initial_cash=50000"
            raise ConfigError(msg)
        if key in found:
            msg = f"{option} {setting!r}: {key} is set twice"
            raise ConfigError(msg)
        found[key] = _value(text, f"{option} {key}")
    return found


def _value(text: str, place: str) -> Any:
    if not text.strip():
        return None
    value = parse_yaml(text, place).content
    # On a command line no ticker stands alone, so that these words mean what they say.
    return _TRUTH.get(value.casefold(), value) if isinstance(value, UnquotedWord) else value
