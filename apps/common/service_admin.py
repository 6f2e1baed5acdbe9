"""What a service refuses becomes a message on the screen, with nothing changed."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from apps.common.admin import BaseAdmin
from apps.common.errors import Problem


def words_of(refusal: Problem) -> str:
    """The refusal for people: its fields where it names some, else its detail."""
    fields = [f"{(error.pointer or '').strip('/')}: {error.detail}" for error in refusal.errors]
    return " ".join(fields) or refusal.detail


class ServiceAdmin(BaseAdmin):
    """A screen whose saving and deleting is done by services."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self._shown(request, lambda: super(ServiceAdmin, self).changeform_view(request, *args, **kwargs))

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self._shown(request, lambda: super(ServiceAdmin, self).delete_view(request, *args, **kwargs))

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self._shown(request, lambda: super(ServiceAdmin, self).changelist_view(request, *args, **kwargs))

    def each(self, request: HttpRequest, rows: dict[Any, str], move: Callable[[Any], object], done: str) -> None:
        """An action: `move` every row by its key; refusals name the row, the others still happen."""
        moved = 0
        for key, name in rows.items():
            try:
                move(key)
                moved += 1
            except Problem as refusal:
                self.message_user(request, f"{name}: {words_of(refusal)}", messages.WARNING)
        if moved:
            self.message_user(request, f"{moved} {done}.", messages.SUCCESS)

    def _shown(self, request: HttpRequest, view: Callable[[], HttpResponse]) -> HttpResponse:
        try:
            with transaction.atomic():
                return view()
        except Problem as refusal:
            self.message_user(request, words_of(refusal), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
