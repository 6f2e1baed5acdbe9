"""Staff screens of promotions, their codes and their uses. All writing is done by the services."""

import csv
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from unfold.admin import TabularInline
from unfold.decorators import action

from apps.cart.admin.promotion_forms import BatchForm, CouponForm, DryRunForm, PromotionForm, TierForm
from apps.cart.models import CartCoupon, Coupon, CouponBatch, Promotion, PromotionTier, PromotionUse
from apps.cart.services import coupon_codes, dry_runs, promotion_terms, promotions
from apps.common.admin import ReadOnlyAdmin
from apps.common.errors import Invalid
from apps.common.models import BackgroundJob
from apps.common.service_admin import ServiceAdmin


class TierInline(TabularInline):
    model = PromotionTier
    form = TierForm
    extra = 0


class CouponInline(TabularInline):
    """Codes of their own; those of batches have a screen of their own."""

    model = Coupon
    form = CouponForm
    extra = 0
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Coupon]:
        own: QuerySet[Coupon] = super().get_queryset(request).filter(batch=None)
        return own


@admin.register(Promotion)
class PromotionAdmin(ServiceAdmin):
    form = PromotionForm
    inlines = [TierInline, CouponInline]
    list_display = [
        "name",
        "what_it_does",
        "status",
        "needs_coupon",
        "group",
        "priority",
        "uses",
        "starts_at",
        "ends_at",
    ]
    list_filter = ["status", "kind", "needs_coupon", "is_public"]
    search_fields = ["name", "coupons__code"]
    autocomplete_fields = ["products", "categories", "get_products", "gift"]
    actions = ["switch_on", "pause"]
    actions_detail = ["dry_run"]
    fieldsets = [
        (None, {"fields": ["name", "description", "status", "is_public", "needs_coupon"]}),
        (
            "What it gives",
            {
                "fields": [
                    "kind",
                    ("value", "currency"),
                    "maximum",
                    ("buy", "get"),
                    "get_products",
                    "gift",
                    ("tier_by", "tier_kind"),
                ]
            },
        ),
        (
            "What it asks of the basket",
            {"fields": [("minimum_subtotal", "minimum_quantity"), "products", "categories", "brands"]},
        ),
        (
            "Who, where and when",
            {
                "fields": [
                    "customer_groups",
                    "first_order",
                    "countries",
                    "currencies",
                    "channels",
                    "starts_at",
                    "ends_at",
                    "weekdays",
                    ("from_time", "until_time"),
                ]
            },
        ),
        ("How it goes together with others", {"fields": [("priority", "group"), "exclusive"]}),
        ("Caps", {"fields": [("usage_limit", "per_customer_limit")]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Promotion]:
        return Promotion.objects.for_staff()

    def has_dry_run_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """The same rights as through the API."""
        return request.user.has_perms(("cart.view_promotion", "orders.view_order"))

    @action(description="Dry run", url_path="dry-run", permissions=["dry_run"], icon="science")
    def dry_run(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What past orders and carts would have paid: a form that starts the job, and the report of one."""
        promotion = get_object_or_404(Promotion, pk=object_id)
        form = DryRunForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            since, until = form.period()
            job = dry_runs.start(
                promotion_id=promotion.pk,
                since=since,
                until=until,
                limit=form.cleaned_data["limit"],
                with_carts=form.cleaned_data["carts"],
                actor=request.user,
            )
            return HttpResponseRedirect(f"{request.path}?job={job.pk}")
        runs = BackgroundJob.objects.filter(kind=dry_runs.JOB, arguments__promotion=str(promotion.pk)).order_by("-id")
        chosen = request.GET.get("job", "")
        context = {
            **self.admin_site.each_context(request),
            "title": f"Dry run of {promotion}",
            "promotion": promotion,
            "form": form,
            "runs": runs[:10],
            "job": next((run for run in runs[:100] if str(run.pk) == chosen), None),
        }
        return render(request, "admin/cart/promotion_dry_run.html", context)

    @admin.display(description="what it does")
    def what_it_does(self, row: Promotion) -> str:
        return promotion_terms.full_sentence(row)

    @admin.display(description="uses")
    def uses(self, row: Any) -> str:
        return f"{row.uses_now} of {row.usage_limit}" if row.usage_limit is not None else str(row.uses_now)

    @admin.action(description="Switch on", permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[Promotion]) -> None:
        self._move(request, queryset, Promotion.Status.ACTIVE)

    @admin.action(description="Pause", permissions=["change"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Promotion]) -> None:
        self._move(request, queryset, Promotion.Status.PAUSED)

    def save_model(self, request: HttpRequest, obj: Promotion, form: Any, change: bool) -> None:
        """Nothing yet: `save_related` knows the tiers as well, and one service call writes all."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        tiers, coupons = formsets
        for formset in formsets:
            formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []
        columns = form.columns() | self._tiers(form, tiers, change=change)
        actor: Any = request.user
        if not change:
            stored = promotions.create_promotion(actor=actor, columns=columns)
            form.instance.__dict__.update(stored.__dict__)
        elif columns:
            promotions.change_promotion(promotion_id=form.instance.pk, columns=columns, actor=actor)
        self._save_coupons(coupons, form.instance.pk, actor)

    def delete_model(self, request: HttpRequest, obj: Promotion) -> None:
        actor: Any = request.user
        promotions.delete_promotion(promotion_id=obj.pk, actor=actor)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Promotion]) -> None:
        for row in queryset:
            self.delete_model(request, row)

    def _move(self, request: HttpRequest, queryset: QuerySet[Promotion], status: str) -> None:
        actor: Any = request.user
        rows = {row.pk: row.name for row in queryset}
        self.each(
            request,
            rows,
            lambda key: promotions.change_promotion(promotion_id=key, columns={"status": status}, actor=actor),
            f"now {status}",
        )

    @staticmethod
    def _tiers(form: Any, formset: Any, *, change: bool) -> dict[str, Any]:
        """The tiers that are left, if anything about them changed. Raises Invalid unless the kind has just those."""
        left = [row.cleaned_data for row in formset.forms if row.cleaned_data and not row.cleaned_data.get("DELETE")]
        tiered = form.cleaned_data["kind"] == Promotion.Kind.TIERED
        if tiered and not left:
            raise Invalid.field("/tiers", "required", "A benefit of the kind tiered requires tiers.")
        if left and not tiered:
            raise Invalid.field("/tiers", "unknown_field", "Only a benefit of the kind tiered has tiers.")
        rows = [(row["threshold"], row["value"]) for row in left]
        return {"tiers": rows} if formset.has_changed() or not change else {}

    @staticmethod
    def _save_coupons(formset: Any, promotion_id: UUID, actor: Any) -> None:
        for row in formset.forms:
            if not row.has_changed():
                continue
            code = row.cleaned_data["code"]
            if row.instance._state.adding:
                coupon_codes.create_coupon(promotion_id=promotion_id, code=code, rules=row.rules(), actor=actor)
            elif "is_active" in row.changed_data:
                coupon_codes.switch(
                    promotion_id=promotion_id, code=code, is_active=row.cleaned_data["is_active"], actor=actor
                )


@admin.register(CouponBatch)
class CouponBatchAdmin(ServiceAdmin):
    """A batch is made once; its codes come as a file."""

    form = BatchForm
    list_display = ["name", "promotion", "prefix", "size", "created_by", "created_at", "codes"]
    list_select_related = ["promotion", "created_by"]
    search_fields = ["name", "promotion__name"]
    autocomplete_fields = ["promotion"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        own = ["promotion", "name", "prefix", "size"]
        return [*own, "created_by", "codes"] if obj is not None else [*own, "usage_limit", "starts_at", "ends_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["promotion", "name", "prefix", "size", "created_by", "codes"] if obj is not None else []

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.download)
        return [path("<uuid:batch_id>/codes.csv", view, name="coupon-batch-codes"), *super().get_urls()]

    @admin.display(description="codes")
    def codes(self, row: CouponBatch) -> str:
        return format_html('<a href="{}">CSV</a>', reverse("admin:coupon-batch-codes", args=[row.pk]))

    def save_model(self, request: HttpRequest, obj: CouponBatch, form: Any, change: bool) -> None:
        batch = coupon_codes.create_batch(
            promotion_id=form.cleaned_data["promotion"].pk,
            count=form.cleaned_data["size"],
            rules=form.rules(),
            actor=request.user,
            name=form.cleaned_data["name"],
            prefix=form.cleaned_data["prefix"],
        )
        obj.__dict__.update(batch.__dict__)

    def download(self, request: HttpRequest, batch_id: UUID) -> StreamingHttpResponse:
        """The codes with their uses. No cell can be taken for a formula: codes begin with a letter or a digit."""
        if not request.user.has_perm("cart.view_coupon"):
            raise PermissionDenied
        batch = get_object_or_404(CouponBatch, pk=batch_id)
        rows = Coupon.objects.filter(batch=batch).order_by("code").for_staff()
        response = StreamingHttpResponse(_lines(rows), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="codes-{batch.pk}.csv"'
        return response


class _Echo:
    """What a csv writer writes to is what it returns."""

    def write(self, line: str) -> str:
        return line


def _lines(rows: QuerySet[Coupon]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(["code", "usage_limit", "uses", "is_active", "ends_at"])
    for row in rows.iterator(chunk_size=1000):
        ends_at = row.ends_at.isoformat() if row.ends_at is not None else ""
        uses: Any = row
        yield writer.writerow([row.code, row.usage_limit or "", uses.uses_now, row.is_active, ends_at])


@admin.register(Coupon)
class CouponAdmin(ServiceAdmin):
    """Codes are made on their promotion's screen and in batches; here they are found and switched."""

    list_display = ["code", "promotion", "batch", "usage_limit", "uses", "starts_at", "ends_at", "is_active"]
    list_filter = ["is_active"]
    list_select_related = ["promotion", "batch"]
    search_fields = ["code", "promotion__name", "batch__name"]
    actions = ["switch_on", "switch_off"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Coupon]:
        return Coupon.objects.for_staff()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["code", "promotion", "batch", "usage_limit", "used_count", "starts_at", "ends_at", "is_active"]

    @admin.display(description="uses")
    def uses(self, row: Any) -> int:
        return int(row.uses_now)

    @admin.action(description="Switch on", permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[Coupon]) -> None:
        self._switch(request, queryset, is_active=True)

    @admin.action(description="Switch off", permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[Coupon]) -> None:
        self._switch(request, queryset, is_active=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Coupon], *, is_active: bool) -> None:
        actor: Any = request.user
        owners = {row.code: row.promotion_id for row in queryset}

        def switch(code: str) -> None:
            coupon_codes.switch(promotion_id=owners[code], code=code, is_active=is_active, actor=actor)

        self.each(request, {code: code for code in owners}, switch, f"switched {'on' if is_active else 'off'}")


@admin.register(PromotionTier)
class PromotionTierAdmin(ReadOnlyAdmin):
    list_display = ["promotion", "threshold", "value"]
    list_select_related = ["promotion"]


@admin.register(CartCoupon)
class CartCouponAdmin(ReadOnlyAdmin):
    list_display = ["cart", "coupon", "created_at"]
    list_select_related = ["cart", "cart__user", "coupon"]
    search_fields = ["coupon__code"]


@admin.register(PromotionUse)
class PromotionUseAdmin(ReadOnlyAdmin):
    """Orders write these rows; nobody else."""

    list_display = ["used_at", "promotion", "coupon", "email", "user", "reference", "given_back_at"]
    list_filter = ["promotion"]
    list_select_related = ["promotion", "coupon", "user"]
    search_fields = ["email", "coupon__code", "reference"]
