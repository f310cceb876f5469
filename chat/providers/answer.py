"""An answer while it is read: bytes of an event stream in, typed events out, whatever the wire."""

import json
from typing import Any, Literal, Protocol

from chat.providers.domain import Done, Event, ProviderError, Usage
from chat.providers.faults import from_payload
from chat.providers.http import MAX_LINE, Lines

Reason = Literal["stop", "length", "filter", "tool", "other"]
_decoder = json.JSONDecoder()


class Chunks(Protocol):
    """What the chunks of one wire mean."""

    mark: bytes  # the data that ends a stream and is no chunk; empty: this wire has none
    reason: Reason | None  # known: the text is complete, only usage may follow
    usage: Usage | None

    def chunk(self, chunk: dict[str, Any], events: list[Event]) -> bool:
        """Adds what the chunk says to `events`; True when it ends the stream.

        Unknown chunks and fields are passed over. Any of the errors that odd shapes lead to
        (AttributeError, LookupError, TypeError, ValueError) means that it cannot be read.
        """
        ...

    def rest(self) -> list[Event]:
        """What was held back, when nothing more comes."""
        ...


class Answer:
    """One answer. No socket and no clock in here.

    Ends once: either `ended` is true and the last event was Done, or `fault` says what went wrong.
    """

    def __init__(self, chunks: Chunks, api_key: str = "") -> None:
        self.ended = False
        self.fault: ProviderError | None = None
        self._chunks = chunks
        self._api_key = api_key
        self._lines = Lines()
        self._bare = bytearray()  # JSON in several lines, which is no event stream

    @property
    def complete(self) -> bool:
        """Whether the text is, and only usage or the end mark may follow."""
        return self._chunks.reason is not None

    def feed(self, data: bytes) -> list[Event]:
        """The events in the next bytes, whatever their cut."""
        events: list[Event] = []
        if self.ended or self.fault:
            return events
        try:
            for line in self._lines.feed(data):
                self._line(line, events)
                if self.ended:
                    break
        except ProviderError as error:
            events += self.stop(error)
        return events

    def stop(self, error: ProviderError | None = None) -> list[Event]:
        """The last events, when nothing more comes: the connection ended, or failed with `error`.

        A server that never said it was finished was cut off, however cleanly it closed.
        """
        events: list[Event] = []
        if error is None:
            events += self.feed(b"\n")  # the last line may lack its newline
            error = ProviderError("truncated", "the stream ended without saying so")
        if self.ended or self.fault:
            return events
        if self.complete:
            self._end(events)
        else:
            self.fault = error
            events += self._chunks.rest()
        return events

    def _line(self, line: bytes, events: list[Event]) -> None:
        if line.startswith(b"data:"):
            payload = line[5:].strip()
        elif self._bare or line.startswith(b"{"):
            payload = self._piece(line)
        elif line.startswith(b"error:"):  # older llama.cpp
            payload = b'{"error":%b}' % line[6:].strip()
        elif line.startswith(b"<"):
            raise ProviderError("protocol", "a page came instead of an event stream")
        else:
            return  # a comment, the name or the number of an event, the line between two
        if not payload:
            return
        if payload == self._chunks.mark:
            self._end(events)
            return
        try:
            self._chunk(_decoded(payload), events)
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
            name = type(error).__name__  # not its words: they can hold the text
            raise ProviderError("protocol", f"a chunk cannot be read ({name})") from error

    def _piece(self, line: bytes) -> bytes:
        """No stream at all: the answer, or an error, in one line or (Gemini) printed in many."""
        line = line.rstrip()
        if not self._bare and line != b"{":
            return line
        self._bare += line
        if len(self._bare) > MAX_LINE:
            raise ProviderError("protocol", "an answer outside the stream is over 1 MB")
        if line != b"}":
            return b""
        whole = bytes(self._bare)
        self._bare.clear()
        return whole

    def _chunk(self, chunk: dict[str, Any], events: list[Event]) -> None:
        if chunk.get("error"):
            raise from_payload(chunk, api_key=self._api_key)
        if self._chunks.chunk(chunk, events):
            self._end(events)

    def _end(self, events: list[Event]) -> None:
        events += self._chunks.rest()
        if self._chunks.usage:
            events.append(self._chunks.usage)
        events.append(Done(self._chunks.reason or "stop"))
        self.ended = True


def _decoded(payload: bytes) -> Any:
    """JSON that has no white space around it, which `loads` would look for; ValueError."""
    text = payload.decode("utf-8", "replace")
    value, end = _decoder.raw_decode(text)
    if end < len(text):
        raise ValueError("something follows the value")
    return value


def count(value: object) -> int:
    """A number of tokens; 0 for what is none."""
    return value if type(value) is int and 0 <= value < 2**31 else 0


def clean(text: str) -> str:
    """Without what no database and no page can hold: NUL and half surrogate pairs."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
