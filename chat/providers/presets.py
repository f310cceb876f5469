"""The services that the settings connect: by a key, by an address, by the models file."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from chat.providers import known
from chat.providers.declared import Declared, DeclaredEndpoint
from chat.providers.domain import Keyed, Provider
from chat.providers.http import Limits
from chat.settings import Settings

OPENAI = "https://api.openai.com/v1"
ANTHROPIC = "https://api.anthropic.com"
GEMINI = "https://generativelanguage.googleapis.com"
OPENROUTER = "https://openrouter.ai/api/v1"
SERVICES = {
    "openai": "OpenAI",
    "anthropic": "Anthropic",
    "gemini": "Gemini",
    "openrouter": "OpenRouter",
}
OLLAMA_CONTEXT = 4096  # what Ollama keeps of a prompt unless its operator says otherwise


@dataclass(frozen=True, slots=True)
class Place:
    """A provider that takes people's own keys. `address`: the base URL that they are sent to."""

    key: str
    label: str
    address: str

    @property
    def host(self) -> str:
        return _host(self.address)


def places(settings: Settings, declared: Declared) -> Iterator[Place]:
    """The four that everybody knows, wherever the settings say they are, and the operator's own."""
    for key, (url, _) in _addresses(settings).items():
        yield Place(key, _label(settings, key), url)
    for endpoint in declared.endpoints:
        if endpoint.api_key:
            yield Place(endpoint.key, endpoint.label, endpoint.url)


def well_known(
    place: Place, settings: Settings, http: aiohttp.ClientSession, limits: Limits
) -> Keyed:
    """One of the four, whether the settings connect it or not; KeyError for any other."""
    made = {
        "openai": _openai,
        "anthropic": _anthropic,
        "gemini": _gemini,
        "openrouter": _openrouter,
    }
    return made[place.key](settings, http, limits)


def configured(
    settings: Settings,
    http: aiohttp.ClientSession,
    limits: Limits,
    declared: Declared = Declared(),  # noqa: B008 (frozen)
) -> list[Provider]:
    """In the order of the picker. What speaks a wire is imported when somebody needs it."""
    found: list[Provider] = []
    if settings.openai_api_key or settings.openai_base_url:
        found.append(_openai(settings, http, limits))
    if settings.anthropic_api_key or settings.anthropic_base_url:
        found.append(_anthropic(settings, http, limits))
    if settings.gemini_api_key or settings.gemini_base_url:
        found.append(_gemini(settings, http, limits))
    if settings.openrouter_api_key:
        found.append(_openrouter(settings, http, limits))
    if settings.ollama_host:
        found.append(_ollama(settings, http, limits))
    found.extend(_declared(endpoint, http, limits) for endpoint in declared.endpoints)
    return found


def _openai(settings: Settings, http: aiohttp.ClientSession, limits: Limits) -> Keyed:
    from chat.providers.openai import OpenAI

    url = settings.openai_base_url or OPENAI
    official = _host(url) == _host(OPENAI)
    return OpenAI(
        "openai",
        _label(settings, "openai"),
        url,
        settings.openai_api_key,
        http,
        limits=limits,
        notes=known.NOTES,
        keep=known.chats if official else lambda own_id: True,
    )


def _anthropic(settings: Settings, http: aiohttp.ClientSession, limits: Limits) -> Keyed:
    from chat.providers.anthropic import Anthropic

    url = settings.anthropic_base_url or ANTHROPIC
    label, key = _label(settings, "anthropic"), settings.anthropic_api_key
    return Anthropic("anthropic", label, url, key, http, limits=limits, notes=known.NOTES)


def _gemini(settings: Settings, http: aiohttp.ClientSession, limits: Limits) -> Keyed:
    from chat.providers.gemini import Gemini

    url = settings.gemini_base_url or GEMINI
    return Gemini(
        "gemini",
        _label(settings, "gemini"),
        url,
        settings.gemini_api_key,
        http,
        limits=limits,
        notes=known.NOTES,
        keep=known.writes,
    )


def _openrouter(settings: Settings, http: aiohttp.ClientSession, limits: Limits) -> Keyed:
    from chat.providers.openai import OpenAI

    key = settings.openrouter_api_key
    return OpenAI("openrouter", "OpenRouter", OPENROUTER, key, http, limits=limits)


def _ollama(settings: Settings, http: aiohttp.ClientSession, limits: Limits) -> Provider:
    from chat.providers.openai import OpenAI

    url = ollama_url(settings.ollama_host)
    return OpenAI(
        "ollama",
        "Ollama",
        url,
        "",
        http,
        limits=limits,
        notes=known.NOTES,
        context=OLLAMA_CONTEXT,
    )


def _declared(found: DeclaredEndpoint, http: aiohttp.ClientSession, limits: Limits) -> Keyed:
    place = (found.key, found.label, found.url, found.api_key, http)
    if found.wire == "anthropic":
        from chat.providers.anthropic import Anthropic

        return Anthropic(*place, limits=limits, notes=known.NOTES)
    if found.wire == "gemini":
        from chat.providers.gemini import Gemini

        return Gemini(*place, limits=limits, notes=known.NOTES)
    from chat.providers.openai import OpenAI

    return OpenAI(*place, limits=limits, notes=known.NOTES)


def _addresses(settings: Settings) -> dict[str, tuple[str, str]]:
    """Of the four: the base URL, and where the service itself is."""
    return {
        "openai": (settings.openai_base_url or OPENAI, OPENAI),
        "anthropic": (settings.anthropic_base_url or ANTHROPIC, ANTHROPIC),
        "gemini": (settings.gemini_base_url or GEMINI, GEMINI),
        "openrouter": (OPENROUTER, OPENROUTER),
    }


def _label(settings: Settings, key: str) -> str:
    """The service's name at its own address, elsewhere the host's: both where two share one."""
    moved = {
        each: _host(url) or url
        for each, (url, its_url) in _addresses(settings).items()
        if _host(url) != _host(its_url)
    }
    if key not in moved:
        return SERVICES[key]
    host = moved[key]
    return f"{SERVICES[key]} ({host})" if list(moved.values()).count(host) > 1 else host


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def ollama_url(host: str) -> str:
    """The base URL for what people write into OLLAMA_HOST: with or without scheme and port.

    Ollama itself reads the same variable as the address it listens on, hence 0.0.0.0.
    """
    scheme, explicit, address = host.rstrip("/").rpartition("://")
    name, _, port = address.partition(":") if address[:1] != "[" else address.rpartition(":")
    if address.endswith("]"):
        name, port = address, ""
    if name in ("", "0.0.0.0"):  # noqa: S104 (compared, not bound)
        name = "127.0.0.1"
    if not port and not explicit:
        port = "11434"
    return f"{scheme or 'http'}://{name}{port and ':' + port}/v1"
