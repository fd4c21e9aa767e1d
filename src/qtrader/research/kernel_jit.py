"""How the kernel's functions are compiled: without the GIL, in strict float64, cached on disk at the entries.

Only entries are cached; what they call is compiled into them. Numba stamps a cached function with the source
of its own file alone, so that entries carry a digest of all the kernel's files and are compiled anew when any
of these has changed. The cache lies beside the module, or in the user's cache directory where the package is
installed read-only, or in NUMBA_CACHE_DIR.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from numba import njit, types
from numba.extending import intrinsic

if TYPE_CHECKING:
    from collections.abc import Callable

Function = TypeVar("Function", bound="Callable[..., Any]")

_HERE = Path(__file__).parent


def compiled(function: Function) -> Function:
    """Compile a function where an entry calls it."""
    return cast("Function", njit(nogil=True, error_model="numpy")(function))


def entry(function: Function) -> Function:
    """Compile a function that Python calls, and keep it on disk."""
    return cast("Function", njit(nogil=True, error_model="numpy", cache=True)(function))


def entry_of(signature: Any) -> Callable[[Function], Function]:
    """Compile a function that Python calls for one signature as soon as it is loaded, and keep it on disk."""
    return cast(
        "Callable[[Function], Function]", njit(signature, nogil=True, error_model="numpy", cache=True)
    )


def sources_digest() -> int:
    """Return a number that changes with any file of the kernel."""
    digest = blake2b(digest_size=7)
    for path in sorted(_HERE.glob("kernel*.py")):
        digest.update(path.read_bytes())
    return int.from_bytes(digest.digest())


def _pointer_to(_context: Any, _address: Any) -> Any:

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.voidptr(types.int64), generate


#: Read an address as a pointer.
pointer_to = cast("Callable[[int], Any]", intrinsic(_pointer_to))
