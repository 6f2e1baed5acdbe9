"""Shipping many orders by one file."""

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.idempotency import idempotent
from apps.common.api.jobs import JobOut, job_accepted
from apps.common.api.permissions import staff
from apps.common.api.views import ApiView
from apps.orders.api.serializers.shipment import ShipmentImportBody
from apps.orders.services import bulk_shipping
from apps.products.services.stock_import import FileTooLarge

# What a form adds around its file.
_FORM_OVERHEAD_BYTES = 64 * 1024


class AdminShipmentImport(ApiView):
    permission_classes = [staff("orders.change_order")]
    parser_classes = [MultiPartParser]
    starts_job = True

    @extend_schema(
        operation_id="admin_shipments_import",
        summary="Ship by a CSV file",
        description="Columns `order` (number), `carrier`, `tracking_number`; if wanted `tracking_url`, and `sku` with"
        " `quantity` for a part. Each row is a parcel that leaves. A background job ships the rows; those that are"
        " refused are listed in its `errors`. With `dry_run=true` it only lists them.",
        tags=["Orders for staff"],
        request=ShipmentImportBody,
        responses={202: JobOut},
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        declared = request.META.get("CONTENT_LENGTH") or "0"
        if declared.isdigit() and int(declared) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE + _FORM_OVERHEAD_BYTES:
            raise FileTooLarge
        body = self.body(ShipmentImportBody)
        job = bulk_shipping.start(upload=body["file"], dry_run=body.get("dry_run", False), actor=request.user)
        return job_accepted(job)
