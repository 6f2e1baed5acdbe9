"""Development and `make run`: everything works with no configuration; never for a public server."""

from config import embedded
from config.logs import logging_config
from config.settings.base import *  # noqa: F403 - settings modules are made of the base's names
from config.settings.base import BASE_DIR, RATE_LIMITS, STORAGES, broker, cache, database, env

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="local-only-secret-key-0123456789-0123456789-0123456789")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]", "testserver"])

DATABASE_URL = env.str("DATABASE_URL", default="")
CACHE_URL = env.str("CACHE_URL", default="")
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="")
if not (DATABASE_URL and CACHE_URL and CELERY_BROKER_URL):
    services = embedded.ensure(purpose="local", database=not DATABASE_URL, cache=not (CACHE_URL and CELERY_BROKER_URL))
    DATABASE_URL = DATABASE_URL or services.database_url
    CACHE_URL = CACHE_URL or services.cache_url
    CELERY_BROKER_URL = CELERY_BROKER_URL or services.broker_url

DATABASES = {"default": database(DATABASE_URL)}
CACHES = cache(CACHE_URL)
vars().update(broker(CELERY_BROKER_URL))

# One developer on one address plays the whole town: the general limits are wide, the sign-in limits as in production.
if not env.bool("PRODUCTION_RATE_LIMITS", default=False):
    RATE_LIMITS |= {
        "anonymous": (100_000, 60),
        "user": (100_000, 60),
        "search": (100_000, 60),
        "checkout": (10_000, 60),
        "register": (1_000, 60),
        "refresh": (1_000, 60),
        "login_ip": (1_000, 60),
    }

STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
SERVE_MEDIA = True

CARRIER_WEBHOOK_SECRET = env.str("CARRIER_WEBHOOK_SECRET", default="carrier_tradepost_local")
STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", default="sk_test_tradepost_local")
STRIPE_PUBLISHABLE_KEY = env.str("STRIPE_PUBLISHABLE_KEY", default="pk_test_tradepost_local")
STRIPE_WEBHOOK_SECRET = env.str("STRIPE_WEBHOOK_SECRET", default="whsec_tradepost_local")
STRIPE_API_BASE = env.str(
    "STRIPE_API_BASE", default="" if env.str("STRIPE_SECRET_KEY", default="") else "http://127.0.0.1:8001"
)

if not env.str("EMAIL_URL", default=""):
    EMAIL_BACKEND = "apps.notifications.channels.folder.EmailBackend"
    EMAIL_FILE_PATH = BASE_DIR / ".local/mail"

vars().update(
    LOGGING=logging_config(level=env.str("LOG_LEVEL", default="INFO"), as_json=env.bool("LOG_JSON", default=False))
)
