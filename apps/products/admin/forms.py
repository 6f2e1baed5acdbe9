"""Forms of the catalogue's screens. They keep the rules of the API and leave the writing to the services."""

from decimal import Decimal
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget

from apps.common.errors import Problem
from apps.common.money import exponent
from apps.common.text import has_control_character
from apps.products.models import STANDARD, Category, Product, ProductImage, ProductVariant, TaxCategory
from apps.products.services import images, text_maps
from apps.products.services.slugs import RESERVED_SKUS, RESERVED_SLUGS

MAX_QUANTITY = 999

_LONGEST_DESCRIPTION = {"product": 100_000, "category": 10_000}


class TextRules:
    """Shared rules of names, slugs and descriptions."""

    cleaned_data: dict[str, Any]
    instance: Any

    def clean_name(self) -> str:
        return self._line("name")

    def clean_brand(self) -> str:
        return self._line("brand")

    def clean_slug(self) -> str:
        slug: str = self.cleaned_data["slug"] or self.instance.slug
        if slug in RESERVED_SLUGS:
            raise forms.ValidationError("This word is an address of the API.", code="reserved")
        return slug

    def clean_description(self) -> str:
        text: str = self.cleaned_data["description"]
        if len(text) > _LONGEST_DESCRIPTION[self.instance._meta.model_name]:
            raise forms.ValidationError("This is too long.", code="max_length")
        return text

    def clean_attributes(self) -> dict[str, str]:
        return self._text_map("attributes", text_maps.LONGEST_ATTRIBUTE)

    def clean_options(self) -> dict[str, str]:
        return self._text_map("options", text_maps.LONGEST_OPTION)

    def _line(self, field: str) -> str:
        text: str = self.cleaned_data[field]
        if has_control_character(text):
            raise forms.ValidationError("Line breaks and control characters are not allowed.", code="control_character")
        return text

    def _text_map(self, field: str, longest: int) -> dict[str, str]:
        value = self.cleaned_data[field] or {}
        fault = text_maps.fault_of(value, longest=longest)
        if fault is not None:
            raise forms.ValidationError(fault, code="invalid")
        return dict(value)


class ProductForm(TextRules, forms.ModelForm):
    tax_category = forms.ChoiceField(required=False, widget=UnfoldAdminSelectWidget)

    class Meta:
        model = Product
        fields = ("name", "slug", "category", "brand", "description", "attributes", "is_featured", "tax_category")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "slug" in self.fields:
            self.fields["slug"].required = False
            self.fields["slug"].help_text = "empty: made from the name"
        if "tax_category" in self.fields:
            known = dict(TaxCategory.objects.values_list("code", "name"))
            field: Any = self.fields["tax_category"]
            field.choices = list(({STANDARD: "Standard"} | known).items())
            field.initial = STANDARD

    def clean_tax_category(self) -> str:
        return str(self.cleaned_data["tax_category"] or self.instance.tax_category)


class CategoryForm(TextRules, forms.ModelForm):
    class Meta:
        model = Category
        fields = ("name", "slug", "parent", "description", "position", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "slug" in self.fields:
            self.fields["slug"].required = False
            self.fields["slug"].help_text = "empty: made from the name"


class VariantForm(TextRules, forms.ModelForm):
    class Meta:
        model = ProductVariant
        fields = (
            "product",
            "sku",
            "name",
            "options",
            "price",
            "compare_at_price",
            "weight_grams",
            "min_quantity",
            "max_quantity",
            "position",
        )

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        least, most = self.cleaned_data.get("min_quantity"), self.cleaned_data.get("max_quantity")
        if least is not None and not 1 <= least <= MAX_QUANTITY:
            self.add_error("min_quantity", f"From 1 to {MAX_QUANTITY}.")
        if most is not None and not (least or 1) <= most <= MAX_QUANTITY:
            self.add_error("max_quantity", f"From the least to {MAX_QUANTITY}, or empty.")
        return cleaned

    def clean_sku(self) -> str:
        sku: str = self.cleaned_data["sku"]
        if sku in RESERVED_SKUS:
            raise forms.ValidationError("This word is an address of the API.", code="reserved")
        return sku

    def clean_price(self) -> Decimal | None:
        return self._amount("price")

    def clean_compare_at_price(self) -> Decimal | None:
        return self._amount("compare_at_price")

    def _amount(self, field: str) -> Decimal | None:
        amount: Decimal | None = self.cleaned_data[field]
        if amount is None:
            return None
        if amount < 0 or amount >= 10_000_000:
            raise forms.ValidationError("This is not a price.", code="invalid")
        if amount != amount.quantize(exponent(self.instance.currency)):
            raise forms.ValidationError("This has more decimal places than the currency.", code="too_precise")
        return amount


class ImageForm(forms.ModelForm):
    """A picture is uploaded once; later its text and place change."""

    file = forms.FileField(required=False, help_text="JPEG, PNG or WebP", widget=UnfoldAdminFileFieldWidget)
    picture: images.Picture | None = None

    class Meta:
        model = ProductImage
        fields = ("product", "alt", "position")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "file" in self.fields:
            self.fields["file"].required = self.instance._state.adding
            self.fields["file"].disabled = not self.instance._state.adding

    def clean_file(self) -> None:
        upload = self.cleaned_data["file"]
        if upload is None:
            return
        try:
            self.picture = images.clean(upload)
        except Problem as refusal:
            raise forms.ValidationError(refusal.detail, code=refusal.code) from None
