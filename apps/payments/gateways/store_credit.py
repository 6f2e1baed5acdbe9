"""Store credit, and the worth of returned goods, as providers: the shop itself, without a network."""

from apps.payments.gateways.manual import ManualGateway
from apps.payments.models import Payment


class StoreCreditGateway(ManualGateway):
    """See `Gateway`. A payment is made whole when it is begun; a refund is booked where it is concluded."""

    provider = Payment.Provider.STORE_CREDIT
    prefix = "credit"


class ExchangeGateway(ManualGateway):
    """What returned goods were worth pays for their replacement; back it goes to the way the goods were paid."""

    provider = Payment.Provider.EXCHANGE
    prefix = "exchange"
