"""Staff's writes of the catalogue. They share addresses with the public reads (`views/addresses.py`)."""

from typing import Any
from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.conditional import check_if_match
from apps.common.api.idempotency import idempotent
from apps.common.api.permissions import Anyone, staff
from apps.common.api.views import ApiView, created
from apps.products.api.caching import catalogue_response
from apps.products.api.serializers.catalogue import VariantOut, present_variant
from apps.products.api.serializers.catalogue_admin import (
    CategoryChangeBody,
    CategoryCreateBody,
    ImageChangeBody,
    ImageUploadBody,
    ProductChangeBody,
    ProductCreateBody,
    StaffCategoryOut,
    StaffImageOut,
    StaffProductOut,
    StaffVariantOut,
    VariantChangeBody,
    VariantCreateBody,
    editable_part,
    present_staff_category,
    present_staff_image,
    present_staff_product,
    present_staff_variant,
    staff_etag,
)
from apps.products.services import catalogue, categories, detail, images
from apps.products.services.images import FileTooLarge

TAGS = ["Catalogue"]
_CHANGE_PRODUCT = staff("products.change_product")
_USD_20 = {"amount": "19.99", "currency": "USD"}
_BACKPACK = {"name": "Everyday backpack", "category": "bags", "brand": "Northway"}
_PACK_RED = {"sku": "PACK-RED", "options": {"colour": "red"}, "price": _USD_20}
# What a form adds around its file.
_FORM_OVERHEAD_BYTES = 64 * 1024


class VariantListOut(serializers.Serializer[Any]):
    results = VariantOut(many=True)


def _answer(body: dict[str, Any]) -> Response:
    return Response(body, headers={"ETag": staff_etag(body)})


class ProductWrites(ApiView):
    """POST of /products/."""

    permissions = {"POST": [staff("products.add_product")]}

    @extend_schema(
        operation_id="products_create",
        summary="Create a product",
        description="A draft, with variants or to be given some; then publish it. Without `slug` one is made from the"
        " name.",
        tags=TAGS,
        request=ProductCreateBody,
        responses={201: StaffProductOut},
        examples=[
            OpenApiExample("A backpack", _BACKPACK, request_only=True),
            OpenApiExample("With its variants", {**_BACKPACK, "variants": [_PACK_RED]}, request_only=True),
        ],
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        product = catalogue.create_product(actor=request.user, **self.body(ProductCreateBody))
        return created(present_staff_product(product), f"/api/v1/products/{product.slug}/")


class ProductChanges(ApiView):
    """PATCH and DELETE of /products/{slug}/."""

    permissions = {"PATCH": [_CHANGE_PRODUCT], "DELETE": [staff("products.delete_product")]}
    conditional_write = True
    problems = {"PATCH": [409]}

    @extend_schema(
        operation_id="products_change",
        summary="Change or publish a product",
        description="Only the given members change. `status: active` publishes; it takes a variant. After a new `slug`"
        " the old one keeps working.",
        tags=TAGS,
        request=ProductChangeBody,
        responses=StaffProductOut,
        examples=[OpenApiExample("Publish", {"status": "active"}, request_only=True)],
    )
    def patch(self, request: Request, slug: str) -> Response:
        product = catalogue.change_product(
            product_id=catalogue.product_id_of(slug),
            changes=self.body(ProductChangeBody),
            actor=request.user,
            precondition=self._unchanged,
        )
        return _answer(present_staff_product(product))

    @extend_schema(
        operation_id="products_archive",
        summary="Archive a product",
        description="It leaves the shop; orders keep it. Repeatable.",
        tags=TAGS,
        request=None,
        responses={204: OpenApiResponse(description="Archived.")},
    )
    def delete(self, request: Request, slug: str) -> Response:
        catalogue.archive_product(
            product_id=catalogue.product_id_of(slug), actor=request.user, precondition=self._unchanged
        )
        return Response(status=204)

    def _unchanged(self, product: Any) -> None:
        check_if_match(self.request, editable_part(present_staff_product(product)))


class CategoryWrites(ApiView):
    """POST of /products/categories/."""

    permissions = {"POST": [staff("products.add_category")]}

    @extend_schema(
        operation_id="categories_create",
        summary="Create a category",
        description="Below `parent`, or at the top. Without `slug` one is made from the name.",
        tags=TAGS,
        request=CategoryCreateBody,
        responses={201: StaffCategoryOut},
        examples=[OpenApiExample("Below another", {"name": "Backpacks", "parent": "bags"}, request_only=True)],
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        category = categories.create_category(actor=request.user, **self.body(CategoryCreateBody))
        return created(present_staff_category(category), f"/api/v1/products/categories/{category.slug}/")


class CategoryChanges(ApiView):
    """PATCH and DELETE of /products/categories/{slug}/."""

    permissions = {"PATCH": [staff("products.change_category")], "DELETE": [staff("products.delete_category")]}
    conditional_write = True
    problems = {"DELETE": [409]}

    @extend_schema(
        operation_id="categories_change",
        summary="Change or move a category",
        description="Only the given members change. `parent` moves it with all below it.",
        tags=TAGS,
        request=CategoryChangeBody,
        responses=StaffCategoryOut,
        examples=[OpenApiExample("Move to the top", {"parent": None, "position": 3}, request_only=True)],
    )
    def patch(self, request: Request, slug: str) -> Response:
        category = categories.change_category(
            category_id=categories.category_id_of(slug),
            changes=self.body(CategoryChangeBody),
            actor=request.user,
            precondition=self._unchanged,
        )
        return _answer(present_staff_category(category))

    @extend_schema(
        operation_id="categories_delete",
        summary="Delete a category",
        description="Only one without products and children.",
        tags=TAGS,
        request=None,
        responses={204: OpenApiResponse(description="Deleted.")},
    )
    def delete(self, request: Request, slug: str) -> Response:
        categories.delete_category(
            category_id=categories.category_id_of(slug), actor=request.user, precondition=self._unchanged
        )
        return Response(status=204)

    def _unchanged(self, category: Any) -> None:
        check_if_match(self.request, editable_part(present_staff_category(category)))


class Variants(ApiView):
    permissions = {"GET": [Anyone], "POST": [_CHANGE_PRODUCT]}
    conditional_read = True

    @extend_schema(
        operation_id="variants_list",
        summary="List a product's variants",
        description="Those of a published product that are sold.",
        tags=TAGS,
        responses=VariantListOut,
    )
    def get(self, request: Request, slug: str) -> Response:
        def build(version: int) -> tuple[Any, dict[str, str]]:
            found = detail.find_product(slug, columns=("id",))
            return {"results": [present_variant(variant) for variant in found.variants]}, {}

        return catalogue_response(request, build)

    @extend_schema(
        operation_id="variants_create",
        summary="Add a variant",
        description="With its SKU, options and price in the shop's currency.",
        tags=TAGS,
        request=VariantCreateBody,
        responses={201: StaffVariantOut},
        examples=[
            OpenApiExample(
                "A red one", {"sku": "BAG-RED", "options": {"colour": "red"}, "price": _USD_20}, request_only=True
            )
        ],
    )
    @idempotent()
    def post(self, request: Request, slug: str) -> Response:
        variant = catalogue.add_variant(
            product_id=catalogue.product_id_of(slug), actor=request.user, **self.body(VariantCreateBody)
        )
        return created(present_staff_variant(variant), f"/api/v1/products/{slug}/variants/{variant.sku}/")


class VariantDetail(ApiView):
    permission_classes = [_CHANGE_PRODUCT]
    conditional_read = True  # the answer to a change has an ETag
    conditional_write = True
    problems = {"DELETE": [409]}

    @extend_schema(
        operation_id="variants_change",
        summary="Change a variant",
        description="Only the given members change. Carts show a new price at once, orders keep theirs.",
        tags=TAGS,
        request=VariantChangeBody,
        responses=StaffVariantOut,
        examples=[OpenApiExample("A new price", {"price": _USD_20}, request_only=True)],
    )
    def patch(self, request: Request, slug: str, sku: str) -> Response:
        variant = catalogue.change_variant(
            variant_id=catalogue.variant_id_of(slug=slug, sku=sku),
            changes=self.body(VariantChangeBody),
            actor=request.user,
            precondition=self._unchanged,
        )
        return _answer(present_staff_variant(variant))

    @extend_schema(
        operation_id="variants_archive",
        summary="Archive a variant",
        description="It is not sold any more; orders keep it. Refused while there is stock.",
        tags=TAGS,
        request=None,
        responses={204: OpenApiResponse(description="Archived.")},
    )
    def delete(self, request: Request, slug: str, sku: str) -> Response:
        catalogue.archive_variant(
            variant_id=catalogue.variant_id_of(slug=slug, sku=sku), actor=request.user, precondition=self._unchanged
        )
        return Response(status=204)

    def _unchanged(self, variant: Any) -> None:
        check_if_match(self.request, editable_part(present_staff_variant(variant)))


class Images(ApiView):
    permission_classes = [_CHANGE_PRODUCT]
    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="images_create",
        summary="Upload a picture",
        description="JPEG, PNG or WebP up to 10 MiB and 40 megapixels. It is stored upright, without its metadata, as"
        " WebP of at most 2000 pixels, with a thumbnail.",
        tags=TAGS,
        request=ImageUploadBody,
        responses={201: StaffImageOut},
    )
    def post(self, request: Request, slug: str) -> Response:
        declared = request.META.get("CONTENT_LENGTH") or "0"
        if declared.isdigit() and int(declared) > settings.IMAGE_UPLOAD_MAX_BYTES + _FORM_OVERHEAD_BYTES:
            raise FileTooLarge
        body = self.body(ImageUploadBody)
        image = images.add_image(
            product_id=catalogue.product_id_of(slug), upload=body.pop("file"), actor=request.user, **body
        )
        return created(present_staff_image(image), f"/api/v1/products/{slug}/images/{image.pk}/")


class ImageDetail(ApiView):
    permission_classes = [_CHANGE_PRODUCT]

    @extend_schema(
        operation_id="images_change",
        summary="Change a picture's text or place",
        description="The one with the lowest position is the product's thumbnail.",
        tags=TAGS,
        request=ImageChangeBody,
        responses=StaffImageOut,
        examples=[OpenApiExample("First", {"position": 0}, request_only=True)],
    )
    def patch(self, request: Request, slug: str, image_id: UUID) -> Response:
        image = images.change_image(
            image_id=images.image_id_of(slug=slug, image_id=image_id),
            changes=self.body(ImageChangeBody),
            actor=request.user,
        )
        return Response(present_staff_image(image))

    @extend_schema(
        operation_id="images_delete",
        summary="Delete a picture",
        description="With its files.",
        tags=TAGS,
        request=None,
        responses={204: OpenApiResponse(description="Deleted.")},
    )
    def delete(self, request: Request, slug: str, image_id: UUID) -> Response:
        images.delete_image(image_id=images.image_id_of(slug=slug, image_id=image_id), actor=request.user)
        return Response(status=204)
