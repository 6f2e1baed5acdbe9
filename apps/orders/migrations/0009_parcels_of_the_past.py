"""Parcels made before they had lines held all of their order."""

from django.db import migrations

FORWARD = """
UPDATE orders_shipment SET status = CASE WHEN delivered_at IS NULL THEN 'shipped' ELSE 'delivered' END;
WITH first AS (SELECT DISTINCT ON (order_id) id, order_id FROM orders_shipment ORDER BY order_id, id)
INSERT INTO orders_shipmentline (id, shipment_id, item_id, quantity)
SELECT gen_random_uuid(), first.id, item.id, item.quantity
FROM first JOIN orders_orderitem item ON item.order_id = first.order_id;
UPDATE orders_orderitem item SET shipped_quantity = line.quantity
FROM orders_shipmentline line WHERE line.item_id = item.id;
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0008_parcels_and_their_lines")]

    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
