"""Our shops on the map."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.conditional import conditional
from apps.common.api.pagination import PageQuery, numbered_page
from apps.common.api.permissions import Anyone
from apps.common.api.query import TrueFalseField
from apps.common.api.serializers import QuerySerializer
from apps.common.api.views import ApiView
from apps.common.errors import NotFound
from apps.products.api.serializers.engagement import NearbyStoresOut, StoreOut, present_store
from apps.products.services import stores

TAGS = ["Stores"]
PUBLIC = {"Cache-Control": "public, max-age=60"}


class NearbyQuery(QuerySerializer):
    lat = serializers.FloatField(min_value=-90, max_value=90, help_text="Latitude in degrees.")
    lng = serializers.FloatField(min_value=-180, max_value=180, help_text="Longitude in degrees.")
    radius_km = serializers.FloatField(min_value=0.1, max_value=20_000, default=50, help_text="How far, in kilometres.")
    open_now = TrueFalseField(required=False, help_text="Only those that are open at this moment.")


class StoreList(ApiView):
    permission_classes = [Anyone]
    query_class = PageQuery
    conditional_read = True
    problems = {"GET": [404]}

    @extend_schema(
        operation_id="stores_list",
        summary="List stores",
        description="By name.",
        tags=TAGS,
        responses=StoreOut(many=True),
    )
    def get(self, request: Request) -> Response:
        page = numbered_page(request, self.query, stores.active(), present_store)
        return conditional(request, page.body(), headers=PUBLIC | page.headers())


class NearbyStores(ApiView):
    permission_classes = [Anyone]
    query_class = NearbyQuery
    conditional_read = True

    @extend_schema(
        operation_id="stores_nearby",
        summary="Stores near a point",
        description="Nearest first, within `radius_km`; `open_now` goes by each store's own clock.",
        tags=TAGS,
        responses=NearbyStoresOut,
    )
    def get(self, request: Request) -> Response:
        query: dict[str, Any] = self.query
        found = stores.nearby(latitude=query["lat"], longitude=query["lng"], radius_km=query["radius_km"])
        if "open_now" in query:
            now = timezone.now()
            found = [each for each in found if stores.is_open(each.store, now) is query["open_now"]]
        rows = [present_store(each.store) | {"distance_km": round(each.distance_km, 1)} for each in found[:1000]]
        return conditional(request, {"results": rows}, headers=PUBLIC)


class StoreDetail(ApiView):
    permission_classes = [Anyone]
    conditional_read = True

    @extend_schema(
        operation_id="stores_retrieve",
        summary="Read a store",
        description="Address, position, opening hours.",
        tags=TAGS,
        responses=StoreOut,
    )
    def get(self, request: Request, slug: str) -> Response:
        store = stores.active().filter(slug=slug).first()
        if store is None:
            raise NotFound
        return conditional(request, present_store(store), headers=PUBLIC)
