"""The caller's address book."""

from typing import cast
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.address import AddressBody
from apps.common.api.conditional import check_if_match, conditional
from apps.common.api.pagination import PageQuery, numbered_page
from apps.common.api.permissions import SignedIn
from apps.common.api.views import ApiView, created
from apps.users.api.serializers.addresses import BookAddressOut, SetDefaultBody, present_address
from apps.users.models import Address
from apps.users.services import address_book

TAGS = ["Me"]
_EXAMPLE = OpenApiExample(
    "New York",
    {
        "first_name": "Alice",
        "last_name": "Doe",
        "line1": "350 Fifth Avenue",
        "city": "New York",
        "region": "NY",
        "postal_code": "10118",
        "country": "US",
        "phone": "+12125550123",
    },
    request_only=True,
)


class AddressView(ApiView):
    """Base of the address book's views: signed in, own rows alone."""

    permission_classes = [SignedIn]

    @property
    def user_id(self) -> UUID:
        return cast(UUID, self.request.user.pk)

    def unchanged(self, address: Address) -> None:
        """The precondition of a write: If-Match, when given, names this version."""
        check_if_match(self.request, present_address(address))


class Addresses(AddressView):
    query_class = PageQuery
    problems = {"GET": [404], "POST": [409]}

    @extend_schema(
        operation_id="addresses_list",
        summary="List my addresses",
        description="Newest first.",
        tags=TAGS,
        responses=BookAddressOut(many=True),
    )
    def get(self, request: Request) -> Response:
        rows = Address.objects.filter(user_id=self.user_id).order_by("-id")
        return numbered_page(request, self.query, rows, present_address).response()

    @extend_schema(
        operation_id="addresses_create",
        summary="Add an address",
        description="Checked by the rules of its country. The first one becomes the default for shipping and billing.",
        tags=TAGS,
        request=AddressBody,
        responses={201: BookAddressOut},
        examples=[_EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        address = address_book.add(user_id=self.user_id, fields=self.body(AddressBody))
        return created(present_address(address), f"{request.path}{address.id}/")


class AddressDetail(AddressView):
    conditional_read = True
    conditional_write = True

    @extend_schema(
        operation_id="addresses_retrieve",
        summary="Read an address",
        description="One of my addresses.",
        tags=TAGS,
        responses=BookAddressOut,
    )
    def get(self, request: Request, address_id: UUID) -> Response:
        return conditional(request, present_address(address_book.find(user_id=self.user_id, address_id=address_id)))

    @extend_schema(
        operation_id="addresses_update",
        summary="Change an address",
        description="The fields given; the whole address must still fit its country.",
        tags=TAGS,
        request=AddressBody,
        responses=BookAddressOut,
        examples=[OpenApiExample("Moved in the house", {"line2": "Floor 86"}, request_only=True)],
    )
    def patch(self, request: Request, address_id: UUID) -> Response:
        changes = self.body(AddressBody, partial=True)
        address = address_book.change(
            user_id=self.user_id, address_id=address_id, changes=changes, precondition=self.unchanged
        )
        return conditional(request, present_address(address))

    @extend_schema(
        operation_id="addresses_delete",
        summary="Remove an address",
        description="Orders keep their own copy.",
        tags=TAGS,
        responses={204: None},
    )
    def delete(self, request: Request, address_id: UUID) -> Response:
        address_book.remove(user_id=self.user_id, address_id=address_id, precondition=self.unchanged)
        return Response(status=204)


class AddressSetDefault(AddressView):
    conditional_read = True

    @extend_schema(
        operation_id="addresses_set_default",
        summary="Make an address the default",
        description="For shipping or for billing; repeatable.",
        tags=TAGS,
        request=SetDefaultBody,
        responses=BookAddressOut,
        examples=[OpenApiExample("Shipping", {"kind": "shipping"}, request_only=True)],
    )
    def post(self, request: Request, address_id: UUID) -> Response:
        kind = self.body(SetDefaultBody)["kind"]
        address = address_book.set_default(user_id=self.user_id, address_id=address_id, kind=kind)
        return Response(present_address(address))
