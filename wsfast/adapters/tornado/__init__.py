"""tornado: frames in and out of `WebSocketProtocol13`, and its masking function."""

from __future__ import annotations

from collections.abc import Callable

from .._patch import Adapter, Part
from .._source import Known, Releases, known
from .masking import MASK, build_mask, check_mask, compiled, not_compiled
from .receiving import (
    CONSUME,
    HANDLE_MESSAGE,
    READ_BYTES,
    RECEIVE_FRAME,
    RUN_CALLBACK,
    STREAM,
    STREAM_READ_BYTES,
    build_receiving,
)
from .selfcheck import check_receiving, check_sending
from .sending import WRITE_FRAME, WRITE_MESSAGE, build_sending

# Of its compiled masking function.
COMPILED = Releases(
    "6.2",
    "6.3.3",
    "6.4",
    "6.4.1",
    "6.4.2",
    "6.5",
    "6.5.1",
    "6.5.2",
    "6.5.3",
    "6.5.4",
    "6.5.5",
    "6.5.6",
    "6.5.7",
    "6.5.8",
    "6.5.9",
    "6.5.10",
    "6.6",
    "6.6.1",
)


def _mask_part(
    name: str, fingerprints: Known, applies: Callable[[], str | None], pure: bool = False
) -> Part:
    return Part(
        name=name,
        replaces={MASK: fingerprints},
        bound_in={MASK: ("tornado.websocket", "tornado.web")},
        build=build_mask,
        check=check_mask,
        operations=("mask",),
        applies=applies,
        pure=pure,
    )


ADAPTER = Adapter(
    name="tornado",
    package="tornado",
    versions=("6.2", "6.7"),
    parts=(
        Part(
            name="frames in",
            replaces={RECEIVE_FRAME: known("9376643ee064", "6c86207fb31e")},
            relies_on={
                READ_BYTES: known("93809bb591e7"),
                HANDLE_MESSAGE: known("77d9f6cb962e", "8125776389dd", "7c5e87fdedd6"),
                RUN_CALLBACK: known("1f9e19409d52", "d3063d9127f4"),
                STREAM_READ_BYTES: known("e2f1366eaea7"),
                CONSUME: known("bb6786b932ed", "a9dcce31641e", "4eff84e5c734"),
                f"{STREAM}._find_read_pos": known("b578a3e335a7", "6311945f5f0a", "787345decfac"),
                f"{STREAM}._finish_read": known("04c3ab02e78b", "f79f19a303f8", "cfec09ed6e8e"),
                f"{STREAM}._maybe_add_error_listener": known("6759214f1235"),
                f"{STREAM}._read_from_buffer": known("a501926bc193"),
                f"{STREAM}._start_read": known("cbbb1dea26a2"),
                f"{STREAM}._try_inline_read": known("ffcbce7b1876"),
            },
            build=build_receiving,
            check=check_receiving,
            operations=("mask", "text"),
        ),
        Part(
            name="frames out",
            replaces={
                WRITE_FRAME: known("dd91c4163edd"),
                WRITE_MESSAGE: known("e5973c8d0a05", "6561c1905ac1"),
            },
            build=build_sending,
            check=check_sending,
            operations=("mask",),
        ),
        _mask_part("mask, compiled", COMPILED, compiled),
        _mask_part(
            "mask, not compiled", known("e25fe02b231d", "eaaff0186d13"), not_compiled, pure=True
        ),
    ),
)
