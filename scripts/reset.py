"""`make reset`: drops everything under `.local/`. Refuses while `make run` is up, asks unless --force."""

import argparse
import fcntl
import shutil
import sys
from pathlib import Path

from config import embedded

LOCAL = Path(__file__).resolve().parents[1] / ".local"


def is_running() -> bool:
    """Whether `make run` holds its lock."""
    with (LOCAL / "run.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def main() -> int:
    parser = argparse.ArgumentParser(description="Drop all local data.")
    parser.add_argument("--force", action="store_true", help="do not ask")
    options = parser.parse_args()
    if not LOCAL.exists():
        print("Nothing to drop.")
        return 0
    if is_running():
        print("Tradepost runs in this folder: stop it first (Ctrl-C in its terminal).", file=sys.stderr)
        return 1
    question = f"Drop all local data in {LOCAL} (database, cache, uploads, mails)? [y/N] "
    if not options.force and input(question).strip().lower() not in ("y", "yes"):
        print("Nothing dropped.")
        return 1
    for purpose in ("local", "test"):
        embedded.stop(purpose=purpose, force=True)
    shutil.rmtree(LOCAL)
    print("Dropped. `make run` makes a new shop.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
