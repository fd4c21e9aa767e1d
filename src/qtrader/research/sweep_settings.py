"""The section `sweep` of a configuration, and the values of parameters as people write them.

`5:45:2` is what Python's `range(5, 45, 2)` is: from 5, in steps of 2, up to but without 45; with fractions
the steps are exact decimals. The section stands in `system.yaml` beside those that decide a run; a backtest
passes over it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from qtrader.engine.config_errors import validate
from qtrader.engine.config_reader import Document, UnquotedWord, parse_yaml, read_yaml
from qtrader.errors import ConfigError
from qtrader.research.grid import MOST_SETS
from qtrader.research.sampling import RandomSampler, Reals

_NUMBER: Final = r"[-+]?[0-9][0-9_]*(?:\.[0-9]+)?"
_STEPS: Final = re.compile(rf"({_NUMBER}):({_NUMBER})(?::({_NUMBER}))?")
_TRUTH: Final = {"yes": True, "on": True, "no": False, "off": False}
_REAL_KEYS: Final = frozenset({"low", "high", "logarithmic"})


class SweepSettings(BaseModel):
    """Say what a sweep tries.

    Args:
        grid: values by parameter: a list, `start:stop:step` without the stop, one value, or for a random
            sampler `{low: …, high: …, logarithmic: …}`.
        sampler: `grid` for every combination, `random` for some.
        samples: how many sets a random sampler draws.
        seed: decides what a random sampler draws.
        metric: the measure by which sets are ranked.
        maximize: whether more of it is better; by default what the measure means.
        verify: how many of the best sets run again through the engine.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    grid: dict[str, Any] = {}
    sampler: Literal["grid", "random"] = "grid"
    samples: Annotated[int, Field(gt=0, le=MOST_SETS)] = 100
    seed: Annotated[int, Field(ge=0)] = 0
    metric: str = "sharpe"
    maximize: bool | None = None
    verify: Annotated[int, Field(ge=0)] = 3

    def parameters(self) -> Any:
        """Return what `qt.sweep` takes: a grid or a sampler.

        Raises:
            ConfigError: a range is not usable; names the parameter.
        """
        values = {name: values_of(name, given) for name, given in self.grid.items()}
        if self.sampler == "random":
            return RandomSampler(self.samples, self.seed, values)
        for name, given in values.items():
            if isinstance(given, Reals):
                msg = f"sweep: {name}: low and high are for sampler: random; a grid needs start:stop:step"
                raise ConfigError(msg)
        return values


def load_sweep_settings(path: str | Path) -> SweepSettings:
    """Read the section `sweep` of a run's configuration; without one, the defaults.

    Raises:
        ConfigError: naming file, line, key, what was found and what is allowed.
    """
    document = read_yaml(path, "a run's configuration; `qtrader init DIR` writes one that runs")
    content = document.content.get("sweep") if isinstance(document.content, Mapping) else None
    if content is None:
        return SweepSettings()
    return validate(SweepSettings, content, document, ("sweep",))


def changed(settings: SweepSettings, **given: Any) -> SweepSettings:
    """Return settings in which what is given, and not None, takes the place of what was.

    Raises:
        ConfigError: a value is not allowed.
    """
    content = {**settings.model_dump(), **{key: value for key, value in given.items() if value is not None}}
    return validate(SweepSettings, content, Document(content, "command line"))


def parse_parameters(given: list[str]) -> dict[str, Any]:
    """Understand `fast=5:45:2` or `slow=50,100` of a command line, in order.

    Raises:
        ConfigError: an entry has no `=`, a parameter stands twice, or a value is not YAML.
    """
    found: dict[str, Any] = {}
    for entry in given:
        name, separator, text = entry.partition("=")
        name, text = name.strip(), text.strip()
        if not separator or not name or not text:
            example = "--param fast=5:45:2 or --param slow=50,100"
            msg = f"--param {entry!r}: allowed is NAME=VALUES, for example {example}"
            raise ConfigError(msg)
        if name in found:
            msg = f"--param {entry!r}: {name} is given twice"
            raise ConfigError(msg)
        is_list = "," in text and text[0] not in "[{\"'"
        value = parse_yaml(f"[{text}]" if is_list else text, f"--param {name}").content
        found[name] = [_meant(each) for each in value] if isinstance(value, list) else _meant(value)
    return found


def _meant(value: Any) -> Any:
    return _TRUTH.get(value.casefold(), value) if isinstance(value, UnquotedWord) else value


def values_of(name: str, given: Any) -> Any:
    """Turn what stands for a parameter's values into them: a range, a list, real numbers, or one value.

    Raises:
        ConfigError: a range is empty, or a mapping is no range of real numbers.
    """
    if isinstance(given, str):
        steps = _STEPS.fullmatch(given.strip())
        return given if steps is None else _stepped(name, given, *steps.groups())
    if isinstance(given, Mapping):
        if not {"low", "high"} <= set(given) <= _REAL_KEYS:
            allowed = "{low: …, high: …, logarithmic: true or false}"
            msg = f"sweep: {name} is {dict(given)!r}; allowed is {allowed}"
            raise ConfigError(msg)
        for key in ("low", "high"):
            if isinstance(given[key], bool) or not isinstance(given[key], (int, float)):
                msg = f"sweep: {name}: {key} is {given[key]!r}; allowed is a number"
                raise ConfigError(msg)
        return Reals(given["low"], given["high"], bool(given.get("logarithmic", False)))
    return given


def _stepped(name: str, text: str, start: str, stop: str, step: str | None) -> list[Any]:
    first, end, stride = (Decimal(each.replace("_", "")) for each in (start, stop, step or "1"))
    if not stride or (end - first) * stride <= 0:
        allowed = "start:stop:step, the stop not included"
        msg = f"sweep: {name} is {text!r}, which has no value; allowed is {allowed}"
        raise ConfigError(msg)
    whole, rest = divmod(end - first, stride)
    count = int(whole) + bool(rest)
    if count > MOST_SETS:
        msg = f"sweep: {name} is {text!r}, which has {count:,} values; allowed are {MOST_SETS:,}"
        raise ConfigError(msg)
    is_whole = not any("." in each for each in (start, stop, step or "1"))
    values = [first + stride * place for place in range(count)]
    return [int(value) if is_whole else float(value) for value in values]
