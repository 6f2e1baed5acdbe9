"""Django under production settings with throw-away values and no server: for checks and documents made of the code.

python -m scripts.serverless check --deploy --fail-level WARNING
"""

import os
import sys
import warnings
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
ENVIRONMENT = {
    "SECRET_KEY": "only-for-checks-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJ",
    "ALLOWED_HOSTS": "shop.example.com",
    "PUBLIC_URL": "https://shop.example.com",
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing",
    "CACHE_URL": "redis://127.0.0.1:1/0",
    "CELERY_BROKER_URL": "amqp://nobody@127.0.0.1:1//",
    "STRIPE_SECRET_KEY": "sk_test_checks",
    "STRIPE_WEBHOOK_SECRET": "whsec_checks",
    "SENTRY_DSN": "",
    "DJANGO_SETTINGS_MODULE": "config.settings.production",
}


def set_up() -> None:
    """Load Django. What the shell or a .env configures has no influence."""
    import django

    os.environ.update(ENVIRONMENT)
    django.setup()


if __name__ == "__main__":
    # makemigrations would like to compare with a database; its warning that there is none says nothing here.
    warnings.filterwarnings("ignore", message="Got an error checking a consistent migration history")
    set_up()
    from django.core.management import execute_from_command_line

    execute_from_command_line([str(PROJECT / "manage.py"), *sys.argv[1:]])
