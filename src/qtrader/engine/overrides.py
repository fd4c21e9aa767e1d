"""Changing single values of a configuration: what a notebook passes by keyword and a command line by `--set`.

A name is a field of `run`, `portfolio`, `execution`, `reporting`, `risk` or its `limits` (each stands in one
of them only), a whole section whose given keys win over the present ones, or a dotted path such as
`strategies.0.parameters.fast`.
"""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import PurePath
from typing import Any

from pydantic import BaseModel

from qtrader.engine.config import ReportingSettings, RunConfig, RunSettings, parse_run_config
from qtrader.engine.config_errors import unknown
from qtrader.engine.config_files import CUSTOM_POLICY
from qtrader.errors import ConfigError
from qtrader.libraries.strategies import LIBRARY
from qtrader.services.execution.settings import ExecutionSettings
from qtrader.services.portfolio.settings import PortfolioSettings
from qtrader.services.risk.policy import Limits, RiskPolicy
from qtrader.services.strategy.protocol import Strategy, StrategySpec, load

#: Other names of fields, as people know them.
ALIASES: Mapping[str, str] = {"initial_equity": "portfolio.initial_cash"}

#: What other tools call a setting; not accepted, because a near name may mean another unit.
FOREIGN_NAMES: Mapping[str, str] = {
    "cash": "initial_equity",
    "capital": "initial_equity",
    "init_cash": "initial_equity",
    "starting_cash": "initial_equity",
    "initial_capital": "initial_equity",
    "fee": "commission",
    "fees": "commission",
    "commissions": "commission",
    "commission_pct": "commission",
    "commission_percent": "commission",
    "slippage_pct": "slippage_bps",
    "slippage_percent": "slippage_bps",
}
_EXAMPLES: Mapping[str, str] = {
    "initial_equity": "initial_equity=50_000",
    "commission": 'commission="0.1%"',
    "slippage_bps": "slippage_bps=5 for five basis points",
}

_SECTIONS: Mapping[str, type[BaseModel]] = {
    "run": RunSettings,
    "portfolio": PortfolioSettings,
    "execution": ExecutionSettings,
    "reporting": ReportingSettings,
    "risk": RiskPolicy,
    "risk.limits": Limits,
}
_PLACE = "override"


def override(config: RunConfig, overrides: Mapping[str, Any]) -> RunConfig:
    """Change values; see `qtrader.engine.config.apply_overrides`."""
    if not overrides:
        return config
    document = config.to_dict()
    _keep_objects(document["execution"], config.execution)
    # A short form takes the place of the long one, in which the present configuration is written.
    if _gives(overrides, "slippage_bps"):
        del document["execution"]["slippage"]
    if _gives(overrides, "limit_touch") and document["execution"]["fill_model"]["type"] == "named":
        del document["execution"]["fill_model"]["default"]
    for name, value in overrides.items():
        _set(document, name, _plain(value))
    if document["risk"] != config.to_dict()["risk"] and _keeps_name(document["risk"], config):
        document["risk"]["name"] = CUSTOM_POLICY
    changed = parse_run_config(document, _PLACE)
    sources = changed.data_sources.model_copy(update={"folder": config.data_sources.folder})
    return changed.model_copy(update={"data_sources": sources})


@cache
def override_names() -> Mapping[str, str]:
    """Return the dotted path that each flat name stands for."""
    found: dict[str, list[str]] = {}
    for section, model in _SECTIONS.items():
        for name in model.model_fields:
            found.setdefault(name, []).append(f"{section}.{name}")
    # A run's name and a policy's name are different things; the run's is meant.
    found["name"] = ["run.name"]
    del found["limits"]
    return {
        **{name: paths[0] for name, paths in found.items() if len(paths) == 1},
        "limits": "risk.limits",
        **ALIASES,
    }


def _gives(overrides: Mapping[str, Any], key: str) -> bool:
    """Tell whether a key of the section execution is among the overrides, in whatever way it is named."""
    section = overrides.get("execution")
    is_inside = isinstance(section, Mapping) and key in section
    return is_inside or key in overrides or f"execution.{key}" in overrides


def _keep_objects(document: dict[str, Any], execution: ExecutionSettings) -> None:
    """Put back the objects that were handed over for custom models, which the document only names."""
    models = (
        ("commission", execution.commission),
        ("slippage", execution.slippage),
        ("fill_model", execution.fill_model),
    )
    for name, settings in models:
        if settings.type == "custom":
            document[name]["model"] = settings.model


def _keeps_name(policy: Any, config: RunConfig) -> bool:
    return isinstance(policy, dict) and policy.get("name") == config.risk.name


def _set(document: dict[str, Any], name: str, value: Any) -> None:
    if "." not in name and name not in document and name not in override_names():
        known = [*sorted(override_names()), *document]
        meant = _meant(name, document)
        if meant is not None:
            msg = f"{_PLACE}: unknown setting {name!r}; {meant}"
            raise ConfigError(msg)
        hint = "or a dotted path such as strategies.0.parameters.fast"
        msg = f"{_PLACE}: {unknown('setting', name, known)}, {hint}"
        raise ConfigError(msg)
    keys = (name if "." in name or name in document else override_names()[name]).split(".")
    holder: Any = document
    for depth, key in enumerate(keys[:-1]):
        holder = _step(holder, key, ".".join(keys[: depth + 1]))
    last = keys[-1]
    if isinstance(holder, list):
        holder[_index(holder, last, name)] = value
        return
    if not isinstance(holder, dict):
        msg = f"{_PLACE}: {name}: there is nothing below {'.'.join(keys[:-1])}, which is {holder!r}"
        raise ConfigError(msg)
    path = ".".join(keys)
    holder[last] = _merged(holder.get(last), value) if path in _SECTIONS else value


def _meant(name: str, document: Mapping[str, Any]) -> str | None:
    """Say what somebody means who gives the name that another tool has, or a strategy's parameter."""
    if name in FOREIGN_NAMES:
        setting = FOREIGN_NAMES[name]
        example = f", for example {_EXAMPLES[setting]}" if setting in _EXAMPLES else ""
        return f"did you mean {setting!r}{example}?"
    owners = [entry["strategy"] for entry in document["strategies"] if name in _parameters_of(entry)]
    owners += [each for each in LIBRARY if each not in owners and name in _shipped_parameters(each)]
    if not owners:
        return None
    path = f"strategies.0.parameters.{name}"
    return (
        f"{name} is a parameter of {owners[0]}: a strategy's parameters go in parameters={{…}}, "
        f"or in a configuration in {path}"
    )


def _parameters_of(entry: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(entry["parameters"]) | _shipped_parameters(entry["strategy"])


@cache
def _shipped_parameters(strategy: str) -> frozenset[str]:
    if strategy not in LIBRARY:
        return frozenset()
    return _parameters_of_class(load(strategy, LIBRARY))


def _parameters_of_class(cls: type) -> frozenset[str]:
    if issubclass(cls, Strategy) and inspect.getattr_static(cls, "__init__") is Strategy.__init__:
        return frozenset(cls.parameters())
    return frozenset(inspect.signature(cls).parameters)


def refuse_parameters(overrides: Mapping[str, Any], specs: Iterable[StrategySpec]) -> None:
    """Refuse overrides that are no settings, but parameters of the strategies that a caller hands over.

    Raises:
        ConfigError: naming the parameter, its strategy, and where it goes.
    """
    for spec in specs:
        if isinstance(spec.strategy, str):
            continue  # it is imported later, by who knows the folders of its module
        cls = spec.strategy if isinstance(spec.strategy, type) else type(spec.strategy)
        parameters = _parameters_of_class(cls)
        for name in overrides:
            if name in parameters and name not in override_names():
                msg = (
                    f"{_PLACE}: unknown setting {name!r}; {name} is a parameter of {cls.__name__}: "
                    "a strategy's parameters go in parameters={…}"
                )
                raise ConfigError(msg)


def _merged(present: Any, given: Any) -> Any:
    if not isinstance(present, dict) or not isinstance(given, dict):
        return given
    merged = {**present, **given}
    if isinstance(given.get("limits"), dict) and isinstance(present.get("limits"), dict):
        merged["limits"] = {**present["limits"], **given["limits"]}
    return merged


def _step(holder: Any, key: str, path: str) -> Any:
    if isinstance(holder, dict) and key in holder:
        return holder[key]
    if isinstance(holder, list):
        return holder[_index(holder, key, path)]
    known: Iterable[str] = holder if isinstance(holder, dict) else ()
    msg = f"{_PLACE}: {path}: {unknown('key', key, known)}"
    raise ConfigError(msg)


def _index(entries: list[Any], key: str, path: str) -> int:
    names = [
        str(entry.get("id") or index) if isinstance(entry, dict) else str(index)
        for index, entry in enumerate(entries)
    ]
    if key in names:
        return names.index(key)
    if key.isdecimal() and int(key) < len(entries):
        return int(key)
    msg = f"{_PLACE}: {path}: {unknown('entry', key, names)}"
    raise ConfigError(msg)


def _plain(value: Any) -> Any:
    """Turn numbers of numpy and models into what a document holds."""
    if isinstance(value, BaseModel):
        return _plain(value.model_dump(mode="python"))
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (bool, str, Decimal, date, PurePath)) or value is None:
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    return float(value) if isinstance(value, numbers.Real) else value
