"""Schema and demo data in one process: `make run` would pay twice for loading Django otherwise."""

import os

import django
from django.core.management import call_command


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")
    django.setup()
    print("bringing the database's tables up to date", flush=True)
    call_command("migrate", interactive=False, verbosity=0)
    print("loading the demo shop, when there is none", flush=True)
    call_command("seed", if_empty=True)


if __name__ == "__main__":
    main()
