from django.db import migrations


class Migration(migrations.Migration):
    """The history of variants that are older than it begins with the price they have."""

    dependencies = [("products", "0006_exchange_rates_and_price_lists")]

    operations = [
        migrations.RunSQL(
            "INSERT INTO products_pricehistory (variant_id, minimum_quantity, amount, compare_at, currency, since)"
            " SELECT id, 1, price, compare_at_price, currency, created_at FROM products_productvariant",
            migrations.RunSQL.noop,
        )
    ]
