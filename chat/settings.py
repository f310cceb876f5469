"""Every setting, its default and its meaning: read once, from the environment and `.env`."""

import os
import re
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from chat import checks

SECRETS = (
    "SECRET_KEY",
    "DATABASE_URL",
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "GEMINI_API_KEY",
    "OPENROUTER_API_KEY",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "SMTP_URL",
)
KEPT_IN_CHILDREN = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")


class BadSettings(Exception):
    """`lines`: one clear sentence for each mistake."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


@dataclass(frozen=True, slots=True)
class Uploads:
    """Where the users' files are: a folder, or a bucket (`folder` is None) under a prefix."""

    folder: Path | None
    bucket: str = ""
    prefix: str = ""

    def __str__(self) -> str:
        return str(self.folder or f"s3://{self.bucket}/{self.prefix}".rstrip("/"))


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator decided. Limits are counts, megabytes or per the unit in the name."""

    data: Path
    uploads: Uploads
    database_url: str = field(repr=False)
    host: str
    port: int
    public_url: str
    public_url_given: bool
    secret_key: str = field(
        repr=False
    )  # empty: made once and kept in the data folder (`secret_key()` below)
    openai_api_key: str = field(repr=False)
    openai_base_url: str
    anthropic_api_key: str = field(repr=False)
    anthropic_base_url: str
    gemini_api_key: str = field(repr=False)
    gemini_base_url: str
    openrouter_api_key: str = field(repr=False)
    ollama_host: str
    models_file: Path | None  # more endpoints, and what is said of models (`providers/declared.py`)
    plans_file: Path | None  # what accounts may use, and what that costs (`billing/plans.py`)
    embedded_model: str  # auto, off, or a path
    stripe_secret_key: str = field(repr=False)
    stripe_webhook_secret: str = field(repr=False)  # or several, with commas
    stripe_price_id: str
    stripe_api_base: str  # empty: Stripe's own
    sign_up: str  # open, invited, closed
    trusted_proxies: int  # hops whose forwarding headers count
    limit_sign_ups: int  # per address and hour
    limit_log_ins: int  # per account and address and minute
    limit_sends: int  # per account and minute
    limit_replies: int  # per account, being written at once
    limit_streams: int  # per account, open at once
    limit_upload_mb: int
    log_format: str  # text or json
    # All that was set: the models file may name where its keys are.
    variables: Mapping[str, str] = field(repr=False, compare=False)

    @property
    def secure(self) -> bool:
        """Whether browsers reach us through TLS."""
        return self.public_url.startswith("https://")

    @property
    def billing(self) -> bool:
        return bool(self.stripe_secret_key)

    @property
    def postgres(self) -> bool:
        return self.database_url.startswith(("postgresql://", "postgres://"))

    @property
    def database_file(self) -> Path:
        """The SQLite file; only meaningful when not `postgres`."""
        return Path(self.database_url.removeprefix("sqlite:///"))


def environment(folder: Path | None = None) -> dict[str, str]:
    """The process's environment over the lines of `.env` in `folder` (default: here).

    BadSettings when there is one that cannot be read.
    """
    found: dict[str, str] = {}
    path = (folder or Path.cwd()) / ".env"
    if path.is_file():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise BadSettings([f".env cannot be read: {error}."]) from error
        for line in lines:
            name, separator, value = line.strip().removeprefix("export ").partition("=")
            if separator and not name.lstrip().startswith("#"):
                found[name.strip()] = value.strip().strip("\"'")
    return found | os.environ


def child_environment() -> dict[str, str]:
    """What a child process needs to find its libraries, and none of our secrets."""
    return {name: os.environ[name] for name in KEPT_IN_CHILDREN if name in os.environ}


def read(env: Mapping[str, str]) -> Settings:
    """Settings from `env`, or BadSettings with every mistake in it, not just the first."""
    reader = _Reader(env)
    data = Path(reader.text("DATA", "data")).absolute()
    host, port = reader.text("HOST", "127.0.0.1"), reader.number("PORT", 5001, 0, 65535)
    models_file, plans_file = reader.text("MODELS_FILE", ""), reader.text("PLANS_FILE", "")
    railway = env.get("RAILWAY_PUBLIC_DOMAIN", "")
    given = reader.text("PUBLIC_URL", f"https://{railway}" if railway else "")
    kept = f"sqlite:///{data / 'chat.db'}"
    settings = Settings(
        data=data,
        uploads=_uploads(reader.checked("UPLOADS", "uploads", checks.place)),
        database_url=reader.checked("DATABASE_URL", kept, checks.database),
        host=host,
        port=port,
        public_url=reader.valid("PUBLIC_URL", given, checks.http).rstrip("/") or _local(host, port),
        public_url_given=bool(given),
        secret_key=reader.checked("SECRET_KEY", "", checks.secret),
        openai_api_key=reader.checked("OPENAI_API_KEY", "", checks.key),
        openai_base_url=reader.checked("OPENAI_BASE_URL", "", checks.http).rstrip("/"),
        anthropic_api_key=reader.checked("ANTHROPIC_API_KEY", "", checks.key),
        anthropic_base_url=reader.checked("ANTHROPIC_BASE_URL", "", checks.http).rstrip("/"),
        gemini_api_key=reader.checked("GEMINI_API_KEY", "", checks.key),
        gemini_base_url=reader.checked("GEMINI_BASE_URL", "", checks.http).rstrip("/"),
        openrouter_api_key=reader.checked("OPENROUTER_API_KEY", "", checks.key),
        ollama_host=reader.checked("OLLAMA_HOST", "", checks.ollama).rstrip("/"),
        models_file=Path(models_file).absolute() if models_file else None,
        plans_file=Path(plans_file).absolute() if plans_file else None,
        embedded_model=reader.checked("EMBEDDED_MODEL", "auto", checks.embedded),
        stripe_secret_key=reader.checked("STRIPE_SECRET_KEY", "", checks.stripe_key),
        stripe_webhook_secret=reader.checked("STRIPE_WEBHOOK_SECRET", "", checks.stripe_secrets),
        stripe_price_id=reader.checked("STRIPE_PRICE_ID", "", checks.stripe_price),
        stripe_api_base=reader.checked("STRIPE_API_BASE", "", checks.loopback).rstrip("/"),
        sign_up=reader.choice("SIGN_UP", "open", "invited", "closed"),
        trusted_proxies=reader.number("TRUSTED_PROXIES", 0, 0, 10),
        limit_sign_ups=reader.number("LIMIT_SIGN_UPS", 5, 1),
        limit_log_ins=reader.number("LIMIT_LOG_INS", 5, 1),
        limit_sends=reader.number("LIMIT_SENDS", 20, 1),
        limit_replies=reader.number("LIMIT_REPLIES", 3, 1),
        limit_streams=reader.number("LIMIT_STREAMS", 20, 1),
        limit_upload_mb=reader.number("LIMIT_UPLOAD_MB", 20, 1, 10_000),
        log_format=reader.choice("LOG_FORMAT", "text", "json"),
        variables=env,
    )
    if settings.postgres and not settings.secret_key:
        reader.mistakes.append("SECRET_KEY must be set with PostgreSQL: processes share it.")
    stripe = settings.stripe_secret_key, settings.stripe_webhook_secret, settings.stripe_price_id
    if any(stripe) and not all(stripe):
        names = "STRIPE_SECRET_KEY, STRIPE_WEBHOOK_SECRET, STRIPE_PRICE_ID"
        reader.mistakes.append(f"{names}: set all three or none.")
    if settings.stripe_api_base and "sk_test_" not in settings.stripe_secret_key:
        reader.mistakes.append("STRIPE_API_BASE is only for tests: with an sk_test_ key.")
    if reader.mistakes:
        raise BadSettings(reader.mistakes)
    return settings


def secret_key(settings: Settings) -> str:
    """What signs cookies: the setting, else a key made once, mode 0600, in the data folder."""
    if settings.secret_key:
        return settings.secret_key
    path = settings.data / "secret-key"
    try:
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _make_key(path)
        if path.stat().st_mode & 0o077:
            raise BadSettings([f"{path} can be read by others: chmod 600 it."])
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings([f"The data folder cannot be used: {error}."]) from error
    if complaint := checks.secret(key):
        raise BadSettings([f"{path} {complaint}"])
    return key


def _make_key(path: Path) -> None:
    """Whole or not at all; of several that start at once, the first one's key is kept."""
    made = path.with_name(f"secret-key.{os.getpid()}")
    made.touch(mode=0o600)
    made.write_text(secrets.token_urlsafe(48), encoding="ascii")
    try:
        with suppress(FileExistsError):
            os.link(made, path)
    finally:
        made.unlink()


class _Reader:
    """Collects mistakes instead of stopping at the first."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self.mistakes: list[str] = []

    def text(self, name: str, default: str) -> str:
        path = self._env.get(f"{name}_FILE", "") if name in SECRETS else ""
        if not path:
            return self._env.get(name, "").strip() or default
        try:
            return Path(path).read_text(encoding="utf-8").strip() or default
        except (OSError, UnicodeDecodeError) as error:
            self.mistakes.append(f"{name}_FILE cannot be read: {error}.")
            return default

    def number(self, name: str, default: int, least: int, most: int = 10**9) -> int:
        value = self.text(name, str(default))
        if re.fullmatch("[0-9]{1,12}", value) and least <= int(value) <= most:
            return int(value)
        self.mistakes.append(
            f"{name} must be a whole number from {least} to {most}, not {value[:40]!r}."
        )
        return default

    def choice(self, name: str, *values: str) -> str:
        value = self.text(name, values[0])
        if value not in values:
            self.mistakes.append(f"{name} must be one of {', '.join(values)}, not {value!r}.")
        return value

    def checked(self, name: str, default: str, complaint: Callable[[str], str]) -> str:
        value = self.text(name, default)
        return value if value == default else self.valid(name, value, complaint)

    def valid(self, name: str, value: str, complaint: Callable[[str], str]) -> str:
        if value and (problem := complaint(value)):
            self.mistakes.append(f"{name} {problem}")
        return value


def _local(host: str, port: int) -> str:
    shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 (compared, not bound)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _uploads(value: str) -> Uploads:
    if found := checks.BUCKET.fullmatch(value):
        return Uploads(None, found["bucket"], (found["prefix"] or "").strip("/"))
    return Uploads(Path(value).absolute())
