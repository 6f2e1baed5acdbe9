"""Production settings with quick sweeps and mails in a folder, so that the end of a fault is seen within a minute."""

from config.settings.production import *  # noqa: F403 - settings modules are made of the base's names
from config.settings.production import CELERY_BEAT_SCHEDULE, env

EMAIL_BACKEND = "scripts.chaos.slow_mail.EmailBackend"
EMAIL_FILE_PATH = env.str("CHAOS_MAIL")
STRIPE_TIMEOUT_SECONDS = 2
STRIPE_MAX_RETRIES = 1

for _job in CELERY_BEAT_SCHEDULE.values():
    if isinstance(_job["schedule"], float):
        _job["schedule"], _job["options"] = 2.0, {"expires": 2}
