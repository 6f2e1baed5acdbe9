# Three images from one file: the application (default target: web, worker, beat and the migrate job) and `edge`,
# nginx with its configuration and the static files of the same release.

FROM python:3.11-slim-bookworm AS base
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_INPUT=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore


FROM base AS wheels
WORKDIR /build
COPY requirements.txt ./
# Wheels only: nothing is compiled, so no compiler is installed.
RUN --mount=type=cache,target=/var/cache/pip \
    pip wheel --cache-dir /var/cache/pip --only-binary :all: --wheel-dir /wheels -r requirements.txt


FROM base AS release
# Chinese, Japanese and Korean on invoices; the other scripts' fonts come as a Python package.
RUN apt-get update && apt-get install --yes --no-install-recommends fonts-noto-cjk && rm -rf /var/lib/apt/lists/*
# A fixed number, so that volumes and Kubernetes can name it.
RUN groupadd --gid 10001 app \
    && useradd --uid 10001 --gid app --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin app \
    && install --directory --owner=app --group=app /srv/media
WORKDIR /app
COPY requirements.txt ./
RUN --mount=type=bind,from=wheels,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels -r requirements.txt
COPY manage.py ./
COPY config ./config
COPY templates ./templates
COPY scripts ./scripts
COPY apps ./apps
ENV DJANGO_SETTINGS_MODULE=config.settings.production \
    STATIC_ROOT=/srv/static \
    MEDIA_ROOT=/srv/media
# Throw-away values: production settings refuse to load without them, and collectstatic uses none.
# The files stay root's: the application can read and never change its own code.
RUN SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(64))')" \
    ALLOWED_HOSTS=build.invalid PUBLIC_URL=https://build.invalid \
    DATABASE_URL=postgres://build@build.invalid/build CACHE_URL=redis://build.invalid \
    CELERY_BROKER_URL=amqp://build.invalid STRIPE_SECRET_KEY=sk_build STRIPE_WEBHOOK_SECRET=whsec_build \
    python manage.py collectstatic --noinput --verbosity 0 \
    && python -m compileall -q apps config scripts


FROM nginx:1.28-alpine AS edge
ENV NGINX_ENVSUBST_OUTPUT_DIR=/tmp \
    NGINX_ENVSUBST_FILTER=^EDGE_ \
    EDGE_LISTEN=8080 \
    EDGE_UPSTREAM=web:8000 \
    EDGE_SCHEME=https \
    EDGE_STATIC_ROOT=/srv/static \
    EDGE_MEDIA_ROOT=/srv/media \
    EDGE_TMP=/tmp \
    EDGE_ACCESS_LOG=/dev/stdout \
    EDGE_ERROR_LOG=/dev/stderr
COPY docker/nginx/templates /etc/nginx/templates
COPY --from=release /srv/static /srv/static
USER 101:101
EXPOSE 8080
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=10s --timeout=3s --retries=3 CMD ["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/edge/health"]
CMD ["nginx", "-c", "/tmp/nginx.conf", "-g", "daemon off;"]


FROM release AS app
COPY --chmod=0755 docker/entrypoint docker/healthcheck /usr/local/bin/
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 CMD ["healthcheck", "/healthz"]
ENTRYPOINT ["entrypoint"]
CMD ["web"]
