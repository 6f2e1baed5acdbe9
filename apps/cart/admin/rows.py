"""The base of the screens of rows that pricing reads."""

from typing import Any

from django.http import HttpRequest

from apps.cart.services import staff_rows
from apps.common.service_admin import ServiceAdmin


class RowAdmin(ServiceAdmin):
    """The form holds the rules of the table; the service stores the row and records who did it."""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        actor: Any = request.user
        staff_rows.save_typed(obj, actor=actor, changed=form.changed_data)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        actor: Any = request.user
        staff_rows.delete(type(obj), row_id=obj.pk, actor=actor)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for row in queryset:
            self.delete_model(request, row)
