"""The libraries to compare with: those that are installed, one module each."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple

from .ours import Codec
from .peer import Peer, Side
from .python import Copy, Getrandbits, Python, Urandom

# Module of this package: its class.
_LIBRARIES = {
    "picows": "Picows",
    "aiohttp": "Aiohttp",
    "websockets": "Websockets",
    "tornado": "Tornado",
    "wsaccel": "Wsaccel",
    "websocket_client": "WebsocketClient",
    "autobahn": "Autobahn",
    "wsproto": "Wsproto",
}
# Those with Python code that does the work without any compiled part of their own.
_PURE = ("aiohttp", "websockets", "tornado", "websocket_client", "autobahn", "wsproto")
_OF_PYTHON = (Python, Urandom, Getrandbits, Copy)
# What the pure peers draw their masking keys with.
_OF_PYTHON_PURE = (Urandom,)


class Field(NamedTuple):
    """Who takes part. `versions` are of the libraries; `missing` says why others don't."""

    codec: Codec
    peers: list[Peer]
    versions: dict[str, str]
    missing: dict[str, str]


def _load(name: str, make: Callable[[], Peer], field: Field) -> None:
    try:
        peer = make()
        field.versions[peer.name] = peer.version
    except ImportError as error:
        field.missing[name] = f"not installed ({error})"
    except Exception as error:
        # A release whose inside is not the one known here.
        field.missing[name] = f"{type(error).__name__}: {error}"
    else:
        field.peers.append(peer)


def find(pure: bool = False) -> Field:
    """The codec and every peer that is installed; with `pure`, the Python side of each."""
    field = Field(Codec(pure), [], {}, {})
    field.peers.extend(peer() for peer in (_OF_PYTHON_PURE if pure else _OF_PYTHON))
    for name in _PURE if pure else _LIBRARIES:

        def make(name: str = name) -> Peer:
            module = import_module(f".{name}", __package__)
            peer: Peer = getattr(module, _LIBRARIES[name])(pure)
            return peer

        _load(name.replace("_", "-"), make, field)
    return field


__all__ = ["Codec", "Field", "Peer", "Side", "find"]
