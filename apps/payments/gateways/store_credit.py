"""Store credit as a provider: the shop itself, without a network. Balances are booked by services/credit_ledger.py."""

from apps.payments.gateways.manual import ManualGateway
from apps.payments.models import Payment


class StoreCreditGateway(ManualGateway):
    """See `Gateway`. A payment is made whole when it is begun; a refund is booked where it is concluded."""

    provider = Payment.Provider.STORE_CREDIT
    prefix = "credit"
