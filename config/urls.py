"""Every address the server answers."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView
from django.views.static import serve

from apps.common.api import docs, health

API = "api/v1/"

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz, name="healthz"),
    path("ready", health.ready, name="ready"),
    path("startup", health.startup, name="startup"),
    path("", RedirectView.as_view(url="/api/docs/"), name="home"),
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
    path("problems/<slug:code>", docs.problem_page, name="problem"),
    path("api/schema/", docs.SchemaView.as_view(), name="schema"),
    path("api/docs/", docs.SwaggerView.as_view(), name="docs"),
    path("api/docs/problems/", docs.problems_page, name="problems"),
    path(API, include("apps.common.api.urls")),
    path(API, include("apps.users.api.urls")),
    path(API, include("apps.products.api.urls")),
    path(API, include("apps.cart.api.urls")),
    path(API, include("apps.orders.api.urls")),
    path(API, include("apps.payments.api.urls")),
    path(API, include("apps.notifications.api.urls")),
]

if settings.SERVE_MEDIA:  # production leaves media to Nginx
    urlpatterns.append(re_path(r"^media/(?P<path>.*)$", serve, {"document_root": settings.MEDIA_ROOT}))

handler400 = "apps.common.api.exceptions.bad_request"
handler403 = "apps.common.api.exceptions.permission_denied"
handler404 = "apps.common.api.exceptions.not_found"
handler500 = "apps.common.api.exceptions.server_error"
