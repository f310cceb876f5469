"""People's own keys in the database, sealed. Every query is scoped by account_id."""

import secrets
from collections.abc import Mapping

from chat.db.database import Database
from chat.db.queries import load_queries
from chat.keys.domain import Kept, OwnKey
from chat.keys.sealing import Sealer
from chat.providers.presets import Place

SQL = load_queries("keys")


class KeyRepository:
    """`places`: the providers that take keys now. Sealed with a key is the address it goes to:
    when the operator moves a provider, nobody's key follows unasked."""

    def __init__(self, db: Database, sealer: Sealer, places: Mapping[str, Place]) -> None:
        self._db = db
        self._sealer = sealer
        self._places = places

    async def all(self, account_id: str) -> list[Kept]:
        """Of providers that take keys now."""
        rows = await self._db.all(SQL["all"], account_id=account_id)
        return [self._kept(account_id, **row) for row in rows if row["provider"] in self._places]

    async def save(self, account_id: str, place: Place, secret: str, now: int) -> OwnKey:
        key = OwnKey(account_id, place.key, secrets.token_hex(16), secret)
        await self._db.run(
            SQL["save"],
            account_id=account_id,
            provider=place.key,
            sealed=self._sealer.seal(secret, _belongs(account_id, place)),
            version=key.version,
            now=now,
        )
        return key

    async def remove(self, account_id: str, provider: str) -> None:
        await self._db.run(SQL["remove"], account_id=account_id, provider=provider)

    async def listed(self, key: OwnKey) -> str:
        """The models that were listed with it last, '' when none were."""
        found = await self._db.value(SQL["listed"], **_row(key))
        return str(found or "")

    async def keep(self, key: OwnKey, models: str) -> None:
        await self._db.run(SQL["keep"], models=models, **_row(key))

    def _kept(
        self, account_id: str, provider: str, sealed: str, version: str, created_at: int
    ) -> Kept:
        place = self._places[provider]
        secret = self._sealer.open(sealed, _belongs(account_id, place))
        key = OwnKey(account_id, provider, version, secret) if secret else None
        return Kept(provider, created_at, key)


def _belongs(account_id: str, place: Place) -> tuple[str, ...]:
    return account_id, place.key, place.address


def _row(key: OwnKey) -> dict[str, str]:
    return {"account_id": key.account_id, "provider": key.provider, "version": key.version}
