"""From the files of a configuration to one `RunConfig`: following references, then checking what must agree.

A section stands in one place only. `portfolio` and `data_sources` in `system.yaml` may be the path of another
file or the section itself; `risk` may be the name of a shipped policy, the path of a policy, or the policy
itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from qtrader.engine.config import (
    DataSelection,
    ReportingSettings,
    RunConfig,
    RunSettings,
    StrategyConfig,
)
from qtrader.engine.config_errors import nearest, unknown, validate
from qtrader.engine.config_reader import Document, KeyPath, read_yaml
from qtrader.errors import ConfigError
from qtrader.libraries.strategies import LIBRARY
from qtrader.services.data.source import SAMPLE_PREFIX, DataSource, DataSources, parse_sources
from qtrader.services.execution.settings import ExecutionSettings
from qtrader.services.portfolio.settings import PortfolioSettings
from qtrader.services.risk.policy import RiskPolicy

#: A policy that changes a shipped one, or gives no name of its own.
CUSTOM_POLICY = "custom"

_SECTIONS: Mapping[str, type[BaseModel]] = {
    "run": RunSettings,
    "portfolio": PortfolioSettings,
    "execution": ExecutionSettings,
    "reporting": ReportingSettings,
}
_IN_PORTFOLIO_FILE = ("portfolio", "execution", "risk")
#: Sections that other commands read; they decide nothing of a run.
_BESIDE_A_RUN = ("sweep",)
_YAML = (".yaml", ".yml", ".json")


def load_system_file(path: str | Path) -> RunConfig:
    """Read `system.yaml`, which must name sources and strategies; see `load_run_config`."""
    document = read_yaml(path, "a run's configuration; `qtrader init DIR` writes one that runs")
    config = parse_system(document)
    for name in ("data", "strategies"):
        if not getattr(config, name):
            raise document.refuse((), f"{name}: is missing; a run needs at least one entry in {name}")
    return config


def parse_system(document: Document) -> RunConfig:
    """Resolve and check the sections of a document; see `qtrader.engine.config.parse_run_config`."""
    sections = _sections(document)
    found: dict[str, Any] = {}
    faults: list[str] = []
    for name, (content, place, keys) in sections.items():
        try:
            found[name] = _section(name, content, place, keys)
        except ConfigError as error:
            faults.append(str(error))
    if faults:
        raise ConfigError("\n".join(faults))
    config = _agreed(RunConfig(**found), sections)
    # Their paths are absolute; what is left is from where a report shows them.
    sources = config.data_sources.model_copy(update={"folder": document.folder})
    return config.model_copy(update={"data_sources": sources})


#: A section's content, the document that holds it, and where it stands there.
_Section = tuple[Any, Document, KeyPath]


def _sections(document: Document) -> dict[str, _Section]:
    content = _mapping(document, (*RunConfig.model_fields, *_BESIDE_A_RUN))
    sections: dict[str, _Section] = {
        name: (value, document, (name,))
        for name, value in content.items()
        if value is not None and name not in _BESIDE_A_RUN
    }
    portfolio = sections.get("portfolio")
    if portfolio is not None and isinstance(portfolio[0], str):
        file = _named(document, "portfolio", portfolio[0])
        del sections["portfolio"]
        for name, value in _mapping(file, _IN_PORTFOLIO_FILE).items():
            if name in sections:
                raise document.refuse((name,), f"is given here and in {file.at((name,))}; give it once")
            if value is not None:
                sections[name] = (value, file, (name,))
    sources = sections.get("data_sources")
    if sources is not None and isinstance(sources[0], str):
        file = _named(document, "data_sources", sources[0])
        sections["data_sources"] = (file.content, file, ())
    return sections


def _named(document: Document, section: str, path: str) -> Document:
    return read_yaml(document.folder / path, f"what {document.at((section,))} names it for")


def _mapping(document: Document, known: Any) -> Mapping[str, Any]:
    content = document.content
    if not isinstance(content, Mapping):
        raise document.refuse(
            (), f"holds {content!r:.80}; allowed is a mapping with the keys {', '.join(known)}"
        )
    faults = [str(document.refuse((key,), unknown("key", key, known))) for key in content if key not in known]
    if faults:
        raise ConfigError("\n".join(faults))
    return content


def _section(name: str, content: Any, document: Document, keys: KeyPath) -> Any:
    special: Mapping[str, Callable[[Any, Document, KeyPath], Any]] = {
        "data": _data,
        "strategies": _strategies,
        "data_sources": _data_sources,
        "risk": load_policy,
        "import_from": _folders,
    }
    if name in special:
        return special[name](content, document, keys)
    return validate(_SECTIONS[name], content, document, keys)


def _data(content: Any, document: Document, keys: KeyPath) -> tuple[DataSelection, ...]:
    found = tuple(
        validate(DataSelection, entry, document, at) for at, entry in _entries(content, document, keys)
    )
    _refuse_repeated([selection.source for selection in found], "source", document, keys)
    return found


def _strategies(content: Any, document: Document, keys: KeyPath) -> tuple[StrategyConfig, ...]:
    entries = _entries(content, document, keys)
    found = tuple(validate(StrategyConfig, entry, document, at) for at, entry in entries)
    for strategy, (at, _entry) in zip(found, entries, strict=True):
        if ":" not in strategy.strategy and strategy.strategy not in LIBRARY:
            msg = f'{unknown("strategy", strategy.strategy, LIBRARY)}, or "module:Class"'
            raise document.refuse((*at, "strategy"), msg)
    _refuse_repeated([strategy.spec.identifier for strategy in found], "id", document, keys)
    return found


def _refuse_repeated(names: list[str], what: str, document: Document, keys: KeyPath) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            msg = f"the {what} {name!r} is that of entry {names.index(name)} too; each entry needs its own"
            raise document.refuse((*keys, index), msg)


def _entries(content: Any, document: Document, keys: KeyPath) -> list[tuple[KeyPath, Any]]:
    if isinstance(content, Mapping):
        return [(keys, content)]
    if not isinstance(content, (list, tuple)):
        raise document.refuse(
            keys, f"found {content!r:.80}; allowed is a list of entries, each with keys of its own"
        )
    return [((*keys, index), entry) for index, entry in enumerate(content)]


def _data_sources(content: Any, document: Document, keys: KeyPath) -> DataSources:
    if content == {"sources": {}}:
        return DataSources(sources={})
    validate(DataSources, content, document, keys, hidden=("folder",))
    parsed = parse_sources(content, document.at(keys), document.folder)
    return DataSources(sources={name: _anchored(source, parsed) for name, source in parsed.sources.items()})


def _anchored(source: DataSource, sources: DataSources) -> DataSource:
    def anchor(path: Path) -> Path:
        return path if str(path).startswith((SAMPLE_PREFIX, "~")) else sources.resolve(path).absolute()

    paths = {
        "path": tuple(map(anchor, source.path)),
        "corporate_actions": tuple(map(anchor, source.corporate_actions)),
        "universe": None if source.universe is None else anchor(source.universe),
        "cache_dir": None if source.cache_dir is None else anchor(source.cache_dir),
    }
    return source.model_copy(update=paths)


def _folders(content: Any, document: Document, keys: KeyPath) -> tuple[Path, ...]:
    entries = [content] if isinstance(content, str) else content
    if not isinstance(entries, (list, tuple)) or not all(isinstance(entry, str) for entry in entries):
        raise document.refuse(keys, f"found {content!r:.80}; allowed is a folder or a list of folders")
    folders = tuple(Path(document.folder, entry).absolute() for entry in entries)
    for index, folder in enumerate(folders):
        if not folder.is_dir():
            raise document.refuse(
                keys if isinstance(content, str) else (*keys, index), f"there is no folder {folder}"
            )
    # Not resolved, so that a run can name them as they were given; `importing_from` does it.
    return folders


@cache
def shipped_policies() -> tuple[str, ...]:
    """Return the names of the risk policies that ship with the package, sorted."""
    folder = resources.files("qtrader.libraries.risk") / "builtin"
    return tuple(
        sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    )


def load_policy(content: Any, document: Document, keys: KeyPath = ()) -> RiskPolicy:
    """Make a risk policy of a shipped name, a path or a mapping.

    Raises:
        ConfigError: there is no such policy, or it is not usable.
    """
    name = CUSTOM_POLICY
    if isinstance(content, str):
        if content in shipped_policies():
            path = Path(str(resources.files("qtrader.libraries.risk") / "builtin" / f"{content}.yaml"))
        elif content.endswith(_YAML):
            path = document.folder / content
        else:
            shipped = shipped_policies()
            msg = f"unknown policy {content!r}{nearest(content, shipped)}; allowed are {', '.join(shipped)}, "
            raise document.refuse(keys, msg + "the path of a YAML file, or a mapping")
        document, keys, name = read_yaml(path, "a risk policy"), (), path.stem
        content = document.content
    if isinstance(content, Mapping) and content:
        content = {"name": name, **content}
    return validate(RiskPolicy, content, document, keys)


def _agreed(config: RunConfig, sections: Mapping[str, _Section]) -> RunConfig:
    """Keep the sources that the run uses, and refuse names that nothing has."""
    sources = config.data_sources.sources
    for index, selection in enumerate(config.data):
        if selection.source not in sources:
            raise _at(sections, "data", index, "source", unknown("source", selection.source, sources))
    if not config.data:
        return config
    if all(selection.symbols for selection in config.data):
        known = [symbol for selection in config.data for symbol in selection.symbols or ()]
        for index, strategy in enumerate(config.strategies):
            for symbol in strategy.symbols or ():
                if symbol not in known:
                    msg = f"{unknown('symbol', symbol, known)} in data"
                    raise _at(sections, "strategies", index, "symbols", msg)
        benchmark = config.reporting.benchmark
        if benchmark is not None and benchmark not in known:
            raise _at(sections, "reporting", 0, "benchmark", f"{unknown('symbol', benchmark, known)} in data")
    used = {selection.source: sources[selection.source] for selection in config.data}
    return config.model_copy(update={"data_sources": DataSources(sources=used)})


def _at(sections: Mapping[str, _Section], section: str, index: int, key: str, message: str) -> ConfigError:
    content, document, keys = sections[section]
    place: KeyPath = (*keys, key) if isinstance(content, Mapping) else (*keys, index, key)
    return document.refuse(place, message)
