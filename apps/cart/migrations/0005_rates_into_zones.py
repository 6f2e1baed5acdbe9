"""Tax rates and shipping methods of countries become those of zones. Backwards it does nothing."""

from django.db import migrations


def into_zones(apps, schema_editor):
    TaxRate, TaxZone = apps.get_model("cart", "TaxRate"), apps.get_model("cart", "TaxZone")
    TaxCategory = apps.get_model("products", "TaxCategory")
    standard, _ = TaxCategory.objects.get_or_create(code="standard", defaults={"name": "Standard"})
    for rate in TaxRate.objects.filter(zone=None):
        place = "-".join(filter(None, (rate.country, rate.region)))
        code = "".join(each if each.isascii() and each.isalnum() else "-" for each in place.lower())[:60]
        if TaxZone.objects.filter(code=code).exists():
            code = str(rate.pk)
        rate.zone = TaxZone.objects.create(code=code, name=place[:80], country=rate.country, region=rate.region)
        rate.category, rate.jurisdiction = standard, place[:60]
        rate.save()
    ShippingMethod = apps.get_model("cart", "ShippingMethod")
    ShippingZone = apps.get_model("cart", "ShippingZone")
    zones = {}
    for method in ShippingMethod.objects.exclude(countries=[]):
        countries = tuple(sorted(method.countries))
        if countries not in zones:
            name = ", ".join(countries)
            zones[countries] = ShippingZone.objects.create(
                code=f"zone-{len(zones) + 1}", name=name[:80], countries=list(countries)
            )
        method.zone = zones[countries]
        method.save()


class Migration(migrations.Migration):
    dependencies = [("cart", "0004_tax_zones_and_tariffs"), ("products", "0004_tax_categories")]

    operations = [migrations.RunPython(into_zones, migrations.RunPython.noop, elidable=True)]
