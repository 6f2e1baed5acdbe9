"""Forms of the promotions' screens. They keep the rules of the API and leave the writing to the services."""

from datetime import UTC, date, datetime, time
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminDateWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from apps.cart.models import Coupon, CouponBatch, Promotion, PromotionTier
from apps.cart.services.coupon_codes import MAX_BATCH, CodeRules
from apps.cart.services.dry_runs import MAX_ORDERS
from apps.cart.services.promotion_terms import PARAMETERS
from apps.common.currencies import rules
from apps.common.text import has_control_character

_WEEKDAYS = tuple(enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")))
_LISTED = {"brands": "", "countries": ": ISO codes such as DE", "currencies": ": such as EUR", "channels": ""}
# Columns that hold a benefit's parameter of the same name; `value` is a percentage or an amount.
_COLUMNS = ("maximum", "buy", "get", "get_products", "gift")


class PromotionForm(forms.ModelForm):
    weekdays = forms.TypedMultipleChoiceField(
        choices=_WEEKDAYS, coerce=int, required=False, widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = Promotion
        fields = (
            "name",
            "description",
            "status",
            "is_public",
            "needs_coupon",
            "priority",
            "exclusive",
            "group",
            "currency",
            "minimum_subtotal",
            "minimum_quantity",
            "products",
            "categories",
            "brands",
            "customer_groups",
            "first_order",
            "countries",
            "currencies",
            "channels",
            "starts_at",
            "ends_at",
            "weekdays",
            "from_time",
            "until_time",
            "kind",
            "value",
            "maximum",
            "buy",
            "get",
            "get_products",
            "tier_by",
            "tier_kind",
            "gift",
            "usage_limit",
            "per_customer_limit",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "currency" in self.fields:
            codes = [(code, code) for code in sorted(rules())]
            self.fields["currency"] = forms.ChoiceField(choices=codes, widget=UnfoldAdminSelectWidget)
        for name in _LISTED.keys() & self.fields.keys():
            self.fields[name].widget = UnfoldAdminTextInputWidget()
            self.fields[name].help_text = f"separated by commas{_LISTED[name]}"

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if has_control_character(name):
            raise forms.ValidationError("Line breaks and control characters are not allowed.", code="control_character")
        return name

    def clean_countries(self) -> list[str]:
        return [country.upper() for country in self.cleaned_data["countries"] or []]

    def clean_currencies(self) -> list[str]:
        return [currency.upper() for currency in self.cleaned_data["currencies"] or []]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "kind" in cleaned:
            self._check_parameters(cleaned["kind"], self._given(cleaned))
        return cleaned

    def columns(self) -> dict[str, Any]:
        """What was typed, by column: all of it for a new row, else what changed. Related rows are lists."""
        wanted = self.fields if self.instance._state.adding else self.changed_data
        return {
            name: list(value) if hasattr(value, "all") else value
            for name in wanted
            if name in self.cleaned_data
            for value in [self.cleaned_data[name]]
        }

    @staticmethod
    def _given(cleaned: dict[str, Any]) -> dict[str, str]:
        """The parameters that are given, each with its field."""
        required, optional = PARAMETERS[cleaned["kind"]]
        given = {"percent" if "percent" in required | optional else "amount": "value"} if cleaned.get("value") else {}
        empty = {"get": 1}
        return given | {name: name for name in _COLUMNS if cleaned.get(name) and cleaned[name] != empty.get(name)}

    def _check_parameters(self, kind: str, given: dict[str, str]) -> None:
        required, optional = PARAMETERS[kind]
        for name in required - given.keys() - {"tiers"}:
            field = "value" if name in ("percent", "amount") else name
            self.add_error(field, f"A benefit of the kind {kind} requires this.")
        for name in given.keys() - required - optional:
            self.add_error(given[name], f"A benefit of the kind {kind} does not have this.")
        if "percent" in given and self.cleaned_data["value"] > 100:
            self.add_error("value", "At most 100 %.")


class TierForm(forms.ModelForm):
    class Meta:
        model = PromotionTier
        fields = ("threshold", "value")


class CouponForm(forms.ModelForm):
    """A code of one's own; of one that exists only the switch can be moved."""

    class Meta:
        model = Coupon
        fields = ("code", "usage_limit", "starts_at", "ends_at", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            for name in set(self.fields) - {"is_active"}:
                self.fields[name].disabled = True

    def clean_code(self) -> str:
        return str(self.cleaned_data["code"]).strip().upper()

    def rules(self) -> CodeRules:
        given = self.cleaned_data
        return CodeRules(given.get("usage_limit"), given.get("starts_at"), given.get("ends_at"))


class DryRunForm(forms.Form):
    """Which orders and carts a dry run tries; docs/promotions.md tells how."""

    since = forms.DateField(required=False, label="from", widget=UnfoldAdminDateWidget)
    until = forms.DateField(required=False, label="before", widget=UnfoldAdminDateWidget)
    limit = forms.IntegerField(min_value=1, max_value=MAX_ORDERS, initial=200, widget=UnfoldAdminIntegerFieldWidget)
    carts = forms.BooleanField(
        required=False, initial=True, label="carts that were left, too", widget=UnfoldBooleanSwitchWidget
    )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if given.get("since") and given.get("until") and given["until"] <= given["since"]:
            raise forms.ValidationError({"until": "It must lie after the first day."})
        return given

    def period(self) -> tuple[datetime | None, datetime | None]:
        """Midnights in UTC."""
        return _midnight(self.cleaned_data["since"]), _midnight(self.cleaned_data["until"])


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time.min, UTC) if day is not None else None


class BatchForm(forms.ModelForm):
    size = forms.IntegerField(min_value=1, max_value=MAX_BATCH, widget=UnfoldAdminIntegerFieldWidget)
    usage_limit = forms.IntegerField(
        min_value=1,
        initial=1,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="of each; empty: no limit",
    )
    starts_at = forms.SplitDateTimeField(required=False, widget=UnfoldAdminSplitDateTimeWidget)
    ends_at = forms.SplitDateTimeField(required=False, widget=UnfoldAdminSplitDateTimeWidget)

    class Meta:
        model = CouponBatch
        fields = ("promotion", "name", "prefix", "size")

    def clean_prefix(self) -> str:
        prefix = str(self.cleaned_data["prefix"]).strip().upper()
        if prefix and not (
            prefix[0].isalnum() and prefix.isascii() and prefix.replace("-", "").replace("_", "").isalnum()
        ):
            raise forms.ValidationError("Letters, digits, - and _ only, the first a letter or a digit.", code="invalid")
        return prefix

    def rules(self) -> CodeRules:
        given = self.cleaned_data
        return CodeRules(given["usage_limit"], given["starts_at"], given["ends_at"])
