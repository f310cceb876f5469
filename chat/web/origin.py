"""Who may be talking to us: hosts, the origin of writes, and what browsers are told to refuse."""

import re
from collections.abc import Callable, Container
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from chat.settings import Settings

PROBES = frozenset({"/healthz", "/readyz"})
RAILWAY_PROBE = "healthcheck.railway.app"  # the Host of Railway's health checks, by its docs

_HOST = re.compile(r"(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9_](?:[a-z0-9_.-]{0,253})))(?::[0-9]{1,5})?")
_DEFAULT_PORT = {"http": 80, "https": 443}

_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; "
    "form-action 'self' %s; "
    "base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
)
_STRIPE = "https://checkout.stripe.com https://billing.stripe.com"
_POWERS_OFF = (
    "accelerometer autoplay camera clipboard-read display-capture encrypted-media "
    "fullscreen geolocation gyroscope hid idle-detection magnetometer microphone midi payment "
    "picture-in-picture publickey-credentials-get screen-wake-lock serial usb xr-spatial-tracking"
)


def security_headers(secure: bool, forms: str = "") -> list[tuple[bytes, bytes]]:
    """What every answer carries; `secure`: people reach us through TLS.

    `forms`: one more origin that forms may lead to, where Stripe's stand-in is.
    """
    policy = _CONTENT_SECURITY_POLICY % f"{_STRIPE} {forms}".rstrip()
    powers = ", ".join(f"{power}=()" for power in _POWERS_OFF.split())
    headers = [
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"same-origin"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"permissions-policy", f"{powers}, clipboard-write=(self)".encode()),
    ]
    return [*headers, (b"strict-transport-security", b"max-age=31536000")] if secure else headers


def leading_out(test: bool) -> str:
    """The policy of the page whose forms lead to Stripe's pages.

    Those may be on a domain of the operator's own, which nobody knows before: browsers refuse a
    form whose answer leads elsewhere. `test`: they are a stand-in's, on the loopback.
    """
    loopback = " http://127.0.0.1:* http://localhost:*"
    return _CONTENT_SECURITY_POLICY % f"https:{loopback if test else ''}"


def write_allowed(
    *, site: str | None, origin: str | None, cookie: bool, own: Container[str]
) -> bool:
    """Whether a request that changes something may pass.

    `site` and `origin` are the headers Sec-Fetch-Site and Origin (None: absent), `cookie` whether
    any came along, `own` our origins. Browsers leave Sec-Fetch-Site out on plain http beyond the
    loopback; programs leave out both, which is harmless as long as no browser's cookie is with it.
    """
    if site is not None:
        return site in ("same-origin", "none")
    if origin is not None:
        return origin.lower() in own
    return not cookie


def origin_of(url: str) -> str:
    """`url` as browsers write its origin: lower case, without the scheme's own port."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = parts.port
    shown = "" if port is None or port == _DEFAULT_PORT.get(parts.scheme) else f":{port}"
    return f"{parts.scheme}://{host}{shown}"


def host_name(host: str) -> str:
    """The name or address in a Host header, without brackets and port; empty: malformed."""
    match = _HOST.fullmatch(host.lower())
    return (match[1] or match[2]) if match else ""


def hosts(settings: Settings) -> Callable[[str, str], bool]:
    """`allowed(host_name, path)`: PUBLIC_URL's host and the loopback.

    As long as PUBLIC_URL is not given, HOST and every literal address too: another site's name can
    be bound to our address (DNS rebinding), an address cannot.
    """
    names = {"localhost", "127.0.0.1", "::1", urlsplit(settings.public_url).hostname}
    anywhere = not settings.public_url_given
    if anywhere:
        names.add(settings.host.lower())

    def allowed(name: str, path: str) -> bool:
        return (
            name in names
            or (anywhere and address(name) != "")
            or (name == RAILWAY_PROBE and path in PROBES)
        )

    return allowed


@lru_cache(1024)
def address(text: str) -> str:
    """`text`, an entry of X-Forwarded-For or a host, as a plain IP address; empty: it is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return ""
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return str(mapped or found)
