"""What products does when events have committed, and its kinds of background job."""

from typing import cast
from uuid import UUID

from apps.common import jobs
from apps.common.events import on
from apps.common.models import Event
from apps.products.services import stock_alerts, stock_import


@on("stock.low", "stock.out", "stock.back")
def note_crossing(event: Event) -> None:
    """Each crossing of a level becomes an alert that staff see, and a line of the next digest."""
    stock_alerts.note(
        level_id=cast(UUID, event.target_id),
        kind=event.type.removeprefix("stock."),
        available=event.data["available"],
        crossed_at=event.created_at,
    )


@jobs.runner(stock_import.KIND)
def import_stock(run: jobs.Run) -> jobs.Result:
    """Adjust stock by the rows of a file."""
    return stock_import.run(run)
