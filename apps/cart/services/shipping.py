"""Which ways to ship serve a basket, and by which rule each is priced."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal
from uuid import UUID

from django.conf import settings
from django.db.models import prefetch_related_objects

from apps.cart.gateways.carriers import CarrierQuestion, CarrierRates, Parcels, TableRates, carrier
from apps.cart.models import ShippingBand, ShippingMethod, ShippingZone
from apps.cart.pricing.terms import ShippingBand as Band
from apps.cart.pricing.terms import ShippingRule
from apps.cart.services.outside_answers import remembered_or_asked
from apps.common.errors import Conflict, Invalid
from apps.common.text import plain_code
from apps.products.models import Store
from apps.products.services.prices import Conversion

Kind = ShippingMethod.Kind
Reason = Literal["", "unknown_method", "not_served", "too_heavy", "item_too_heavy", "no_rate", "no_store"]
_BANDED = (Kind.WEIGHT, Kind.PRICE, Kind.TABLE)


class ShippingUnavailable(Conflict):
    code = "shipping_unavailable"
    detail = "This shipping method does not serve the address."

    def __init__(self, reason: Reason) -> None:
        super().__init__(_WORDS.get(reason, self.detail), extra={"reason": reason})


_WORDS: Mapping[Reason, str] = {
    "unknown_method": "There is no such shipping method.",
    "too_heavy": "The cart is heavier than this shipping method takes.",
    "item_too_heavy": "One of the items is heavier than this shipping method takes in one parcel.",
    "no_rate": "This shipping method has no price for the address and weight at the moment.",
    "no_store": "This store does not hand out orders of this shipping method.",
}


@dataclass(frozen=True, slots=True)
class Load:
    """What a basket weighs, and its heaviest unit, in grams."""

    grams: int
    heaviest: int


@dataclass(frozen=True, slots=True)
class Option:
    """A method and the rule it is priced by for a basket; or why it does not serve."""

    method: ShippingMethod
    rule: ShippingRule | None
    reason: Reason = ""


def options(
    address: Mapping[str, str] | None,
    load: Load,
    *,
    currency: str,
    code: str | None = None,
    conversion: Conversion | None = None,
) -> list[Option]:
    """Every active method (or the one of this code) in the shop's order, each with its rule or why it does not serve.

    While the country is unknown, zones are not asked. At most four statements, however many methods there are.
    """
    found = _methods(currency, code, conversion)
    place = _Place.of(address)
    zones = _zones_of(place) if place.country and any(method.zone_id for method in found) else None
    bands = _bands_of([method.pk for method in found if method.kind in _BANDED])
    served = [_option(method, place, load, zones, bands.get(method.pk, ())) for method in found]
    return [_converted(option, conversion) for option in served]


def _methods(currency: str, code: str | None, conversion: Conversion | None) -> list[ShippingMethod]:
    """Those of the currency; while it has none, those of the shop's own, whose prices are converted."""
    wanted = {currency, conversion.rate.base} if conversion is not None else {currency}
    rows = list(ShippingMethod.objects.filter(is_active=True, currency__in=wanted))
    own = [row for row in rows if row.currency == currency]
    return [row for row in own or rows if code is None or row.code == code]


def _converted(option: Option, conversion: Conversion | None) -> Option:
    rule = option.rule
    if rule is None or conversion is None or option.method.currency == conversion.currency:
        return option
    by_money = rule.basis == "price"
    return replace(
        option,
        rule=replace(
            rule,
            price=conversion.of(rule.price),
            per_kilogram=conversion.of(rule.per_kilogram),
            free_over=conversion.of(rule.free_over) if rule.free_over is not None else None,
            bands=tuple(
                Band(conversion.of(band.threshold) if by_money else band.threshold, conversion.of(band.price))
                for band in rule.bands
            ),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Place:
    country: str = ""
    region: str = ""
    postal_code: str = ""

    @classmethod
    def of(cls, address: Mapping[str, str] | None) -> "_Place":
        given = address or {}
        return cls(given.get("country") or "", given.get("region") or "", plain_code(given.get("postal_code") or ""))


def _zones_of(place: _Place) -> frozenset[UUID]:
    """The zones that hold the place most specifically."""
    ranks = {zone.pk: rank for zone in ShippingZone.objects.all() if (rank := _rank(zone, place)) is not None}
    best = max(ranks.values(), default=None)
    return frozenset(key for key, rank in ranks.items() if rank == best)


def _rank(zone: ShippingZone, place: _Place) -> tuple[int, int] | None:
    """How specifically a zone holds a place; None when it does not."""
    if not zone.countries:
        return (0, 0)
    if place.country not in zone.countries:
        return None
    if zone.regions and place.region.casefold() not in {str(region).casefold() for region in zone.regions}:
        return None
    if zone.postal_prefixes:
        lengths = [len(prefix) for prefix in zone.postal_prefixes if place.postal_code.startswith(prefix)]
        return (3, max(lengths)) if lengths else None
    return (2, 0) if zone.regions else (1, 0)


def _bands_of(method_ids: Collection[UUID]) -> dict[UUID, list[ShippingBand]]:
    bands: dict[UUID, list[ShippingBand]] = defaultdict(list)
    if method_ids:
        for band in ShippingBand.objects.filter(method__in=method_ids):
            bands[band.method_id].append(band)
    return bands


def _option(
    method: ShippingMethod,
    place: _Place,
    load: Load,
    zones: frozenset[UUID] | None,
    bands: Iterable[ShippingBand],
) -> Option:
    if zones is not None and method.zone_id is not None and method.zone_id not in zones:
        return Option(method, None, "not_served")
    if method.max_grams is not None and load.grams > method.max_grams:
        return Option(method, None, "too_heavy")
    if method.parcel_grams is not None and load.heaviest > method.parcel_grams:
        return Option(method, None, "item_too_heavy")
    if method.kind not in (Kind.TABLE, Kind.CARRIER):
        return Option(method, _own_rule(method, bands))
    price = _carried(method, place, load, bands)
    return Option(method, None, "no_rate") if price is None else Option(method, _flat(method, price))


def _own_rule(method: ShippingMethod, bands: Iterable[ShippingBand]) -> ShippingRule:
    basis: Literal["flat", "weight", "price"] = "flat"
    if method.kind in (Kind.WEIGHT, Kind.PRICE):
        basis = "weight" if method.kind == Kind.WEIGHT else "price"
    return ShippingRule(
        code=method.code,
        name=method.name,
        price=method.price,
        basis=basis,
        per_kilogram=method.per_kilogram,
        bands=tuple(Band(band.threshold, band.price) for band in bands),
        parcel_grams=method.parcel_grams,
        free_over=method.free_over,
    )


def _flat(method: ShippingMethod, price: Decimal) -> ShippingRule:
    return ShippingRule(code=method.code, name=method.name, price=price, free_over=method.free_over)


def _carried(method: ShippingMethod, place: _Place, load: Load, bands: Iterable[ShippingBand]) -> Decimal | None:
    """The method's own price and what the carrier asks; None when it does not take the parcels or does not answer."""
    if not place.country:
        return method.price
    rates: CarrierRates | None = TableRates(bands) if method.kind == Kind.TABLE else carrier(method.carrier)
    if rates is None:
        return None
    question = CarrierQuestion(
        service=method.service,
        country=place.country,
        region=place.region,
        postal_code=place.postal_code,
        parcels=_parcels(method, load.grams),
        currency=method.currency,
    )
    asked = _ask(method, rates, question)
    return None if asked is None else method.price + asked


def _ask(method: ShippingMethod, rates: CarrierRates, question: CarrierQuestion) -> Decimal | None:
    if not rates.calls_network:
        return rates.price(question)
    path = settings.SHIPPING_CARRIERS[method.carrier]
    answer = remembered_or_asked(path, question, lambda: rates.price(question))
    return answer.value if answer is not None else None


def _parcels(method: ShippingMethod, grams: int) -> tuple[Parcels, ...]:
    if not method.parcel_grams or grams <= method.parcel_grams:
        return (Parcels(grams, 1),)
    full, rest = divmod(grams, method.parcel_grams)
    parcels = (Parcels(method.parcel_grams, full),)
    return (*parcels, Parcels(rest, 1)) if rest else parcels


def stores_of(methods: Iterable[ShippingMethod], *, country: str) -> Mapping[UUID, list[Store]]:
    """The open stores of a country in which each pick-up method hands out orders; none or two statements."""
    pickups = [method for method in methods if method.kind == Kind.PICKUP]
    if not pickups:
        return {}
    prefetch_related_objects(pickups, "stores")
    everywhere = list(Store.objects.filter(is_active=True, country=country))
    found = {}
    for method in pickups:
        own = {store.pk for store in method.stores.all()}
        found[method.pk] = [store for store in everywhere if not own or store.pk in own]
    return found


def with_stores(option: Option, stores: Mapping[UUID, list[Store]]) -> Option:
    """The option; a pick-up without a store does not serve."""
    if option.reason or option.method.kind != Kind.PICKUP or stores.get(option.method.pk):
        return option
    return Option(option.method, None, "no_store")


def check_choice(option: Option | None, store: Store | None) -> None:
    """Refuse a choice of method and store that cannot be carried out.

    Raises ShippingUnavailable with its reason, or Invalid: a pick-up names no store, another method names one.
    """
    if option is None:
        raise ShippingUnavailable("unknown_method")
    if option.reason:
        raise ShippingUnavailable(option.reason)
    if option.method.kind != Kind.PICKUP:
        if store is not None:
            raise Invalid.field("/pickup_store", "invalid", "Only a pick-up method has a store.")
        return
    if store is None:
        raise Invalid.field("/pickup_store", "required", "Say in which store the order will be collected.")
    own = {each.pk for each in option.method.stores.all()}
    if not store.is_active or (own and store.pk not in own):
        raise ShippingUnavailable("no_store")


def store_of(slug: str) -> Store:
    """The open store of this slug. Raises Invalid (does_not_exist)."""
    store = Store.objects.filter(slug=slug, is_active=True).first()
    if store is None:
        raise Invalid.field("/pickup_store", "does_not_exist", "There is no such store.")
    return store
