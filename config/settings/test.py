"""The test suite: real PostgreSQL and Redis (embedded unless their URLs are given), mails in memory."""

import os

from config import embedded
from config.logs import logging_config
from config.settings.base import *  # noqa: F403 - settings modules are made of the base's names
from config.settings.base import BASE_DIR, RATE_LIMITS, STORAGES, broker, cache, database, env

SECRET_KEY = "test-secret-key-0123456789-0123456789-0123456789-0123456789"
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]

DATABASE_URL = env.str("DATABASE_URL", default="")
CACHE_URL = env.str("CACHE_URL", default="")
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="")
if not (DATABASE_URL and CACHE_URL):
    services = embedded.ensure(database=not DATABASE_URL, cache=not CACHE_URL, purpose="test")
    DATABASE_URL = DATABASE_URL or services.database_url
    CACHE_URL = CACHE_URL or services.cache_url

DATABASES = {"default": database(DATABASE_URL)}
DATABASES["default"]["CONN_MAX_AGE"] = 0
# Most tests are one transaction from end to end; on a busy machine one may pause for longer than a request ever may.
DATABASES["default"]["OPTIONS"]["options"] += " -c idle_in_transaction_session_timeout=60000"
if env.str("TEST_DATABASE_NAME", default=""):
    DATABASES["default"]["TEST"] = {"NAME": env.str("TEST_DATABASE_NAME")}
CACHES = cache(CACHE_URL)
# Each parallel test process has its own keys.
CACHES["default"]["KEY_PREFIX"] = f"test-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}-{os.getpid()}"
CACHES["default"]["KEY_FUNCTION"] = "tests.cache_keys.make_key"
# A busy test machine is slow, not broken: a time-out here would switch limits and caches off under a test's feet.
CACHES["default"]["OPTIONS"] = {"socket_timeout": 10, "socket_connect_timeout": 10}
vars().update(broker(CELERY_BROKER_URL or "memory://"))

# Argon2 with the cheapest parameters: the algorithm is the same, the suite is not about its cost.
PASSWORD_HASHERS = ["tests.hashers.CheapArgon2"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
MEDIA_ROOT = BASE_DIR / ".local/test-media"
SERVE_MEDIA = False
STATIC_ROOT = BASE_DIR / ".local/test-static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
RATE_LIMITS |= {name: (1_000_000, seconds) for name, (_, seconds) in RATE_LIMITS.items()}
# Tests deliver events themselves; nothing is handed to a broker behind their back.
EVENT_NUDGES = False

# Tests place many orders from one place: those of risk switch it on.
RISK_HOLD_SCORE = RISK_REFUSE_SCORE = 0

CARRIER_WEBHOOK_SECRET = "carrier_suite"
STRIPE_SECRET_KEY = "sk_test_suite"
STRIPE_PUBLISHABLE_KEY = "pk_test_suite"
STRIPE_WEBHOOK_SECRET = "whsec_suite"
STRIPE_API_BASE = "http://127.0.0.1:1"
STRIPE_MAX_RETRIES = 0
vars().update(LOGGING=logging_config(level="WARNING", as_json=False))
