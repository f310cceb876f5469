"""What the operator says of Stripe: all of it or nothing, and never repeated."""

import pytest

from chat.settings import BadSettings, read

KEY, SECRET, PRICE = "sk_test_0123456789", "whsec_0123456789", "price_1Abc"
ALL = {"STRIPE_SECRET_KEY": KEY, "STRIPE_WEBHOOK_SECRET": SECRET, "STRIPE_PRICE_ID": PRICE}


def test_all_three_sell_and_none_does_not() -> None:
    settings = read(ALL)

    assert settings.billing
    assert not read({}).billing
    assert KEY not in repr(settings)
    assert SECRET not in repr(settings)


@pytest.mark.parametrize("missing", sorted(ALL))
def test_two_of_three_are_a_mistake(missing: str) -> None:
    with pytest.raises(BadSettings) as caught:
        read({name: value for name, value in ALL.items() if name != missing})

    (line,) = caught.value.lines
    assert "all three or none" in line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STRIPE_SECRET_KEY", "pk_test_0123456789"),
        ("STRIPE_SECRET_KEY", "sk_test_0123456789 x"),
        ("STRIPE_WEBHOOK_SECRET", "secret_0123456789"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_two words"),
        ("STRIPE_WEBHOOK_SECRET", f"{SECRET},"),
        ("STRIPE_PRICE_ID", "19.00"),
        ("STRIPE_API_BASE", "https://api.stripe.com"),
        ("STRIPE_API_BASE", "http://127.0.0.1.evil.example"),
        ("STRIPE_API_BASE", "http://localhost:1/path"),
        ("STRIPE_API_BASE", "http://10.0.0.1:12111"),
    ],
)
def test_what_has_another_shape_is_a_mistake_in_one_line(name: str, value: str) -> None:
    with pytest.raises(BadSettings) as caught:
        read({**ALL, name: value})

    (line,) = caught.value.lines
    assert line.startswith(name)
    assert value not in line


def test_another_base_is_for_test_keys_alone() -> None:
    base = {"STRIPE_API_BASE": "http://localhost:12111"}

    assert read({**ALL, **base}).stripe_api_base == "http://localhost:12111"
    assert read({**ALL, "STRIPE_WEBHOOK_SECRET": f"{SECRET}, {SECRET}"}).billing
    for key in ("sk_live_0123456789", "rk_test_0123456789"):
        with pytest.raises(BadSettings):
            read({**ALL, **base, "STRIPE_SECRET_KEY": key})
    with pytest.raises(BadSettings):
        read(base)
