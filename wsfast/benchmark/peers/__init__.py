"""The libraries to compare with: those that are installed, one module each."""

from __future__ import annotations

from importlib import metadata
from typing import NamedTuple

from .aiohttp import Aiohttp
from .autobahn import Autobahn
from .ours import Codec
from .peer import Peer, Side
from .picows import Picows
from .python import Copy, Getrandbits, Python, Urandom
from .tornado import Tornado
from .websocket_client import WebsocketClient
from .websockets import Websockets
from .wsaccel import Wsaccel
from .wsproto import Wsproto

NOT_INSTALLED = "not installed"

_LIBRARIES = (
    Picows,
    Aiohttp,
    Websockets,
    Tornado,
    Wsaccel,
    WebsocketClient,
    Autobahn,
    Wsproto,
)
_OF_PYTHON = (Python, Urandom, Getrandbits, Copy)

# Those with Python code that does the work without any compiled part of their own; and what they
# draw masking keys with.
_PURE_LIBRARIES = (Aiohttp, Websockets, Tornado, WebsocketClient, Autobahn, Wsproto)
_OF_PURE_PYTHON = (Urandom,)


class Field(NamedTuple):
    """Who takes part. `versions` are of the libraries; `missing` says why others don't."""

    codec: Codec
    peers: list[Peer]
    versions: dict[str, str]
    missing: dict[str, str]


def find(pure: bool = False) -> Field:
    """The codec and every peer that is installed; with `pure`, the Python side of each."""
    field = Field(Codec(pure), [], {}, {})
    field.peers.extend(peer() for peer in (_OF_PURE_PYTHON if pure else _OF_PYTHON))
    for library in _PURE_LIBRARIES if pure else _LIBRARIES:
        try:
            version = metadata.version(library.distribution)
            field.peers.append(library(pure))
        except metadata.PackageNotFoundError:
            field.missing[library.name] = NOT_INSTALLED
        except Exception as error:
            # A release whose inside is not the one known here.
            field.missing[library.name] = f"{type(error).__name__}: {error}"
        else:
            field.versions[library.name] = version
    return field


__all__ = ["NOT_INSTALLED", "Codec", "Field", "Peer", "Side", "find"]
