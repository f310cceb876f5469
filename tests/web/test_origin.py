"""The pure decisions of the guard: origins of writes, hosts, addresses, headers."""

import itertools

import pytest

from chat.settings import read
from chat.web.origin import (
    address,
    host_name,
    hosts,
    leading_out,
    origin_of,
    security_headers,
    write_allowed,
)

OWN = "https://chat.example"
SITES = (None, "same-origin", "none", "same-site", "cross-site", "")
ORIGINS = (None, OWN, "https://evil.example", "null")
ALLOWED = {
    *itertools.product(("same-origin", "none"), ORIGINS, (True, False)),
    (None, OWN, True),
    (None, OWN, False),
    (None, None, False),
}


@pytest.mark.parametrize(
    ("site", "origin", "cookie"), [*itertools.product(SITES, ORIGINS, (True, False))]
)
def test_s077_a_write_passes_exactly_where_the_table_says_so(
    site: str | None, origin: str | None, cookie: bool
) -> None:
    allowed = write_allowed(site=site, origin=origin, cookie=cookie, own=(OWN,))
    assert allowed == ((site, origin, cookie) in ALLOWED)


@pytest.mark.parametrize(
    "origin", [OWN + ":8443", "http://chat.example", OWN + "/", OWN + ".evil.example", ""]
)
def test_s078_an_origin_that_only_resembles_ours_is_refused(origin: str) -> None:
    assert not write_allowed(site=None, origin=origin, cookie=False, own=(OWN,))


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Chat.Example/app", "https://chat.example"),
        ("https://chat.example:443", "https://chat.example"),
        ("http://chat.example:443", "http://chat.example:443"),
        ("http://127.0.0.1:5001", "http://127.0.0.1:5001"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_an_origin_is_written_as_browsers_write_it(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("Chat.Example:5001", "chat.example"),
        ("localhost", "localhost"),
        ("[::1]:5001", "::1"),
        ("my_server", "my_server"),
    ],
)
def test_a_host_is_its_name_without_the_port(host: str, name: str) -> None:
    assert host_name(host) == name


@pytest.mark.parametrize(
    "host",
    ["", ":80", "a b", "a@b", "a/b", "a@b/../", "a:", "a:80:80", "a, b", "[::1", "::1", "a\n", "é"],
)
def test_a_malformed_host_has_no_name(host: str) -> None:
    assert host_name(host) == ""


def test_without_public_url_addresses_are_served_and_foreign_names_are_not() -> None:
    allowed = hosts(read({"HOST": "prosa.lan"}))

    for name in ("localhost", "127.0.0.1", "::1", "192.168.1.5", "fd00::1", "prosa.lan"):
        assert allowed(name, "/")
    for name in ("evil.example", "localhost.evil.example", "127.0.0.1.nip.example", ""):
        assert not allowed(name, "/")


def test_with_public_url_only_its_host_and_the_loopback_are_served() -> None:
    allowed = hosts(read({"PUBLIC_URL": OWN, "HOST": "0.0.0.0"}))

    for name in ("chat.example", "localhost", "127.0.0.1", "::1"):
        assert allowed(name, "/")
    for name in ("192.168.1.5", "0.0.0.0", "evil.example", "a.chat.example"):
        assert not allowed(name, "/")


def test_railways_probe_reaches_the_health_pages_only() -> None:
    allowed = hosts(read({"PUBLIC_URL": OWN}))

    assert allowed("healthcheck.railway.app", "/healthz")
    assert allowed("healthcheck.railway.app", "/readyz")
    assert not allowed("healthcheck.railway.app", "/login")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (" 203.0.113.9 ", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("unknown", ""),
        ("", ""),
        ("203.0.113.9; drop", ""),
    ],
)
def test_an_address_has_one_spelling(text: str, plain: str) -> None:
    assert address(text) == plain


def test_s083_the_policy_allows_nothing_inline_and_no_wildcard() -> None:
    policy = dict(security_headers(False))[b"content-security-policy"].decode()
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split(";")}

    for word in ("unsafe", "*", "strict-dynamic", "http:"):
        assert word not in policy
    assert rules["default-src"] == rules["base-uri"] == ["'none'"]
    assert rules["frame-ancestors"] == rules["object-src"] == ["'none'"]
    assert rules["script-src"] == rules["style-src"] == ["'self'"]


def test_the_page_of_the_plan_leads_to_stripe_wherever_that_is_and_is_as_strict_else() -> None:
    usual = dict(security_headers(False))[b"content-security-policy"].decode().split("; ")
    for test, forms in ((False, "https:"), (True, "https: http://127.0.0.1:* http://localhost:*")):
        page = leading_out(test).split("; ")
        assert [rule for rule in page if rule not in usual] == [f"form-action 'self' {forms}"]
        assert len(page) == len(usual)


def test_only_a_site_with_tls_asks_for_it_for_a_year() -> None:
    assert b"strict-transport-security" not in dict(security_headers(False))
    assert dict(security_headers(True))[b"strict-transport-security"] == b"max-age=31536000"
