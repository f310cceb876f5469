"""A stand-in for Stripe, run in a process of its own: `python -m tests.stripe.standin`."""
