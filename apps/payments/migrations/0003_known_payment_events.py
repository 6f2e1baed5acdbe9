"""Facts of the payments and refunds that were made before facts were kept."""

from django.db import migrations

_CAPTURES = """
INSERT INTO payments_paymentevent (id, payment_id, provider, provider_reference, kind, amount, occurred_at, created_at)
SELECT gen_random_uuid(), id, provider, provider_reference, kind, captured, captured_at, now()
FROM payments_payment CROSS JOIN (VALUES ('authorised'), ('captured')) kinds (kind)
WHERE captured > 0 AND provider_reference <> ''
"""
_REFUNDS = """
INSERT INTO payments_paymentevent (id, payment_id, provider, provider_reference, kind, amount, occurred_at, created_at)
SELECT gen_random_uuid(), payment.id, payment.provider, refund.provider_reference, 'refunded', refund.amount,
    coalesce(refund.succeeded_at, refund.updated_at), now()
FROM payments_refund refund JOIN payments_payment payment ON payment.id = refund.payment_id
WHERE refund.status = 'succeeded' AND refund.provider_reference <> ''
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0002_payment_events")]

    operations = [
        migrations.RunSQL(_CAPTURES, reverse_sql=migrations.RunSQL.noop),
        migrations.RunSQL(_REFUNDS, reverse_sql=migrations.RunSQL.noop),
    ]
