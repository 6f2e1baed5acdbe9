"""Documentation served by the server itself, without any outside address: OpenAPI, Swagger UI, problem pages."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.renderers import TemplateHTMLRenderer

from apps.common.api.exceptions import not_found
from apps.common.api.permissions import Anyone
from apps.common.api.problems import PROBLEMS


class SchemaView(SpectacularAPIView):
    """The OpenAPI document, YAML by default, JSON by Accept or `?format=json`."""

    permission_classes = [Anyone]
    authentication_classes: list[type] = []


class SwaggerView(SpectacularSwaggerSplitView):
    """Swagger UI from local files; its script comes from a second request, so the page fits a strict CSP."""

    permission_classes = [Anyone]
    authentication_classes: list[type] = []
    renderer_classes = [TemplateHTMLRenderer]
    url_name = "schema"


@require_safe
def problems_page(request: HttpRequest) -> HttpResponse:
    """Every error code: when it comes and what to do."""
    return render(request, "problems.html", {"problems": PROBLEMS})


@require_safe
def problem_page(request: HttpRequest, code: str) -> HttpResponse:
    """What a problem document's `type` points to."""
    wanted = code.replace("-", "_")
    chosen = [problem for problem in PROBLEMS if problem.code == wanted]
    if not chosen:
        return not_found(request)
    return render(request, "problems.html", {"problems": chosen})
