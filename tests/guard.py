"""Memory between two pages that nobody may touch: reading or writing outside of it crashes."""

from __future__ import annotations

import ctypes
import mmap
import sys

HAVE_GUARD = sys.platform != "win32"


class GuardedPages:
    """`size` octets, a multiple of the page's, with a forbidden page before and behind them."""

    def __init__(self, size: int) -> None:
        page = mmap.PAGESIZE
        self._size = size = -(-size // page) * page
        self._map = mmap.mmap(-1, size + 2 * page)
        self._view = memoryview(self._map)[page : page + size]
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        self._protect(start, page, False)
        self._protect(start + page + size, page, False)
        self._start = start

    def _protect(self, address: int, length: int, allowed: bool) -> None:
        if not HAVE_GUARD:
            return
        libc = ctypes.CDLL(None, use_errno=True)
        prot = mmap.PROT_READ | mmap.PROT_WRITE if allowed else 0
        call = libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(length), prot)
        if call != 0:
            raise OSError(ctypes.get_errno(), "mprotect")

    def ending(self, data: bytes) -> memoryview:
        """`data`, right before the forbidden page."""
        view = self._view[self._size - len(data) :]
        view[:] = data
        return view

    def starting(self, data: bytes) -> memoryview:
        """`data`, right behind the forbidden page."""
        view = self._view[: len(data)]
        view[:] = data
        return view

    def close(self) -> None:
        page = mmap.PAGESIZE
        self._protect(self._start, page, True)
        self._protect(self._start + page + self._size, page, True)
        self._view.release()
