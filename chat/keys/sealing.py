"""Keys at rest: AES-GCM under a key derived from the installation's secret, bound to their row."""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # loaded when somebody has a key: most installations start without
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = "v1."
NONCE = 12  # bytes, as NIST SP 800-38D wants it; random: far fewer than 2^32 are ever made


class Sealer:
    """`place`: what a sealed text belongs to; in any other place it does not open."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def seal(self, text: str, place: tuple[str, ...]) -> str:
        nonce = secrets.token_bytes(NONCE)
        sealed = self._cipher.encrypt(nonce, text.encode(), _bound(place))
        return _written(nonce + sealed)

    def open(self, sealed: str, place: tuple[str, ...]) -> str | None:
        """None when it was sealed elsewhere, or under another secret, or was changed."""
        from cryptography.exceptions import InvalidTag

        if not sealed.startswith(VERSION):
            return None
        try:
            data = urlsafe_b64decode(sealed.removeprefix(VERSION))
            if _written(data) != sealed:  # the last letter has bits that base64 passes over
                return None
            return self._cipher.decrypt(data[:NONCE], data[NONCE:], _bound(place)).decode()
        except (ValueError, InvalidTag):
            return None

    @cached_property
    def _cipher(self) -> "AESGCM":
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        derived = HKDF(SHA256(), length=32, salt=None, info=b"prosa own keys v1")
        return AESGCM(derived.derive(self._secret.encode()))


def _written(data: bytes) -> str:
    return VERSION + urlsafe_b64encode(data).decode("ascii")


def _bound(place: tuple[str, ...]) -> bytes:
    return "\0".join(place).encode()
