"""Does the stock add up? Four proofs, one statement each, whatever the size of the shop; each break is named.

Each statement compares within its own snapshot, so orders placed meanwhile are no breaks.
"""

from dataclasses import asdict, dataclass
from typing import Any, Final

from django.db import connection, transaction

# A long ledger takes longer than a request may.
STATEMENT_SECONDS: Final = 240


@dataclass(frozen=True, slots=True)
class Break:
    """Something that does not add up: which rule, where, what it should be and what it is."""

    rule: str
    where: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.where}: expected {self.expected}, found {self.found}"

    def as_json(self) -> dict[str, str]:
        return asdict(self)


ON_HAND = """
SELECT warehouse.code || '/' || variant.sku, coalesce(ledger.units, 0), level.on_hand
FROM products_stocklevel level
LEFT JOIN (SELECT level_id, sum(quantity) AS units FROM products_stockmovement GROUP BY level_id) ledger
    ON ledger.level_id = level.id
JOIN products_productvariant variant ON variant.id = level.variant_id
JOIN products_warehouse warehouse ON warehouse.id = level.warehouse_id
WHERE level.on_hand <> coalesce(ledger.units, 0)
ORDER BY 1
"""
# In order of time, each movement begins where the one before it ended. Where that fails, servers' clocks may differ:
# then the movements still make one chain in some order, that is, each quantity is entered as often as it is left (but
# for the first and the last) and every movement can be reached from zero. Else the ledger is broken.
CHAIN = """
WITH RECURSIVE steps AS (
    SELECT id, level_id, created_at, quantity, on_hand_after - quantity AS before, on_hand_after AS after,
        lag(on_hand_after, 1, 0) OVER (PARTITION BY level_id ORDER BY created_at, id) AS previous
    FROM products_stockmovement
), doubtful AS (
    SELECT steps.* FROM steps
    WHERE level_id IN (SELECT level_id FROM steps WHERE previous <> before)
), reached AS (
    SELECT DISTINCT level_id, 0 AS units FROM doubtful
    UNION
    SELECT doubtful.level_id, doubtful.after FROM reached
    JOIN doubtful ON doubtful.level_id = reached.level_id AND doubtful.before = reached.units
), ends AS (
    SELECT level_id, after AS units, 1 AS side FROM doubtful
    UNION ALL SELECT level_id, before, -1 FROM doubtful
    UNION ALL SELECT DISTINCT level_id, 0, 1 FROM doubtful
    UNION ALL SELECT level_id, sum(quantity)::int, -1 FROM doubtful GROUP BY level_id
), broken AS (
    SELECT level_id FROM ends GROUP BY level_id, units HAVING sum(side) <> 0
    UNION
    SELECT level_id FROM doubtful WHERE (level_id, before) NOT IN (SELECT level_id, units FROM reached)
), firsts AS (
    SELECT DISTINCT ON (level_id) id, level_id, previous + quantity AS expected, after AS found
    FROM doubtful JOIN broken USING (level_id)
    WHERE previous <> before
    ORDER BY level_id, created_at, id
)
SELECT warehouse.code || '/' || variant.sku || ', movement ' || firsts.id, firsts.expected, firsts.found
FROM firsts
JOIN products_stocklevel level ON level.id = firsts.level_id
JOIN products_productvariant variant ON variant.id = level.variant_id
JOIN products_warehouse warehouse ON warehouse.id = level.warehouse_id
ORDER BY 1
"""
RESERVED = """
SELECT warehouse.code || '/' || variant.sku, coalesce(held.units, 0), level.reserved
FROM products_stocklevel level
LEFT JOIN (
    SELECT level_id, sum(quantity) AS units FROM products_stockreservation WHERE status = 'held' GROUP BY level_id
) held ON held.level_id = level.id
JOIN products_productvariant variant ON variant.id = level.variant_id
JOIN products_warehouse warehouse ON warehouse.id = level.warehouse_id
WHERE level.reserved <> coalesce(held.units, 0)
ORDER BY 1
"""
# What left the source and has neither arrived nor come back is exactly what is in transit.
TRANSIT = """
WITH moved AS (
    SELECT movement.reference, level.variant_id, -sum(movement.quantity) AS units
    FROM products_stockmovement movement JOIN products_stocklevel level ON level.id = movement.level_id
    WHERE movement.kind IN ('transfer_out', 'transfer_in') AND movement.reference IS NOT NULL
    GROUP BY movement.reference, level.variant_id
)
SELECT 'transfer ' || transfer.id || ', ' || variant.sku,
    CASE WHEN transfer.status = 'in_transit' THEN line.quantity ELSE 0 END,
    coalesce(moved.units, 0)
FROM products_stocktransferline line
JOIN products_stocktransfer transfer ON transfer.id = line.transfer_id
JOIN products_productvariant variant ON variant.id = line.variant_id
LEFT JOIN moved ON moved.reference = transfer.id AND moved.variant_id = line.variant_id
WHERE coalesce(moved.units, 0) <> CASE WHEN transfer.status = 'in_transit' THEN line.quantity ELSE 0 END
ORDER BY 1
"""
RULES: Final = {
    "on_hand_is_the_sum_of_its_movements": ON_HAND,
    "each_movement_continues_the_one_before": CHAIN,
    "reserved_is_the_sum_of_held_reservations": RESERVED,
    "in_transit_is_what_left_and_has_not_arrived": TRANSIT,
}


@transaction.atomic(savepoint=False)
def breaks() -> list[Break]:
    """Everything in the stock that does not add up; empty for a sound shop."""
    return found_by(RULES)


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def found_by(rules: dict[str, str]) -> list[Break]:
    """The breaks that statements find; each statement answers rows of (where, expected, found)."""
    found: list[Break] = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{STATEMENT_SECONDS}s"])
        for rule, statement in rules.items():
            cursor.execute(statement)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            found += [Break(rule, where, str(expected), str(is_)) for where, expected, is_ in rows]
    return found
