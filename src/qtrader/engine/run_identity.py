"""What makes two runs the same: digests of configuration, strategies, data and version.

A run's id is derived from them unless it is given, so that the same inputs give the same ids, and an
identical run is recognised.
"""

from __future__ import annotations

import inspect
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qtrader.services.strategy.protocol import StrategySpec


def digest(*parts: str) -> str:
    """Return the BLAKE2b digest of texts as 32 hexadecimal characters."""
    return blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()


def derive_run_id(config_digest: str, strategies: str, data: str, version: str) -> str:
    """Derive a run's id: the first 16 characters of the digest of all that decides."""
    return digest(config_digest, strategies, data, version)[:16]


def strategy_digest(spec: StrategySpec, made: Any) -> str:
    """Digest a strategy: its id and symbols, its class's source, and what it holds before the run.

    A class typed into an interpreter has no source; its code objects stand in for it.
    """
    cls = type(made)
    try:
        source = inspect.getsource(cls)
    except (OSError, TypeError):
        source = repr(
            [(name, _code_of(value)) for name, value in sorted(vars(cls).items()) if callable(value)]
        )
    values = _stable(vars(made)) if hasattr(made, "__dict__") else ""
    return digest(spec.identifier, repr(spec.symbols), cls.__qualname__, source, values)


def _code_of(function: Any) -> str:
    code = getattr(function, "__code__", None)
    return "" if code is None else f"{code.co_code.hex()}{code.co_names!r}{_stable(list(code.co_consts))}"


def _stable(value: Any) -> str:
    """Write a value without addresses, which differ from run to run."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key!r}:{_stable(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(_stable(item) for item in value) + "]"
    if isinstance(value, (set, frozenset)):
        return "{" + ",".join(sorted(_stable(item) for item in value)) + "}"
    text = repr(value)
    return type(value).__qualname__ if " at 0x" in text else text
