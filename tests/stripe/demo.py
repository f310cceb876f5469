"""`make demo`: Prosa with billing, against the stand-in for Stripe. No account, no money.

1. Sign up at the first address and open Billing.
2. Upgrade: on the checkout page 4000 0000 0000 0002 is declined, 4242 4242 4242 4242 pays.
3. Back in Prosa the plan is Pro, at once or after a moment of "confirming".
4. Manage leads to the portal: cancel, now or with the period, renew, change the card, see invoices.
5. The second address is the panel: time, the banks and Stripe's dashboard, as buttons. End the
   period, let the renewal fail, try the card again, give up, refund. Prosa follows within seconds.
6. Data is in a temporary folder (or in DATA, if that is set), the stand-in's in memory: Ctrl-C ends
   both, and the next demo begins anew. PORT and other settings work as for `make run`.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import stripe

from tests.stripe import installed

KEY = "sk_test_prosademo"
Process = subprocess.Popen[bytes]
PATIENCE = 120  # seconds the app may need to be there: the first start migrates


@contextmanager
def standing_in() -> Iterator[str]:
    """The stand-in's address while it runs; it leaves when its input ends, also when we crash."""
    print("Starting a stand-in for Stripe …", flush=True)
    process = subprocess.Popen(
        [installed.interpreter(), "-m", "tests.stripe.standin", "--tied"],
        cwd=installed.ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is ours: the app still has to say goodbye to it
    )
    assert process.stdin and process.stdout
    try:
        yield process.stdout.readline().decode().split()[-1]
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def sold(base: str, app: str) -> dict[str, str]:
    """A product, its price and an endpoint; the settings that tell the app of them."""
    stripe.enable_telemetry = False
    v1 = stripe.StripeClient(KEY, base_addresses={"api": base}).v1
    product = v1.products.create({"name": "Prosa Pro"})
    price = v1.prices.create(
        {
            "product": product.id,
            "unit_amount": 1900,
            "currency": "usd",
            "recurring": {"interval": "month"},
        }
    )
    endpoint = v1.webhook_endpoints.create(
        {"url": f"{app}/api/stripe/webhook", "enabled_events": ["*"]}
    )
    assert endpoint.secret
    return {
        "STRIPE_SECRET_KEY": KEY,
        "STRIPE_WEBHOOK_SECRET": endpoint.secret,
        "STRIPE_PRICE_ID": price.id,
        "STRIPE_API_BASE": base,
    }


@contextmanager
def serving(settings: dict[str, str], data: str) -> Iterator[Process]:
    process = subprocess.Popen(
        [sys.executable, "-m", "chat", "serve"],
        cwd=installed.ROOT,
        env={"DATA": data} | os.environ | settings,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait()


def ready(app: str, process: Process) -> bool:
    """Whether it answers before it ends or patience does."""
    until = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < until:
        with suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(f"{app}/healthz", timeout=5).close()
            return True
        time.sleep(0.2)
    return False


def run(data: str) -> int:
    app = f"http://127.0.0.1:{os.environ.get('PORT', '5001')}"
    with standing_in() as base, serving(sold(base, app), data) as process:
        if not ready(app, process):
            return process.poll() or 1
        print(f"\nProsa, with billing:   {app}\nStripe, as a panel:    {base}/panel/{KEY}")
        cards = "4242 4242 4242 4242 pays, 4000 0000 0000 0002 is declined"
        print(f"Cards: {cards}. Ctrl-C ends.\n", flush=True)
        return process.wait()


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="prosa-demo-") as folder:
            return run(str(Path(folder)))
    except installed.Uninstalled as error:
        print(f"The demo cannot start. {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
