"""Where a parcel can be followed, for carriers whose address is known."""

from typing import Final
from urllib.parse import quote

TEMPLATES: Final = {
    "ups": "https://www.ups.com/track?tracknum={number}",
    "usps": "https://tools.usps.com/go/TrackConfirmAction?tLabels={number}",
    "fedex": "https://www.fedex.com/fedextrack/?trknbr={number}",
    "dhl": "https://www.dhl.com/en/express/tracking.html?AWB={number}",
    "deutsche post": "https://www.deutschepost.de/sendung/simpleQueryResult.html?form.sendungsnummer={number}",
    "dpd": "https://tracking.dpd.de/status/en_US/parcel/{number}",
    "gls": "https://gls-group.com/track/{number}",
    "hermes": "https://www.myhermes.de/empfangen/sendungsverfolgung/?su={number}",
    "royal mail": "https://www.royalmail.com/track-your-item#/tracking-results/{number}",
    "la poste": "https://www.laposte.fr/outils/suivre-vos-envois?code={number}",
    "postnl": "https://postnl.nl/tracktrace/?B={number}",
    "canada post": "https://www.canadapost-postescanada.ca/track-reperage/en#/search?searchFor={number}",
    "australia post": "https://auspost.com.au/mypost/track/#/details/{number}",
}


def tracking_url(carrier: str, tracking_number: str) -> str:
    """The carrier's page of a parcel; empty for an unknown carrier or no number. Case and spacing do not matter."""
    template = TEMPLATES.get(" ".join(carrier.lower().replace("-", " ").split()))
    if template is None or not tracking_number:
        return ""
    return template.format(number=quote(tracking_number, safe=""))
