"""Settings shared by every environment. `.env.sample` documents each variable read here."""

from pathlib import Path
from typing import Any

import environ
from celery.schedules import crontab

from config.logs import logging_config
from config.openapi import PATH_PARAMETERS, spectacular_settings

BASE_DIR = Path(__file__).resolve().parents[2]

env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")

API_RELEASE = "1.0.0"
SHOP_NAME = env.str("SHOP_NAME", default="Tradepost")
SUPPORT_EMAIL = env.str("SUPPORT_EMAIL", default="support@example.com")
# On invoices, and for the reverse charge (docs/tax.md); empty where the shop has none.
SHOP_VAT_NUMBER = env.str("SHOP_VAT_NUMBER", default="")
INVOICE_PREFIX = env.str("INVOICE_PREFIX", default="INV")
CREDIT_NOTE_PREFIX = env.str("CREDIT_NOTE_PREFIX", default="CN")
SHOP_ADDRESS = env.str("SHOP_ADDRESS", default="1 Market Street, Springfield")

DEBUG = False
SECRET_KEY = env.str("SECRET_KEY", default="")
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=[])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "corsheaders",
    "tree_queries",
    "pgtrigger",
    "phonenumber_field",
    "apps.common",
    "apps.users",
    "apps.products",
    "apps.cart",
    "apps.orders",
    "apps.payments",
    "apps.notifications",
]

MIDDLEWARE = [
    "apps.common.middleware.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "apps.common.middleware.BodyLengthMiddleware",
    "apps.common.middleware.TrailingSlashMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False  # TrailingSlashMiddleware serves the path itself: a redirected POST would lose its body

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_REDIRECT_URL = "/admin/"
AUTH_USER_MODEL = "users.User"
PASSWORD_HASHERS = [
    "apps.users.services.hashing.BoundedArgon2",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "apps.users.services.passwords.ShopPolicy"},
]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

STATIC_URL = "/static/"
STATIC_ROOT = env.path("STATIC_ROOT", default=str(BASE_DIR / ".local/static"))()
MEDIA_URL = "/media/"
MEDIA_ROOT = env.path("MEDIA_ROOT", default=str(BASE_DIR / ".local/media"))()
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# The two body limits; Nginx holds the same numbers (docker/nginx).
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
IMAGE_UPLOAD_MAX_BYTES = 10 * 1024 * 1024


def database(url: str) -> dict[str, Any]:
    """Connection settings for a PostgreSQL URL, with the time limits every session gets."""
    config: dict[str, Any] = env.db_url_config(url)
    config["ENGINE"] = "django.db.backends.postgresql"
    config["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=300)
    config["CONN_HEALTH_CHECKS"] = True
    # A pooler in transaction mode refuses server-side cursors and start-up options.
    config["DISABLE_SERVER_SIDE_CURSORS"] = env.bool("PGBOUNCER", default=False)
    options = config.setdefault("OPTIONS", {})
    options["connect_timeout"] = 5
    if not config["DISABLE_SERVER_SIDE_CURSORS"]:
        options["options"] = (
            f"-c statement_timeout={env.int('DB_STATEMENT_TIMEOUT_MS', default=15000)}"
            f" -c lock_timeout={env.int('DB_LOCK_TIMEOUT_MS', default=5000)}"
            " -c idle_in_transaction_session_timeout=5000"
        )
    return config


def cache(url: str) -> dict[str, dict[str, Any]]:
    """Cache settings for a Redis URL: short time-outs, and a dead server is a miss, never an error."""
    return {
        "default": {
            "BACKEND": "apps.common.cache.ResilientRedisCache",
            "LOCATION": url,
            "KEY_PREFIX": env.str("CACHE_PREFIX", default="tradepost"),
            "OPTIONS": {"socket_timeout": 0.25, "socket_connect_timeout": 0.25},
        }
    }


REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["apps.users.api.authentication.SessionJWTAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["apps.common.api.permissions.DenyAll"],
    "DEFAULT_PARSER_CLASSES": ["apps.common.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["apps.common.api.renderers.OrjsonRenderer"],
    "DEFAULT_SCHEMA_CLASS": "apps.common.api.schema.ApiSchema",
    "EXCEPTION_HANDLER": "apps.common.api.exceptions.problem_handler",
    "DEFAULT_METADATA_CLASS": None,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "COERCE_DECIMAL_TO_STRING": True,
}

ACCESS_TOKEN_SECONDS = 600
REFRESH_TOKEN_SECONDS = 14 * 24 * 3600
EMAIL_VERIFICATION_HOURS = 48
PASSWORD_RESET_MINUTES = 60
# Registration answers the same for a known address; a shop that prefers a friendly form may say so.
REGISTRATION_TELLS_EMAIL_TAKEN = env.bool("REGISTRATION_TELLS_EMAIL_TAKEN", default=False)

# requests per seconds; "ip", "account" and "user" say what is counted (apps/common/ratelimit.py)
RATE_LIMITS: dict[str, tuple[int, int]] = {
    "anonymous": (env.int("RATE_LIMIT_ANONYMOUS", default=120), 60),
    "user": (env.int("RATE_LIMIT_USER", default=600), 60),
    "search": (env.int("RATE_LIMIT_SEARCH", default=60), 60),
    "webhook": (env.int("RATE_LIMIT_WEBHOOK", default=3000), 60),
    "checkout": (env.int("RATE_LIMIT_CHECKOUT", default=20), 60),
    "login_account": (env.int("RATE_LIMIT_LOGIN", default=5), 60),
    "login_ip": (env.int("RATE_LIMIT_LOGIN_IP", default=30), 60),
    "register": (env.int("RATE_LIMIT_REGISTER", default=3), 60),
    "refresh": (env.int("RATE_LIMIT_REFRESH", default=10), 60),
    "reset": (env.int("RATE_LIMIT_RESET", default=5), 3600),
    "collection_code": (5, 900),
    "coupon": (env.int("RATE_LIMIT_COUPON", default=20), 60),
}
# How many proxies of ours stand in front: the client is the address that the outermost of them wrote.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)

CORS_ALLOWED_ORIGINS: list[str] = env.list("CORS_ALLOWED_ORIGINS", default=[])
CORS_URLS_REGEX = r"^/api/.*$"
CORS_ALLOW_CREDENTIALS = True
CORS_ALLOW_HEADERS = (
    "accept",
    "accept-language",
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "x-auth-transport",
    "x-cart-token",
    "x-currency",
    "x-order-token",
    "x-request-id",
)
CORS_EXPOSE_HEADERS = (
    "deprecation",
    "etag",
    "idempotent-replayed",
    "link",
    "location",
    "retry-after",
    "sunset",
    "x-cart-token",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-request-id",
)
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"

PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000")
FRONTEND_URL = env.str("FRONTEND_URL", default="") or PUBLIC_URL

DEFAULT_CURRENCY = env.str("DEFAULT_CURRENCY", default="USD")
# Prices are not converted by an exchange rate that is older.
EXCHANGE_RATE_MAX_AGE_DAYS = env.int("EXCHANGE_RATE_MAX_AGE_DAYS", default=7)
PRICES_INCLUDE_TAX = env.bool("PRICES_INCLUDE_TAX", default=False)
# Tax is rounded per `line` or once per rate of the `total`; ties go half_up, half_even, half_down, up or down.
TAX_ROUNDING_LEVEL = env.str("TAX_ROUNDING_LEVEL", default="line")
TAX_ROUNDING_MODE = env.str("TAX_ROUNDING_MODE", default="half_up")
# Weekdays and times of day of promotions are those of this zone.
SHOP_TIME_ZONE = env.str("SHOP_TIME_ZONE", default="UTC")
# Where the goods are sent from (docs/tax.md).
SHOP_COUNTRY = env.str("SHOP_COUNTRY", default="US")
# Dotted paths of classes; what an outside tax engine does not answer is taken from our tables, or refused.
TAX_ENGINE = env.str("TAX_ENGINE", default="apps.cart.gateways.tax_tables.TaxTables")
TAX_ENGINE_FAILURE = env.str("TAX_ENGINE_FAILURE", default="fallback")
VAT_REGISTRY = env.str("VAT_REGISTRY", default="")
SHIPPING_CARRIERS: dict[str, str] = env.dict("SHIPPING_CARRIERS", default={})
# How long anybody waits for a service outside; how long its answer counts, and while it fails; how long it is then left
# alone (docs/tax.md).
OUTSIDE_TIMEOUT_SECONDS = env.float("OUTSIDE_TIMEOUT_SECONDS", default=3.0)
OUTSIDE_ANSWER_SECONDS = env.int("OUTSIDE_ANSWER_SECONDS", default=3600)
OUTSIDE_ANSWER_KEPT_SECONDS = env.int("OUTSIDE_ANSWER_KEPT_SECONDS", default=86_400)
OUTSIDE_PAUSE_SECONDS = env.int("OUTSIDE_PAUSE_SECONDS", default=15)
# Different lines, and units of one variant, of a cart; the database holds at most 999 units.
CART_MAX_LINES = env.int("CART_MAX_LINES", default=100)
CART_MAX_QUANTITY = min(999, env.int("CART_MAX_QUANTITY", default=999))
# At sign-in, of a variant that both carts hold: `max` of both, their `sum`, the `guest`'s or the `customer`'s quantity.
CART_MERGE = env.str("CART_MERGE", default="max")
CART_MAX_COUPONS = 5
# Who agreed to it is reminded once of a cart left for so many hours (0: never); the mail's link works for so many days.
CART_REMINDER_HOURS = env.int("CART_REMINDER_HOURS", default=4)
CART_RESTORE_DAYS = env.int("CART_RESTORE_DAYS", default=30)
# Carts that nobody has changed for so many days are deleted, unless they became orders.
CART_EXPIRY_DAYS = env.int("CART_EXPIRY_DAYS", default=90)
# Where carts come from, for promotions that ask; the first is meant when nobody says.
CHANNELS: list[str] = env.list("CHANNELS", default=["web"])
# A quote's prices and stock are held for so long.
QUOTE_MINUTES = env.int("QUOTE_MINUTES", default=15)
# Stock is held while it is in a cart, for so long after the cart's last change; 0: only from the order on.
CART_HOLD_MINUTES = env.int("CART_HOLD_MINUTES", default=0)
# The longest hold that an outside system may ask for.
RESERVATION_MAX_SECONDS = env.int("RESERVATION_MAX_SECONDS", default=86_400)
RESERVATION_MINUTES = env.int("RESERVATION_MINUTES", default=30)
# An exchange that costs more than what came back waits so many days for the difference.
EXCHANGE_PAYMENT_DAYS = env.int("EXCHANGE_PAYMENT_DAYS", default=7)
# The buyer of an unpaid order is warned so many hours before it is cancelled, at the earliest in the last third of its
# time; 0: never. A paid order that has not left after so many hours is late; 0: none ever is. Who is mailed of late
# orders (empty: staff who may move orders).
UNPAID_WARNING_HOURS = env.int("UNPAID_WARNING_HOURS", default=24)
SLA_SHIP_HOURS = env.int("SLA_SHIP_HOURS", default=48)
ORDER_ALERT_EMAILS: list[str] = env.list("ORDER_ALERT_EMAILS", default=[])
# A buyer may ask for a return so many days after the order has arrived, with so many pictures.
RETURN_WINDOW_DAYS = env.int("RETURN_WINDOW_DAYS", default=30)
RETURN_PHOTO_LIMIT = env.int("RETURN_PHOTO_LIMIT", default=8)
# Who is mailed the digest of stock alerts (empty: staff who may see them), and how often: daily or hourly.
STOCK_ALERT_EMAILS: list[str] = env.list("STOCK_ALERT_EMAILS", default=[])
STOCK_DIGEST = env.str("STOCK_DIGEST", default="daily")
LOW_STOCK_THRESHOLD = env.int("LOW_STOCK_THRESHOLD", default=5)
CATALOGUE_CACHE_SECONDS = 300
IDEMPOTENCY_HOURS = 24

# Signs what carriers tell at /shipments/webhook/; empty: nothing is believed.
CARRIER_WEBHOOK_SECRET = env.str("CARRIER_WEBHOOK_SECRET", default="")

STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", default="")
STRIPE_PUBLISHABLE_KEY = env.str("STRIPE_PUBLISHABLE_KEY", default="")
STRIPE_WEBHOOK_SECRET = env.str("STRIPE_WEBHOOK_SECRET", default="")
STRIPE_API_BASE = env.str("STRIPE_API_BASE", default="")
STRIPE_TIMEOUT_SECONDS = 10
STRIPE_MAX_RETRIES = 2

# Which class speaks to which provider (apps/payments/gateways); a provider that is not named cannot be used.
PAYMENT_GATEWAYS = {
    "stripe": "apps.payments.gateways.stripe.StripeGateway",
    "manual": "apps.payments.gateways.manual.ManualGateway",
    "exchange": "apps.payments.gateways.store_credit.ExchangeGateway",
    "store_credit": "apps.payments.gateways.store_credit.StoreCreditGateway",
}
if env.str("PAYPAL_CLIENT_ID", default=""):
    PAYMENT_GATEWAYS["paypal"] = "apps.payments.gateways.paypal.PayPalGateway"
PAYPAL_CLIENT_ID = env.str("PAYPAL_CLIENT_ID", default="")
PAYPAL_CLIENT_SECRET = env.str("PAYPAL_CLIENT_SECRET", default="")
PAYPAL_WEBHOOK_ID = env.str("PAYPAL_WEBHOOK_ID", default="")
PAYPAL_API_BASE = env.str("PAYPAL_API_BASE", default="https://api-m.paypal.com")
PAYPAL_TIMEOUT_SECONDS = 8
PAYMENT_CAPTURE = env.str("PAYMENT_CAPTURE", default="automatic")
AUTHORISATION_DAYS = 7
PAYMENT_BREAKER_FAILURES = env.int("PAYMENT_BREAKER_FAILURES", default=5)
PAYMENT_BREAKER_SECONDS = env.int("PAYMENT_BREAKER_SECONDS", default=30)
# How far back the daily comparison with the providers' books looks.
RECONCILIATION_DAYS = env.int("RECONCILIATION_DAYS", default=3)
# Risk (docs/risk.md): from which score an order is held for staff, and cancelled; 0 switches a threshold off.
RISK_HOLD_SCORE = env.int("RISK_HOLD_SCORE", default=70)
RISK_REFUSE_SCORE = env.int("RISK_REFUSE_SCORE", default=100)
# Other weights than those of the table, such as card_velocity=50,disposable_mail=0.
RISK_WEIGHTS: dict[str, int] = {name: int(weight) for name, weight in env.dict("RISK_WEIGHTS", default={}).items()}
# In the order's currency.
RISK_LARGE_FIRST_ORDER = env.int("RISK_LARGE_FIRST_ORDER", default=1000)
RISK_EXPRESS_METHODS: list[str] = env.list("RISK_EXPRESS_METHODS", default=["express"])
RISK_DISPOSABLE_DOMAINS: list[str] = env.list("RISK_DISPOSABLE_DOMAINS", default=[])
MANUAL_PAYMENT_METHODS = env.list("MANUAL_PAYMENT_METHODS", default=["bank_transfer", "cash_on_delivery"])
BANK_TRANSFER_INSTRUCTIONS = env.str("BANK_TRANSFER_INSTRUCTIONS", default="Transfer the amount to the shop's account.")
# Where these may be used; empty: everywhere.
BANK_TRANSFER_CURRENCIES: list[str] = env.list("BANK_TRANSFER_CURRENCIES", default=[])
CASH_ON_DELIVERY_COUNTRIES: list[str] = env.list("CASH_ON_DELIVERY_COUNTRIES", default=[])
BANK_TRANSFER_DAYS = env.int("BANK_TRANSFER_DAYS", default=7)
CASH_ON_DELIVERY_CONFIRMS = env.bool("CASH_ON_DELIVERY_CONFIRMS", default=True)

EMAIL_CONFIG = env.email_url("EMAIL_URL", default="smtp://127.0.0.1:25")
vars().update(EMAIL_CONFIG)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Tradepost <shop@example.com>")

CELERY_TASK_DEFAULT_QUEUE = env.str("CELERY_QUEUE", default="tradepost")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SOFT_TIME_LIMIT = 240
CELERY_TASK_TIME_LIMIT = 300
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_TIMEOUT = 1.0
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = {
    "redeliver-events": {"task": "redeliver_events", "schedule": 5.0, "options": {"expires": 5}},
    "publish-events": {"task": "publish_events", "schedule": 5.0, "options": {"expires": 5}},
    "send-pending-notifications": {
        "task": "send_pending_notifications",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "process-pending-payments": {
        "task": "process_pending_payments",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "release-expired-reservations": {
        "task": "release_expired_reservations",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "remind-of-carts": {"task": "remind_of_carts", "schedule": crontab(minute="*/10")},
    "clean-carts": {"task": "clean_carts", "schedule": crontab(minute="*/10")},
    "run-background-jobs": {"task": "run_background_jobs", "schedule": 15.0, "options": {"expires": 15}},
    "check-low-stock-products": {"task": "check_low_stock_products", "schedule": crontab(minute=7)},
    "reconcile-payments": {"task": "reconcile_payments", "schedule": crontab(hour=4, minute=17)},
    "warn-unpaid-orders": {"task": "warn_unpaid_orders", "schedule": 60.0, "options": {"expires": 60}},
    "note-late-orders": {"task": "note_late_orders", "schedule": crontab(minute=37)},
    "verify-stock": {"task": "verify_stock", "schedule": crontab(hour=3, minute=41)},
    "digest-stock-alerts": {
        "task": "digest_stock_alerts",
        "schedule": crontab(minute=11) if STOCK_DIGEST == "hourly" else crontab(hour=6, minute=11),
    },
    "cleanup-expired-tokens": {"task": "cleanup_expired_tokens", "schedule": crontab(minute=23)},
}


EVENTS_BROKER_URL = ""  # set by `broker`


def broker(url: str) -> dict[str, Any]:
    """Celery settings for a broker URL: quorum queues and publisher confirms on RabbitMQ, bounded waits on both."""
    if url.startswith(("amqp", "pyamqp")):
        return {
            "CELERY_BROKER_URL": url,
            # Domain events go to a topic exchange there (docs/events.md).
            "EVENTS_BROKER_URL": env.str("EVENTS_BROKER_URL", default=url),
            "CELERY_TASK_DEFAULT_QUEUE_TYPE": "quorum",
            "CELERY_TASK_DEFAULT_EXCHANGE_TYPE": "topic",
            "CELERY_WORKER_DETECT_QUORUM_QUEUES": True,
            "CELERY_BROKER_TRANSPORT_OPTIONS": {
                "confirm_publish": True,
                "confirm_timeout": 1.0,
                "connect_timeout": 1.0,
                "max_retries": 0,
            },
        }
    return {
        "CELERY_BROKER_URL": url,
        "EVENTS_BROKER_URL": env.str("EVENTS_BROKER_URL", default=""),
        "CELERY_BROKER_TRANSPORT_OPTIONS": {
            "visibility_timeout": 600,
            "socket_timeout": 5.0,
            "socket_connect_timeout": 1.0,
            "max_retries": 0,
            "global_keyprefix": env.str("CACHE_PREFIX", default="tradepost") + ":queue:",
        },
    }


LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOGGING_CONFIG = None
LOGGING = logging_config(level=LOG_LEVEL, as_json=env.bool("LOG_JSON", default=True))

SENTRY_DSN = env.str("SENTRY_DSN", default="")

CSRF_FAILURE_VIEW = "apps.common.api.exceptions.csrf_failure"
SPECTACULAR_SETTINGS = spectacular_settings(release=API_RELEASE)
# What the API document says of each part of a path (apps/common/api/schema.py).
API_PATH_PARAMETERS = PATH_PARAMETERS
UNFOLD = {"SITE_TITLE": SHOP_NAME, "SITE_HEADER": SHOP_NAME, "SHOW_HISTORY": True, "SHOW_VIEW_ON_SITE": False}
