"""What would become of each installed library here: for `python -m wsfast status`."""

from __future__ import annotations

import importlib

from . import NAMES, LibraryStatus, PartStatus, _registry


def survey(names: list[str]) -> dict[str, LibraryStatus]:
    """The status of each library once all that its adapter is about is imported and enabled.

    It imports the libraries, so it is for a process of its own.
    """
    _registry.enable(names, strict=False, required=False)
    missing: dict[str, str] = {}
    for name in names:
        for module in _registry.modules(name):
            try:
                importlib.import_module(module)
            except Exception as error:
                missing[module] = f"{module} can't be imported: {type(error).__name__}: {error}"
    found = _registry.status(names)
    return {
        name: status._replace(
            parts=[_told(part, missing) for part in status.parts]
            if NAMES[name] not in missing
            else []
        )
        for name, status in found.items()
    }


def _told(part: PartStatus, missing: dict[str, str]) -> PartStatus:
    """A part that waits for what can't be imported here: it says so."""
    modules = {place.partition(":")[0] for place in part.places}
    reasons = [reason for module, reason in missing.items() if module in modules]
    if part.state != "waiting" or not reasons:
        return part
    return part._replace(reason=reasons[0])
