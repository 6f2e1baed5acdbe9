"""Random histories of stock: after every step the ledger sums to the level and every promise is covered."""

import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from apps.common.errors import Conflict
from apps.products.models import ProductVariant, StockLevel, StockMovement, StockReservation
from apps.products.models.stock import available_of_level
from apps.products.services import stock
from apps.products.services.stock_changes import NegativeStock
from tests.factories import VariantFactory, WarehouseFactory, receive

units = st.integers(1, 6)


class StockHistory(RuleBasedStateMachine):
    """Two variants in three warehouses, one of them with safety stock, one selling ahead."""

    holds = Bundle("holds")

    def __init__(self) -> None:
        super().__init__()
        self.before = transaction.savepoint()
        self.variants: list[ProductVariant] = []

    @initialize()
    def open_the_shop(self) -> None:
        self.variants = [VariantFactory(), VariantFactory()]
        places = [WarehouseFactory(code=f"w{n}", name=f"W{n}", priority=n) for n in range(3)]
        self.levels = [receive(variant, 5, warehouse=place) for variant in self.variants for place in places]
        StockLevel.objects.filter(pk=self.levels[0].pk).update(safety_stock=2)
        StockLevel.objects.filter(pk=self.levels[1].pk).update(backorder_limit=3)

    def teardown(self) -> None:
        transaction.savepoint_rollback(self.before)

    @rule(which=st.integers(0, 5), delta=st.integers(-4, 6))
    def adjust(self, which: int, delta: int) -> None:
        level = StockLevel.objects.get(pk=self.levels[which].pk)
        allowed = level.on_hand + delta + level.backorder_limit >= level.reserved
        try:
            stock.adjust(level_id=level.pk, delta=delta, reason="count")
        except NegativeStock:
            assert not allowed
        else:
            assert allowed

    @rule(which=st.integers(0, 1), place=st.integers(0, 2), quantity=units)
    def receive(self, which: int, place: int, quantity: int) -> None:
        warehouse = self.levels[place].warehouse
        before = StockLevel.objects.get(variant=self.variants[which], warehouse=warehouse)
        level = stock.receive(variant_id=self.variants[which].pk, warehouse_id=warehouse.pk, quantity=quantity)
        assert level.on_hand == before.on_hand + quantity
        assert StockMovement.objects.filter(level=level, kind="receive", quantity=quantity).exists()

    @rule(target=holds, first=units, second=units, minutes=st.sampled_from([-5, 10]))
    def reserve(self, first: int, second: int, minutes: int) -> uuid.UUID:
        wanted = dict(zip([each.pk for each in self.variants], (first, second), strict=True))
        left = stock.availability(wanted)
        reference = uuid.uuid4()
        try:
            with transaction.atomic():
                stock.reserve(
                    reference=reference,
                    lines=[stock.StockLine(variant, n) for variant, n in wanted.items()],
                    expires_at=timezone.now() + timedelta(minutes=minutes),
                )
        except stock.InsufficientStock:
            assert any(left[variant] < n for variant, n in wanted.items())
        else:
            assert all(left[variant] >= n for variant, n in wanted.items())
        return reference

    @rule(reference=holds, late=st.booleans())
    def commit(self, reference: uuid.UUID, late: bool) -> None:
        self._attempt(lambda: stock.commit(reference=reference, late=late))

    @rule(reference=holds)
    def extend(self, reference: uuid.UUID) -> None:
        later = timezone.now() + timedelta(minutes=20)
        self._attempt(lambda: stock.extend(reference=reference, expires_at=later))

    @rule(reference=consumes(holds), sold=st.booleans())
    def give_back(self, reference: uuid.UUID, sold: bool) -> None:
        stock.release(reference=reference)
        if sold:
            stock.restock(reference=reference)

    @rule(old=consumes(holds), quantity=units)
    def replace(self, old: uuid.UUID, quantity: int) -> None:
        lines = [stock.StockLine(self.variants[0].pk, quantity)]
        soon = timezone.now() + timedelta(minutes=10)
        self._attempt(lambda: stock.reserve(reference=uuid.uuid4(), lines=lines, expires_at=soon, replaces=[old]))

    @rule()
    def sweep(self) -> None:
        StockReservation.objects.update(purpose="external")
        stock.release_expired()

    @staticmethod
    def _attempt(step: Callable[[], object]) -> None:
        with suppress(Conflict), transaction.atomic():
            step()

    @invariant()
    def everything_adds_up(self) -> None:
        for level in StockLevel.objects.all():
            moved = StockMovement.objects.filter(level=level).aggregate(sum=Sum("quantity"))["sum"] or 0
            held = (
                StockReservation.objects.filter(level=level, status="held").aggregate(sum=Sum("quantity"))["sum"] or 0
            )
            assert (level.on_hand, level.reserved) == (moved, held)
            assert 0 <= level.reserved <= level.on_hand + level.backorder_limit
        self.ledgers_are_chains()
        self.shoppers_and_staff_see_the_same()

    def ledgers_are_chains(self) -> None:
        """Each movement begins where another ended."""
        for level in StockLevel.objects.all():
            balance = 0
            for movement in StockMovement.objects.filter(level=level).order_by("id"):
                balance += movement.quantity
                assert movement.on_hand_after == balance

    def shoppers_and_staff_see_the_same(self) -> None:
        told = stock.availability([each.pk for each in self.variants])
        for variant in self.variants:
            levels = list(StockLevel.objects.to_show().filter(variant=variant).annotate(left=available_of_level()))
            assert [level.available for level in levels] == [level.left for level in levels]
            assert told[variant.pk] == sum(level.left for level in levels) >= 0


@pytest.mark.django_db
def test_whatever_happens_to_stock_it_adds_up():
    histories = settings(
        max_examples=12, stateful_step_count=16, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(StockHistory, settings=histories)
