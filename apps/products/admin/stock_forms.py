"""Forms of the stock screens. They keep the rules of the API and leave the writing to the services."""

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from apps.common.errors import Problem
from apps.products.models import ProductVariant, StockCount, StockLevel, StockMovement, StockTransferLine
from apps.products.services import stock_adjustments
from apps.products.services.stock_adjustments import KINDS, Wanted
from apps.products.services.stock_settings import SETTINGS

_MOST = 1_000_000


class StockLevelForm(forms.ModelForm):
    """What is on hand changes by a correction with a reason, never by typing a number over another."""

    kind = forms.ChoiceField(
        choices=[(kind.value, kind.label) for kind in KINDS],
        initial=StockMovement.Kind.ADJUSTMENT.value,
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    delta = forms.IntegerField(
        required=False,
        min_value=-_MOST,
        max_value=_MOST,
        label="add or take away",
        help_text="units, negative to take away",
        widget=UnfoldAdminIntegerFieldWidget,
    )
    counted = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=_MOST,
        label="or counted",
        help_text="what is really there",
        widget=UnfoldAdminIntegerFieldWidget,
    )
    expected_on_hand = forms.IntegerField(
        required=False,
        label="expected on hand",
        help_text="if given: change nothing when another number is there by now",
        widget=UnfoldAdminIntegerFieldWidget,
    )
    reason = forms.CharField(required=False, max_length=200, widget=UnfoldAdminTextInputWidget)
    wanted: Wanted | None = None

    class Meta:
        model = StockLevel
        fields = ("variant", "warehouse", *SETTINGS)

    def clean_variant(self) -> ProductVariant:
        variant: ProductVariant = self.cleaned_data["variant"]
        if variant.archived_at is not None:
            raise forms.ValidationError("This variant is archived.", code="archived")
        return variant

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("delta") or cleaned.get("counted") is not None:
            wanted = Wanted(
                kind=cleaned.get("kind") or StockMovement.Kind.ADJUSTMENT,
                delta=cleaned.get("delta") or None,
                counted=cleaned.get("counted"),
                reason=cleaned.get("reason", ""),
                expected_on_hand=cleaned.get("expected_on_hand"),
            )
            self._check(wanted)
            self.wanted = wanted
        return cleaned

    def _check(self, wanted: Wanted) -> None:
        try:
            stock_adjustments.check(wanted)
        except Problem as refusal:
            for error in refusal.errors:
                self.add_error((error.pointer or "").strip("/") or None, error.detail)


class StockImportForm(forms.Form):
    """A CSV file of adjustments."""

    file = forms.FileField(
        help_text="CSV, up to 5,000 rows: sku, warehouse, delta or counted; if wanted kind, reason, expected_on_hand",
        widget=UnfoldAdminFileFieldWidget,
    )
    dry_run = forms.BooleanField(
        required=False, initial=True, label="only look", help_text="change nothing", widget=UnfoldBooleanSwitchWidget
    )


class StockCountForm(forms.ModelForm):
    """A new count of a warehouse."""

    skus = forms.CharField(
        required=False,
        label="SKUs",
        help_text="one per line; empty: every SKU that the warehouse has a level of",
        widget=UnfoldAdminTextareaWidget,
    )

    class Meta:
        model = StockCount
        fields = ("warehouse", "note")


class TransferLineForm(forms.ModelForm):
    """A line of a transfer; no more can arrive than was sent."""

    class Meta:
        model = StockTransferLine
        fields = ("variant", "quantity", "received", "reason")

    def clean_received(self) -> int | None:
        received: int | None = self.cleaned_data["received"]
        if received is not None and received > (self.instance.quantity or 0):
            raise forms.ValidationError("This is more than was sent.", code="max_value")
        return received
