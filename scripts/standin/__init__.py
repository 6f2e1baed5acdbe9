"""A local server that answers like Stripe's API, for development, the demo and the tests.

Standard library only. See docs/stripe-standin.md.
"""
