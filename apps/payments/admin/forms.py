"""What staff are asked for with an action."""

from django import forms
from django.contrib.admin.helpers import ActionForm
from django.http import HttpRequest


class NoteForm(ActionForm):
    """A remark that goes with a decision."""

    note = forms.CharField(max_length=500, required=False)


def note_of(request: HttpRequest) -> str:
    """The remark that was typed in; at most 500 characters."""
    return request.POST.get("note", "").strip()[:500]
