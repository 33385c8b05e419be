"""autobahn: messages in and out of `WebSocketProtocol`, masking and UTF-8 validation."""

from __future__ import annotations

from collections.abc import Callable

from .._patch import Adapter, Part
from .._source import Known, known
from .payload import (
    CREATE_MASKER,
    VALIDATOR,
    build_masker,
    build_validator,
    check_masker,
    check_validator,
    does_not_use_nvx,
    uses_nvx,
)
from .receiving import FIRE, HOOKS, PROCESS_DATA, PROTOCOL, build_receiving
from .selfcheck import check_receiving, check_sending
from .sending import SEND_DATA, SEND_FRAME, SEND_MESSAGE, build_sending


def _masking(
    name: str, fingerprints: Known, applies: Callable[[], str | None], pure: bool = False
) -> Part:
    return Part(
        name=name,
        replaces={CREATE_MASKER: fingerprints},
        build=build_masker,
        check=check_masker,
        operations=("mask",),
        applies=applies,
        pure=pure,
    )


ADAPTER = Adapter(
    name="autobahn",
    package="autobahn",
    versions=("25.11", "26.11"),
    parts=(
        Part(
            name="messages in",
            replaces={PROCESS_DATA: known("b6bc67be7801", "2ff57e56433c")},
            relies_on={
                f"{PROTOCOL}.consumeData": known("2c3fae07f361", "b9b89ed641dd"),
                f"{PROTOCOL}._dataReceived": known("0fc9764d6407", "d5721e440c7e"),
                FIRE: known("55b19ef3a001"),
                **HOOKS,
            },
            build=build_receiving,
            check=check_receiving,
            operations=("mask", "utf8"),
        ),
        Part(
            name="messages out",
            replaces={
                SEND_MESSAGE: known("2baa239d1143", "7ac309776b09"),
                SEND_FRAME: known("1c134d737637", "96054d4b445f"),
                SEND_DATA: known("87a90c1f59e3", "21c82d3fbef0"),
            },
            build=build_sending,
            check=check_sending,
            operations=("mask",),
        ),
        _masking("masking, NVX", known("55afc20f9005"), uses_nvx),
        _masking("masking, not NVX", known("0e0cb1992c38"), does_not_use_nvx, pure=True),
        Part(
            name="UTF-8 validation",
            replaces={VALIDATOR: known("c74dfe769ad3", "e27df4b495ff", "68f140050e4e")},
            build=build_validator,
            check=check_validator,
            operations=("utf8",),
            pure=True,
        ),
    ),
)
