"""The choice between the twins, compiled and pure Python: `WSFAST_BACKEND`, once at import.

`c` demands the compiled one, `auto` takes it where it was built; a compiled one that was built but
can't be loaded is an error in either case.
"""

from __future__ import annotations

import os
from typing import Any

from .exceptions import no_compiled_backend, unknown_backend

__all__ = [
    "BACKEND",
    "REASON",
    "frames",
    "kernels",
    "link",
    "mask",
    "message_queue",
    "messages",
    "reader",
    "restore",
    "splitter",
    "utf8",
]

_wanted = os.environ.get("WSFAST_BACKEND", "auto")
if _wanted not in ("auto", "c", "python"):
    raise unknown_backend(_wanted)

# Why the pure twin was chosen; None if it wasn't.
REASON: str | None = None

if _wanted == "python":
    REASON = "WSFAST_BACKEND='python'"
else:
    # `import a.b as b`: where there is no extension, `from a import b` would tell of a circular
    # import.
    try:
        import wsfast._speedups.frames as frames
        import wsfast._speedups.kernels as kernels
        import wsfast._speedups.link as link
        import wsfast._speedups.mask as mask
        import wsfast._speedups.message_queue as message_queue
        import wsfast._speedups.messages as messages
        import wsfast._speedups.reader as reader
        import wsfast._speedups.splitter as splitter
        import wsfast._speedups.utf8 as utf8
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("wsfast._speedups"):
            raise
        if _wanted == "c":
            raise no_compiled_backend(error) from error
        REASON = str(error)

if REASON is None:
    BACKEND = "c"
else:
    import wsfast._fallback.frames as frames  # type: ignore[no-redef]
    import wsfast._fallback.kernels as kernels  # type: ignore[no-redef]
    import wsfast._fallback.link as link  # type: ignore[no-redef]
    import wsfast._fallback.mask as mask  # type: ignore[no-redef]
    import wsfast._fallback.message_queue as message_queue  # type: ignore[no-redef]
    import wsfast._fallback.messages as messages  # type: ignore[no-redef]
    import wsfast._fallback.reader as reader  # type: ignore[no-redef]
    import wsfast._fallback.splitter as splitter  # type: ignore[no-redef]
    import wsfast._fallback.utf8 as utf8  # type: ignore[no-redef]

    BACKEND = "python"


def restore(module: str, name: str, args: tuple[Any, ...]) -> Any:
    """Make an object anew from its pickle, whichever twin that came from."""
    return getattr(globals()[module], name)(*args)
