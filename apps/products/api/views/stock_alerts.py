"""Alerts of stock that need somebody."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.pagination import CursorQuery, newest_first
from apps.common.api.permissions import staff
from apps.common.api.views import ApiView
from apps.products.api.serializers.inventory import MAX, MIN
from apps.products.models import StockAlert
from apps.products.models.stock import available_of_level
from apps.products.services import stock_alerts

TAGS = ["Stock for staff"]


class AlertOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=StockAlert.Kind.choices)
    sku = serializers.CharField(max_length=64)
    name = serializers.CharField(max_length=200, help_text="of the product")
    warehouse = serializers.CharField(max_length=40, help_text="code")
    available_then = serializers.IntegerField(min_value=MIN, max_value=MAX, help_text="Units left when it was raised.")
    available = serializers.IntegerField(min_value=MIN, max_value=MAX, help_text="Units left now.")
    crossed_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)
    acknowledged_by = serializers.UUIDField(allow_null=True, help_text="The staff member who took care of it.")


class AlertQuery(CursorQuery):
    kind = serializers.ChoiceField(
        choices=[("low", "Low"), ("out", "Out")], required=False, help_text="Only this kind."
    )
    warehouse = serializers.CharField(max_length=40, required=False, help_text="Only this warehouse (code).")


def present_alert(alert: Any) -> dict[str, Any]:
    level = alert.level
    return {
        "id": alert.id,
        "kind": alert.kind,
        "sku": level.variant.sku,
        "name": level.variant.product.name,
        "warehouse": level.warehouse.code,
        "available_then": alert.available,
        "available": alert.left,
        "crossed_at": alert.crossed_at,
        "closed_at": alert.closed_at,
        "acknowledged_by": alert.acknowledged_by,
    }


class StockAlerts(ApiView):
    permission_classes = [staff("products.view_stockalert")]
    query_class = AlertQuery

    @extend_schema(
        operation_id="admin_inventory_alerts_list",
        summary="List open stock alerts",
        description="Levels that ran low or out and that nobody has taken care of, newest first. One per level; it ends"
        " by itself when the level is back.",
        tags=TAGS,
        responses=AlertOut(many=True),
    )
    def get(self, request: Request) -> Response:
        lookups = {"kind": "kind", "warehouse": "level__warehouse__code"}
        wanted = {lookup: self.query[name] for name, lookup in lookups.items() if name in self.query}
        found = StockAlert.objects.open().filter(**wanted).annotate(left=available_of_level("level__"))
        rows = found.select_related("level__variant__product", "level__warehouse")
        return newest_first(request, self.query, rows, present_alert).response()


class AcknowledgeAlert(ApiView):
    permission_classes = [staff("products.change_stockalert")]

    @extend_schema(
        operation_id="admin_inventory_alerts_acknowledge",
        summary="Take care of a stock alert",
        description="It leaves the list of open ones. Repeatable. The next crossing of the level raises a new one.",
        tags=TAGS,
        request=None,
        responses=AlertOut,
    )
    def post(self, request: Request, alert_id: UUID) -> Response:
        return Response(present_alert(stock_alerts.acknowledge(alert_id=alert_id, actor=request.user)))
