"""Categories, products, variants and pictures. Nothing sold is deleted: it is archived; its orders stay."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.admin import TabularInline

from apps.common.admin import ReadOnlyAdmin, money_column
from apps.common.media import media_url
from apps.common.money import Money
from apps.common.service_admin import ServiceAdmin
from apps.products.admin.forms import CategoryForm, ImageForm, ProductForm, VariantForm
from apps.products.models import CatalogueVersion, Category, Product, ProductImage, ProductVariant, RetiredSlug
from apps.products.services import catalogue, categories, images

_PRICES = ("price", "compare_at_price")


def _typed(form: Any) -> dict[str, Any]:
    """What the form changed; all of it for a new row."""
    own = [name for name in form.fields if name in form.cleaned_data and name in form._meta.fields]
    return {name: form.cleaned_data[name] for name in own if form.instance._state.adding or name in form.changed_data}


def _become(row: Any, stored: Any) -> None:
    """The form's row takes over what the service stored; the screen goes on with it."""
    row.__dict__.update(stored.__dict__)


def _save_variant(form: Any, actor: Any) -> ProductVariant:
    variant = form.instance
    typed = _typed(form)
    typed.pop("product", None)
    for name in _PRICES:
        if typed.get(name) is not None:
            typed[name] = Money(typed[name], variant.product.currency)
    if variant._state.adding:
        return catalogue.add_variant(product_id=variant.product_id, actor=actor, **typed)
    return catalogue.change_variant(variant_id=variant.pk, changes=typed, actor=actor)


def _save_image(form: Any, actor: Any) -> ProductImage:
    image = form.instance
    if image._state.adding:
        return images.add_picture(
            product_id=image.product_id, picture=form.picture, actor=actor, alt=image.alt, position=image.position
        )
    return images.change_image(image_id=image.pk, changes=_typed(form), actor=actor)


class _Never:
    """Rows that are archived instead of deleted."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Category)
class CategoryAdmin(ServiceAdmin):
    form = CategoryForm
    list_display = ["name", "slug", "parent", "position", "is_active"]
    list_filter = ["is_active"]
    list_select_related = ["parent"]
    search_fields = ["name", "slug"]
    autocomplete_fields = ["parent"]

    def save_model(self, request: HttpRequest, obj: Category, form: Any, change: bool) -> None:
        actor: Any = request.user
        typed = _typed(form)
        if "parent" in typed:
            typed["parent"] = typed["parent"].slug if typed["parent"] is not None else None
        if change:
            _become(obj, categories.change_category(category_id=obj.pk, changes=typed, actor=actor))
        else:
            _become(obj, categories.create_category(actor=actor, **typed))

    def delete_model(self, request: HttpRequest, obj: Category) -> None:
        actor: Any = request.user
        categories.delete_category(category_id=obj.pk, actor=actor)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Category]) -> None:
        for category in queryset:
            self.delete_model(request, category)


class VariantInline(_Never, TabularInline):
    model = ProductVariant
    form = VariantForm
    extra = 0
    fields = [
        "sku",
        "name",
        "options",
        "price",
        "compare_at_price",
        "weight_grams",
        "min_quantity",
        "max_quantity",
        "position",
    ]
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProductVariant]:
        rows: QuerySet[ProductVariant] = super().get_queryset(request)
        return rows.filter(archived_at=None)


class ImageInline(TabularInline):
    model = ProductImage
    form = ImageForm
    extra = 0
    fields = ["preview", "file", "alt", "position"]
    readonly_fields = ["preview"]

    @admin.display(description="picture")
    def preview(self, image: ProductImage) -> str:
        url = media_url(image.thumbnail)
        return format_html('<img src="{}" alt="" height="60">', url) if url else "-"


@admin.register(Product)
class ProductAdmin(_Never, ServiceAdmin):
    """Status moves by the actions; prices are those of the variants."""

    form = ProductForm
    list_display = ["name", "slug", "category", "status", money_column("price"), "in_stock", "published_at"]
    list_filter = ["status", "in_stock", "is_featured", "category"]
    list_select_related = ["category"]
    search_fields = ["name", "slug", "brand", "variants__sku"]
    autocomplete_fields = ["category"]
    inlines = [VariantInline, ImageInline]
    actions = ["publish", "withdraw", "archive"]
    readonly_fields = [
        *("status", "published_at", money_column("price"), money_column("compare_at_price"), "in_stock"),
        *("rating", "review_count", "sold_count", "created_at", "updated_at"),
    ]
    fieldsets = (
        (
            None,
            {
                "fields": (
                    *("name", "slug", "category", "brand", "description"),
                    *("attributes", "is_featured", "tax_category"),
                )
            },
        ),
        ("In the shop", {"fields": readonly_fields}),
    )

    def has_archive_permission(self, request: HttpRequest) -> bool:
        """Archiving takes the same permission as through the API."""
        return request.user.has_perm("products.delete_product")

    def save_model(self, request: HttpRequest, obj: Product, form: Any, change: bool) -> None:
        actor: Any = request.user
        typed = _typed(form)
        if "category" in typed:
            typed["category"] = typed["category"].slug
        if change:
            _become(obj, catalogue.change_product(product_id=obj.pk, changes=typed, actor=actor))
        else:
            _become(obj, catalogue.create_product(actor=actor, **typed))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        actor: Any = request.user
        save = _save_variant if formset.model is ProductVariant else _save_image
        formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []
        for row in formset.forms:
            if not row.has_changed() or (row in formset.deleted_forms and row.instance._state.adding):
                continue
            if row in formset.deleted_forms:
                images.delete_image(image_id=row.instance.pk, actor=actor)
                formset.deleted_objects.append(row.instance)
                continue
            row.instance.product = form.instance
            if row.instance._state.adding:
                formset.new_objects.append(save(row, actor))
            else:
                formset.changed_objects.append((save(row, actor), row.changed_data))

    @admin.action(description="Publish", permissions=["change"])
    def publish(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        self._move(request, queryset, Product.Status.ACTIVE, "published")

    @admin.action(description="Withdraw (back to draft)", permissions=["change"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        self._move(request, queryset, Product.Status.DRAFT, "withdrawn")

    @admin.action(description="Archive", permissions=["archive"])
    def archive(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        self._move(request, queryset, Product.Status.ARCHIVED, "archived")

    def _move(self, request: HttpRequest, queryset: QuerySet[Product], status: str, done: str) -> None:
        actor: Any = request.user
        rows: dict[Any, str] = dict(queryset.order_by("pk").values_list("pk", "name"))
        self.each(
            request,
            rows,
            lambda key: catalogue.change_product(product_id=key, changes={"status": status}, actor=actor),
            done,
        )


@admin.register(ProductVariant)
class ProductVariantAdmin(_Never, ServiceAdmin):
    form = VariantForm
    list_display = ["sku", "product", "name", money_column("price"), "position", "archived_at"]
    list_filter = [("archived_at", admin.EmptyFieldListFilter)]
    list_select_related = ["product"]
    search_fields = ["sku", "name", "product__name"]
    autocomplete_fields = ["product"]
    readonly_fields = ["currency", "archived_at", "created_at", "updated_at"]
    actions = ["archive"]

    def get_readonly_fields(self, request: HttpRequest, obj: ProductVariant | None = None) -> list[str]:
        fields = list(super().get_readonly_fields(request, obj))
        return fields if obj is None else ["product", *fields]

    def has_change_permission(self, request: HttpRequest, obj: ProductVariant | None = None) -> bool:
        if obj is not None and obj.archived_at is not None:
            return False
        return bool(super().has_change_permission(request, obj))

    def save_model(self, request: HttpRequest, obj: ProductVariant, form: Any, change: bool) -> None:
        _become(obj, _save_variant(form, request.user))

    @admin.action(description="Archive", permissions=["change"])
    def archive(self, request: HttpRequest, queryset: QuerySet[ProductVariant]) -> None:
        actor: Any = request.user
        rows: dict[Any, str] = dict(queryset.order_by("pk").values_list("pk", "sku"))
        self.each(request, rows, lambda key: catalogue.archive_variant(variant_id=key, actor=actor), "archived")


@admin.register(ProductImage)
class ProductImageAdmin(ServiceAdmin):
    form = ImageForm
    list_display = ["id", "product", "alt", "position", "width", "height"]
    list_select_related = ["product"]
    search_fields = ["alt", "product__name", "product__slug"]
    autocomplete_fields = ["product"]
    fields = ["product", "file", "alt", "position"]

    def get_readonly_fields(self, request: HttpRequest, obj: ProductImage | None = None) -> list[str]:
        return [] if obj is None else ["product"]

    def save_model(self, request: HttpRequest, obj: ProductImage, form: forms.ModelForm, change: bool) -> None:
        _become(obj, _save_image(form, request.user))

    def delete_model(self, request: HttpRequest, obj: ProductImage) -> None:
        actor: Any = request.user
        images.delete_image(image_id=obj.pk, actor=actor)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ProductImage]) -> None:
        for image in queryset:
            self.delete_model(request, image)


@admin.register(RetiredSlug)
class RetiredSlugAdmin(ReadOnlyAdmin):
    list_display = ["slug", "product", "created_at"]
    list_select_related = ["product"]
    search_fields = ["slug", "product__name"]


@admin.register(CatalogueVersion)
class CatalogueVersionAdmin(ReadOnlyAdmin):
    list_display = ["version"]
