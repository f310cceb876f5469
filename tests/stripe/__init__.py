"""A stand-in for Stripe (`standin/`, a process of its own), and what keeps it honest."""
