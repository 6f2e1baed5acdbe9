"""Production: every secret and address comes from the environment, and all that is missing is said at once."""

import sentry_sdk
from django.core.exceptions import ImproperlyConfigured

from config.settings.base import *  # noqa: F403 - settings modules are made of the base's names
from config.settings.base import SENTRY_DSN, broker, cache, database, env

REQUIRED = {
    "SECRET_KEY": "a long random string",
    "ALLOWED_HOSTS": "comma-separated host names",
    "DATABASE_URL": "postgres://user:password@host:5432/name",
    "CACHE_URL": "redis://host:6379/1",
    "CELERY_BROKER_URL": "amqp://user:password@host:5672//",
    "STRIPE_SECRET_KEY": "sk_live_... or sk_test_...",
    "STRIPE_WEBHOOK_SECRET": "whsec_...",
    "PUBLIC_URL": "https://api.example.com",
}
DEFAULT_SECRETS = ("local-only", "change-me", "insecure", "test-secret")

_missing = [f"{name} ({hint})" for name, hint in REQUIRED.items() if not env.str(name, default="").strip()]
_secret = env.str("SECRET_KEY", default="")
if _secret and (len(_secret) < 50 or len(set(_secret)) < 5 or _secret.startswith(DEFAULT_SECRETS)):
    _missing.append("SECRET_KEY (the given one is a default or shorter than 50 characters)")
_missing += [
    f"{name} (the given one is the local demo value)"
    for name in ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET")
    if "tradepost_local" in env.str(name, default="")
]
if _missing:
    raise ImproperlyConfigured("Production settings are incomplete. Set: " + "; ".join(_missing))

DATABASES = {"default": database(env.str("DATABASE_URL"))}
CACHES = cache(env.str("CACHE_URL"))
vars().update(broker(env.str("CELERY_BROKER_URL")))

SERVE_MEDIA = False
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
# Probes come straight to the process, without TLS.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^ready$", r"^startup$"]
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31536000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=1)

if SENTRY_DSN:
    sentry_sdk.init(
        dsn=SENTRY_DSN,
        environment=env.str("SENTRY_ENVIRONMENT", default="production"),
        traces_sample_rate=env.float("SENTRY_TRACES_SAMPLE_RATE", default=0.0),
        send_default_pii=False,
    )
