"""`python -m scripts.standin`: run the stand-in until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from types import FrameType

from scripts.standin.server import StripeStandin


def main() -> int:
    """Serve until told to stop; 1 when the port is taken."""
    options = _options()
    logging.basicConfig(
        level=logging.WARNING if options.quiet else logging.INFO,
        format="%(asctime)s %(message)s",
        datefmt="%H:%M:%S",
    )
    stopped = threading.Event()

    def stop(_signum: int, _frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    standin = StripeStandin(
        options.host,
        options.port,
        webhook_url=options.webhook_url,
        webhook_secret=options.webhook_secret,
        secret_key=options.secret_key,
        state_path=options.state,
    )
    try:
        standin.start()
    except OSError as error:
        print(f"cannot listen on {options.host}:{options.port}: {error}", file=sys.stderr)
        return 1
    logging.getLogger("standin").info("Stripe stand-in on %s", standin.url)
    stopped.wait()
    standin.stop()
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts.standin", description="A local stand-in for Stripe's API.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--state", help="journal file that survives a restart (default: memory only)")
    parser.add_argument("--webhook-url", help="where events go (default: nowhere)")
    parser.add_argument("--webhook-secret", default="whsec_standin")
    parser.add_argument("--secret-key", help="the only key accepted (default: every sk_test_ key)")
    parser.add_argument("--quiet", action="store_true", help="log warnings only")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
