"""The contracts that ship with QTrader, and validation against them.

A contract is a JSON Schema (Draft 2020-12) in `schemas/<service>/<event>.v<version>.json`; the file is its
declaration, so adding one adds a contract. The event's type on the wire is the last part of the name. Schemas
are read and compiled at their first use, once per process, without touching the network. What is published is
what is validated: there is no second, looser schema.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, cast

import msgspec

from qtrader.contracts.explanation import explain
from qtrader.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable

    from jsonschema_rs import Draft202012Validator

#: The contract of what stands around every payload.
ENVELOPE = "envelope.v1"

_FILE_NAME = re.compile(r"^(?P<event>[a-z_]+)\.v(?P<version>[1-9][0-9]*)\.json$")


@dataclass(frozen=True, slots=True)
class Contract:
    """One version of one contract.

    Attributes:
        path: the name without version, for example "execution/fill".
        version: a whole number from 1.
    """

    path: str
    version: int

    @property
    def name(self) -> str:
        """Path and version, for example "execution/fill.v1"."""
        return f"{self.path}.v{self.version}"

    @property
    def event_type(self) -> str:
        """The topic whose events obey this contract, for example "fill"."""
        return self.path.rpartition("/")[2]


def names() -> tuple[str, ...]:
    """List every contract by name, sorted, the envelope included."""
    return tuple(_contracts())


def schema_text(name: str) -> str:
    """Return a contract's schema as published.

    Args:
        name: for example "execution/fill.v1"; without a version, the newest.

    Raises:
        ContractError: there is no such contract.
    """
    return _resource("schemas", f"{_find(name).name}.json").read_text(encoding="utf-8")


def schema(name: str) -> dict[str, Any]:
    """Return a contract's schema, parsed; see `schema_text`."""
    return cast("dict[str, Any]", msgspec.json.decode(schema_text(name)))


def example(name: str) -> bytes:
    """Return the example document of a contract, in the codec's compact form.

    Raises:
        ContractError: there is no such contract, or it is the envelope, which only ever surrounds another.
    """
    contract = _find(name)
    if contract.name == ENVELOPE:
        msg = f"contract {ENVELOPE} has no example of its own; every other example stands in an envelope"
        raise ContractError(msg)
    text = _resource("examples", f"{contract.name}.example.json").read_text(encoding="utf-8")
    return msgspec.json.encode(msgspec.json.decode(text))


@cache
def validator(name: str) -> Draft202012Validator:
    """Compile a contract, once per process; formats are checked and nothing is fetched."""
    # Loading it takes longer than all else that `import qtrader` does.
    from jsonschema_rs import Draft202012Validator

    return Draft202012Validator(schema(name), validate_formats=True, offline=True)


def contract_of(event_type: Any, event_version: Any) -> Contract:
    """Find the contract that an envelope names.

    Raises:
        ContractError: the type or the version is unknown; the message lists what is known.
    """
    known = _contracts_by_event()
    found = known.get((event_type, event_version))
    if found is not None:
        return found
    versions = sorted(version for name, version in known if name == event_type)
    if versions:
        allowed = ", ".join(map(str, versions))
        found_what = f"field event_version: found {event_version!r}; known versions of {event_type!r}"
    else:
        allowed = ", ".join(sorted({name for name, _ in known}))
        found_what = f"field event_type: found {event_type!r}; known"
    msg = f"contract {ENVELOPE}, {found_what}: {allowed}"
    raise ContractError(msg)


def check(name: str, instance: Any, at: str = "") -> None:
    """Validate parsed JSON against one contract.

    Args:
        name: a contract's name with its version.
        instance: dicts, lists, strings, numbers, booleans and None.
        at: where the instance stands in its document, for messages, for example "payload".

    Raises:
        ContractError: naming contract, field, what was found and the rule.
    """
    compiled = validator(name)
    try:
        errors = () if compiled.is_valid(instance) else tuple(compiled.iter_errors(instance))
    except ValueError as error:
        msg = f"contract {name}, field {at or '(document)'}: {error}; must be made of what JSON has"
        raise ContractError(msg) from error
    if errors:
        raise ContractError(explain(name, schema(name), errors, at))


def validate_document(document: bytes | str | Mapping[str, Any]) -> Contract:
    """Validate one wire document, envelope and payload, and return the payload's contract.

    Args:
        document: JSON text, or its parsed form.

    Raises:
        ContractError: the text is not JSON, or the document breaks the envelope's or its payload's contract.
    """
    parsed = parse_json(document) if isinstance(document, bytes | str) else document
    check(ENVELOPE, parsed)
    contract = contract_of(parsed["event_type"], parsed["event_version"])
    check(contract.name, parsed["payload"], at="payload")
    return contract


def parse_json(document: bytes | str) -> Any:
    """Parse JSON text.

    Raises:
        ContractError: the text is not JSON; the message says where it breaks.
    """
    try:
        return msgspec.json.decode(document)
    except (msgspec.DecodeError, UnicodeError) as error:
        beginning = document[:60]
        msg = f"contract {ENVELOPE}: the document is not JSON ({error}); it begins {beginning!r}"
        raise ContractError(msg) from error


@cache
def _contracts() -> dict[str, Contract]:
    found = [
        Contract(f"{folder}{match['event']}", int(match["version"]))
        for folder, file in _schema_files()
        if (match := _FILE_NAME.match(file))
    ]
    return {contract.name: contract for contract in sorted(found, key=lambda each: (each.path, each.version))}


@cache
def _contracts_by_event() -> dict[tuple[str, int], Contract]:
    contracts = (contract for contract in _contracts().values() if contract.name != ENVELOPE)
    return {(contract.event_type, contract.version): contract for contract in contracts}


def _schema_files() -> list[tuple[str, str]]:
    root = _resource("schemas", "")
    files = [("", entry.name) for entry in root.iterdir() if entry.is_file()]
    for folder in root.iterdir():
        if folder.is_dir():
            files += [(f"{folder.name}/", entry.name) for entry in folder.iterdir()]
    return files


def _find(name: str) -> Contract:
    contracts = _contracts()
    if name in contracts:
        return contracts[name]
    versions = [contract for contract in contracts.values() if contract.path == name]
    if versions:
        return versions[-1]
    msg = f"there is no contract {name!r}; known: {', '.join(contracts)}"
    raise ContractError(msg)


def _resource(kind: str, relative: str) -> Traversable:
    return resources.files("qtrader.contracts").joinpath(kind, *relative.split("/"))
