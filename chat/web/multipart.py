"""Forms that bring files, read as they arrive: no file is ever held in memory."""

from collections.abc import AsyncIterator
from typing import Any, Protocol

from quart import Request as QuartRequest
from quart.formparser import FormDataParser
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from chat.errors import ChatError, Invalid, TooLarge
from chat.web.body import Body

MOST_PARTS = 200
MOST_FIELDS = 1024 * 1024  # bytes of all fields
MOST_IGNORED = 1024 * 1024  # bytes of files that nobody takes
LONGEST_BOUNDARY = 200
_PIECE = 256 * 1024
_BUFFER = 512 * 1024  # a part's head must fit in there


class Sink(Protocol):
    """Where the bytes of one file go. Its verbs raise ChatError for what is refused."""

    async def write(self, data: bytes) -> None: ...

    async def close(self) -> None:
        """Nothing more comes."""
        ...


class Intake(Protocol):
    async def begin(self, name: str) -> Sink:
        """A file of the field `files` comes; its name is as the form gave it."""
        ...


class Request(QuartRequest):
    """`intake`: set by a route that takes files, before it reads its form. `refusal`: why the form
    was not read to its end then; what came before that is in it.
    """

    intake: Intake | None = None
    refusal: ChatError | None = None

    def make_form_data_parser(self) -> FormDataParser:
        return _Parser(self, cls=self.parameter_storage_class)

    async def bytes_of_body(self) -> AsyncIterator[bytes]:
        """In pieces; what is asked for next has not been taken from the client before."""
        body: Body | None = self.scope.get("prosa.body")  # type: ignore[assignment] # our own key
        async for data in self.body:
            for start in range(0, len(data), _PIECE):
                piece = data[start : start + _PIECE]
                yield piece
                if body:
                    body.used(len(piece))


class _Parser(FormDataParser):
    def __init__(self, request: Request, cls: type[MultiDict[str, Any]]) -> None:
        super().__init__(cls=cls)
        self._request = request

    async def parse(
        self,
        body: Any,
        mimetype: str,
        content_length: int | None,
        options: dict[str, str] | None = None,
    ) -> tuple[MultiDict[str, Any], MultiDict[str, Any]]:
        if mimetype != "multipart/form-data":
            return await super().parse(body, mimetype, content_length, options)
        reading = _Reading(self._request, (options or {}).get("boundary", ""))
        try:
            await reading.run()
        except ChatError as error:
            if self._request.intake is None:
                raise
            self._request.refusal = error
        return MultiDict(reading.fields), MultiDict()


class _Reading:
    def __init__(self, request: Request, boundary: str) -> None:
        self.fields: list[tuple[str, str]] = []
        self._request = request
        self._boundary = boundary
        self._parts = 0
        self._size = 0  # of all fields
        self._ignored = 0  # of all files
        self._name = ""
        self._value = bytearray()
        self._sink: Sink | None = None
        self._file = False
        self._ended = False

    async def run(self) -> None:
        if not (0 < len(self._boundary) <= LONGEST_BOUNDARY and self._boundary.isascii()):
            raise _damaged()
        decoder = MultipartDecoder(self._boundary.encode(), _BUFFER)
        try:
            async for piece in self._request.bytes_of_body():
                decoder.receive_data(piece)
                while not isinstance(event := decoder.next_event(), NeedData):
                    await self._take(event)
                if self._ignored > MOST_IGNORED:  # what was typed comes before the files
                    return
            decoder.receive_data(None)
            while not isinstance(decoder.next_event(), Epilogue):
                pass
        except (RequestEntityTooLarge, ValueError) as error:
            raise _damaged() from error

    async def _take(self, event: Event) -> None:
        if isinstance(event, Field | File):
            self._parts += 1
            if self._parts > MOST_PARTS:
                raise TooLarge("This form has too many parts.", code="too_large")
            await self._begin(event)
        elif isinstance(event, Data):
            if self._sink:
                await self._sink.write(event.data)
            else:
                self._keep(event.data)
            if not event.more_data:
                await self._end()

    async def _begin(self, event: Field | File) -> None:
        self._name, self._value, self._sink = event.name or "", bytearray(), None
        self._file = isinstance(event, File)
        taking = self._request.intake
        # Browsers send a file without a name where none was chosen.
        if isinstance(event, File) and event.name == "files" and event.filename and taking:
            self._sink = await taking.begin(event.filename)

    def _keep(self, data: bytes) -> None:
        if self._file:
            self._ignored += len(data)
            return
        self._size += len(data)
        if self._size > MOST_FIELDS:
            raise TooLarge("That is more than this page accepts.", code="too_large")
        self._value += data

    async def _end(self) -> None:
        if self._sink:
            await self._sink.close()
            self._sink = None
        elif not self._file and self._name:
            self.fields.append((self._name, self._value.decode("utf-8", "replace")))


def _damaged() -> Invalid:
    return Invalid("This form is damaged. Reload the page and send again.")
