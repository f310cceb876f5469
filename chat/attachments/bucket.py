"""Contents in an object store that speaks S3, through obstore; imported only where one is used."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import S3Store

from chat.attachments.disk import on_disk
from chat.attachments.store import NAME, PIECE, unkept
from chat.settings import BadSettings, Uploads

RETRIES: Any = {"max_retries": 2, "retry_timeout": timedelta(seconds=10)}
# Of what begins with AWS_: the environment holds more of that, for other programs.
VARIABLES = frozenset(
    f"AWS_{name}"
    for name in """ACCESS_KEY_ID SECRET_ACCESS_KEY SESSION_TOKEN REGION DEFAULT_REGION ENDPOINT
ENDPOINT_URL ENDPOINT_URL_S3 ROLE_ARN ROLE_SESSION_NAME WEB_IDENTITY_TOKEN_FILE
CONTAINER_CREDENTIALS_RELATIVE_URI CONTAINER_CREDENTIALS_FULL_URI
CONTAINER_AUTHORIZATION_TOKEN_FILE METADATA_ENDPOINT IMDSV1_FALLBACK SKIP_SIGNATURE
UNSIGNED_PAYLOAD VIRTUAL_HOSTED_STYLE_REQUEST REQUEST_PAYER CHECKSUM_ALGORITHM CONDITIONAL_PUT
S3_EXPRESS SERVER_SIDE_ENCRYPTION SSE_KMS_KEY_ID SSE_BUCKET_KEY_ENABLED
SSE_CUSTOMER_KEY_BASE64""".split()
)


class Bucket:
    """`variables`: those in VARIABLES say how to get there, as everywhere else.

    BadSettings when they make no sense.
    """

    def __init__(self, uploads: Uploads, variables: Mapping[str, str]) -> None:
        given: Any = {
            name.lower(): value for name, value in variables.items() if name in VARIABLES and value
        }
        endpoint = given.pop("aws_endpoint_url_s3", "") or given.get("aws_endpoint_url", "")
        endpoint = endpoint or given.pop("aws_endpoint", "")
        if endpoint:
            given["aws_endpoint_url"] = endpoint
        options: Any = {
            "allow_http": endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=5),
            "timeout": timedelta(seconds=120),
        }
        try:
            self._store = S3Store(
                uploads.bucket,
                prefix=uploads.prefix or None,
                config=given,
                client_options=options,
                retry_config=RETRIES,
            )
        except BaseError as error:
            why = str(error).partition("\n")[0]
            raise BadSettings([f"UPLOADS cannot be used: {why}"]) from error

    async def keep(self, given: Path, name: str) -> None:
        with _translated(), suppress(AlreadyExistsError):  # the same content
            await obstore.put_async(self._store, name, given, mode="create", use_multipart=False)
        await on_disk(given.unlink)

    async def size(self, name: str) -> int:
        with _translated():
            return int((await obstore.head_async(self._store, name))["size"])

    async def lost(self, names: Sequence[str]) -> frozenset[str]:
        return frozenset()

    async def stream(self, name: str, start: int, stop: int) -> AsyncIterator[bytes]:
        if start >= stop:
            return
        with _translated():
            found = await obstore.get_async(self._store, name, options={"range": (start, stop)})
            async for piece in found.stream(min_chunk_size=PIECE):
                yield bytes(piece)

    async def delete(self, name: str) -> None:
        with _translated(), suppress(NotFoundError):
            await obstore.delete_async(self._store, name)

    async def names(self, before: int) -> AsyncIterator[str]:
        with _translated():
            async for batch in obstore.list(self._store):
                for each in batch:
                    path = each["path"]
                    if NAME.fullmatch(path) and each["last_modified"].timestamp() * 1000 < before:
                        yield path


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (NotFoundError, FileNotFoundError) as error:
        raise FileNotFoundError(str(error)) from error
    except BaseError as error:
        raise unkept() from error
