# cython: nonecheck=True
"""The hot half of a connection: from what was read to callbacks and receivers, and what is sent."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t

from .decoder cimport OPCODES, WSF_BINARY, WSF_TEXT
from .gathering cimport Region
from .guard cimport leave
from .hub cimport Hub as HubType
from .messages cimport MessageDecoder
from .receiving cimport OVER, QUEUE_FULL, WRITES, Incoming
from .receiving cimport Waiter as WaiterType

from ..exceptions import ProtocolError
from ..protocol import COMPRESSED_PIECE_LENGTH
from .hub import Hub
from .outgoing import SENT, Sent
from .receiving import Receiving, Waiter

__all__ = [
    "QUEUE_IS_FULL",
    "READING_IS_OVER",
    "SENT",
    "WRITES_WAIT",
    "Hub",
    "Link",
    "Receiving",
    "Sent",
    "Waiter",
]

QUEUE_IS_FULL = QUEUE_FULL
WRITES_WAIT = WRITES
READING_IS_OVER = OVER

cdef Py_ssize_t PIECE = COMPRESSED_PIECE_LENGTH
cdef object TEXT = OPCODES[WSF_TEXT]
cdef object BINARY = OPCODES[WSF_BINARY]


cdef class Link(Incoming):
    """One open connection, as asyncio's BufferedProtocol sees it while data comes.

    Messages go to `on_message(self, message)`, or into a queue for recv() and `async for`. All
    else goes to methods of the subclass: `_control_received(opcode, payload)`,
    `_part_received(part)` where messages come in parts, `_peer_failed(error)` when the peer broke
    the protocol, `_callback_failed(error)` when on_message raised.
    """

    cdef MessageDecoder decoder
    cdef readonly object _on_message
    cdef bint inflates
    cdef bint stops         # what on_message writes may stop the reading
    cdef bint has_stopped   # the transport isn't read from
    cdef public bint _is_over
    cdef readonly size_t _reads
    cdef bytes unread       # what was read, but not decoded, since the queue was full
    cdef object __weakref__

    def __init__(
        self,
        HubType hub not None,
        loop,
        transport,
        MessageDecoder decoder not None,
        bint masks,
        on_message,
        size_t queue_limit,
        bint inflates,
        bint in_parts,
    ):
        cdef WaiterType waiter = WaiterType.__new__(WaiterType)
        self.set_up(hub, loop, transport, masks)
        waiter.hub = hub
        waiter.loop = loop
        self.waiter = waiter
        self.queue_limit = queue_limit
        self._in_parts = in_parts
        self.decoder = decoder
        self._on_message = on_message
        self.inflates = inflates
        self.stops = on_message is not None and not masks

    # Reading

    def get_buffer(self, sizehint):
        """As asyncio.BufferedProtocol.get_buffer."""
        self.check_thread()
        return self._hub.lend(self)

    def buffer_updated(self, nbytes):
        """As asyncio.BufferedProtocol.buffer_updated."""
        cdef HubType hub = self._hub
        cdef Py_ssize_t length = hub.take(self, nbytes)
        # Held: another link may read meanwhile, into another one.
        cdef Region region = hub.region
        try:
            self.receive(region.at, length)
        finally:
            hub.is_taken = False

    def _receive(self, bytes data not None):
        """Take what was read: dispatch what it completes, and write at once what that led to."""
        self.receive(<const uint8_t *>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))

    cdef int receive(self, const uint8_t *at, Py_ssize_t length) except -1:
        cdef size_t written = self._written
        cdef bint holds = self._holds
        self.check_thread()
        self._turn = written
        self._reads += 1
        if self.unread is not None:
            self.unread += at[:length]
            return 0
        self._holds = True
        try:
            if self.inflates:
                self.feed_pieces(at, length)
            else:
                self.feed(at, length)
            if self._receiver is not None and (self.waiting or self._ended or self._is_ending):
                self.waiter.wake_up(True)
        finally:
            self._holds = holds
            if not holds:
                self.flush()
                self.stop_or_go_on()
        if self._waits and self.stops and self._written != written:
            self._pause(WRITES)
        return 0

    cdef int feed_pieces(self, const uint8_t *at, Py_ssize_t length) except -1:
        """A little of it may inflate to a lot: stop as soon as the queue is full."""
        cdef Py_ssize_t some
        while length > 0:
            if self._pauses & QUEUE_FULL:
                self.unread = at[:length]
                return 0
            some = min(length, PIECE)
            self.feed(at, some)
            at += some
            length -= some
        return 0

    cdef int feed(self, const uint8_t *at, Py_ssize_t length) except -1:
        cdef MessageDecoder decoder = self.decoder
        cdef list items = []
        if self._is_over:
            return 0
        failure = None
        decoder.open_up()
        try:
            decoder.run_or_fail(at, length, True, items)
        except ProtocolError as error:
            failure = error.with_traceback(None)
        finally:
            leave(&decoder.busy)
        self.dispatch(items)
        if failure is not None:
            self._peer_failed(failure)
        return 0

    cdef int dispatch(self, list items) except -1:
        cdef tuple item
        on_message = self._on_message
        if self._in_parts:
            for part in items:
                self._part_received(part)
            return 0
        for item in items:
            opcode = item[0]
            if opcode is not TEXT and opcode is not BINARY:
                self._control_received(opcode, item[1])
            elif on_message is None:
                self.queue_message(item[1])
            elif not self._drops:
                try:
                    on_message(self, item[1])
                except Exception as error:
                    self._callback_failed(error)
        return 0

    # Stopping to read, and going on

    cpdef int _pause(self, int why) except -1:
        self._pauses |= why
        return self.stop_or_go_on()

    cpdef int _resume(self, int why) except -1:
        if not self._pauses & why:
            return 0
        self._pauses &= ~why
        unread = self.unread
        if unread is not None and not self._pauses:
            self.unread = None
            self._receive(unread)
        return self.stop_or_go_on()

    cdef int stop_or_go_on(self) except -1:
        """Stop or go on, as `_pauses` says.

        Not within a read: whoever waits for a message may take it at once, however long it is.
        """
        cdef bint stops = self._pauses != 0
        if self._holds or stops == self.has_stopped or self.transport.is_closing():
            return 0
        self.has_stopped = stops
        if stops:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()
        return 0
