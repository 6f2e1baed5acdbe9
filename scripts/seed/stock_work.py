"""What staff did with the stock lately: transfers in each state, two counts, a loss, two open alerts.

It happens to SKUs that nobody has ordered yet, so the ledger of each tells its story in the order of time.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef

from apps.common import events
from apps.common.models import EventDelivery
from apps.orders.models import OrderItem
from apps.products.models import StockAlert, StockLevel, StockTransfer, Warehouse
from apps.products.services import stock_adjustments, stock_alerts, stock_counts, stock_settings, stock_transfers
from apps.products.services.stock_adjustments import Wanted
from apps.products.services.stock_transfers import Arrival
from apps.users.models import User
from scripts.seed.clock import at

# Examples of the documents count on these.
LEFT_ALONE = ("OS-MUG-OAT", "TN-SKIFF-SLATE", "TN-VIS32-DESKSTAN")
PLENTY = 20
CROSSINGS = ("stock.low", "stock.out", "stock.back")


def seed_stock_work(actor: User, *, now: datetime) -> None:
    """Three weeks of work in the warehouses, unless there has been some already."""
    if StockTransfer.objects.exists():
        return
    first, second = Warehouse.objects.order_by("priority")[:2]
    ordered = Exists(OrderItem.objects.filter(variant=OuterRef("variant")))
    calm = StockLevel.objects.filter(~ordered, warehouse=first, on_hand__gte=PLENTY)
    skus = list(
        calm.exclude(variant__sku__in=LEFT_ALONE).order_by("variant__sku").values_list("variant__sku", flat=True)
    )
    _transfers(skus, first.code, second.code, actor, now)
    _counts(skus[4:10], first.code, actor, now)
    with at(now - timedelta(days=6)):
        wanted = Wanted(kind="damage", delta=-2, reason="Water damage, aisle 4")
        stock_adjustments.adjust(sku=skus[10], warehouse=first.code, wanted=wanted, actor=actor)
    ahead = {"backorder_limit": 12, "next_restock_on": (now + timedelta(days=14)).date()}
    for sku, settings in ((skus[11], {"safety_stock": 5, "low_stock_threshold": 15}), (skus[12], ahead)):
        stock_settings.change(sku=sku, changes=[{"warehouse": first.code, **settings}], actor=actor)
    _alerts(now)


def _transfers(skus: list[str], source: str, destination: str, actor: User, now: datetime) -> None:
    def send(lines: list[tuple[str, int]], days_ago: float, note: str, *, dispatched: bool = True) -> StockTransfer:
        with at(now - timedelta(days=days_ago)):
            return stock_transfers.create(
                source=source, destination=destination, lines=lines, note=note, dispatched=dispatched, actor=actor
            )

    arrived = send([(skus[0], 10), (skus[1], 8)], 20, "Refill for spring")
    with at(now - timedelta(days=15)):
        arrivals = {skus[1]: Arrival(7, "One box crushed")}
        stock_transfers.receive(transfer_id=arrived.pk, arrivals=arrivals, actor=actor)
    called_off = send([(skus[2], 5)], 12, "Wrong size")
    with at(now - timedelta(days=11)):
        stock_transfers.cancel(transfer_id=called_off.pk, actor=actor)
    send([(skus[2], 6), (skus[3], 4)], 2, "Refill for summer")
    send([(skus[0], 4)], 0.2, "Next truck", dispatched=False)


def _counts(skus: list[str], warehouse: str, actor: User, now: datetime) -> None:
    with at(now - timedelta(days=10)):
        done = stock_counts.open_count(warehouse=warehouse, skus=skus[:4], note="Aisle 2", actor=actor)
    with at(now - timedelta(days=9)):
        held = dict(
            StockLevel.objects.filter(warehouse__code=warehouse, variant__sku__in=skus).values_list(
                "variant__sku", "on_hand"
            )
        )
        counted = [(sku, held[sku] + found) for sku, found in zip(skus, (0, -1, 2, 0), strict=False)]
        stock_counts.set_counted(count_id=done.pk, counted=counted)
        stock_counts.apply(count_id=done.pk, actor=actor)
    with at(now - timedelta(hours=3)):
        open_one = stock_counts.open_count(warehouse=warehouse, skus=skus, note="Aisle 3", actor=actor)
        stock_counts.set_counted(count_id=open_one.pk, counted=[(skus[4], held[skus[4]])])


@transaction.atomic
def _alerts(now: datetime) -> None:
    """What ran low or out and waits for somebody; the demo mails nobody of it."""
    crossings = EventDelivery.objects.filter(status=EventDelivery.Status.PENDING, event__type__in=CROSSINGS)
    for delivery_id in list(crossings.order_by("event_id").values_list("pk", flat=True)):
        events.deliver(delivery_id)
    for sku, kind in (("TN-SKIFF-SLATE", "out"), ("TN-VIS32-DESKSTAN", "low")):
        level = StockLevel.objects.filter(variant__sku=sku).order_by("warehouse__priority").first()
        if level is not None and not level.alerts.filter(closed_at=None).exists():
            stock_alerts.note(
                level_id=level.pk, kind=kind, available=level.available, crossed_at=now - timedelta(days=1)
            )
    StockAlert.objects.filter(told_at=None).update(told_at=now)
