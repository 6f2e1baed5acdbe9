"""Who is there: staff, two customers to sign in as, and people who have bought and reviewed something."""

from dataclasses import dataclass

from django.contrib.auth.models import Group, Permission
from django.utils import timezone

from apps.users.models import Address, User
from apps.users.services.addresses import validate_address

ADMIN, STAFF, ALICE, BOB = "admin@example.com", "staff@example.com", "alice@example.com", "bob@example.com"
# Offers with their codes and dry runs (which show totals of orders), and the catalogue they are for.
MARKETING = (
    *(f"cart.{verb}_{model}" for verb in ("view", "add", "change") for model in ("promotion", "coupon", "couponbatch")),
    "cart.view_promotiontier",
    "cart.add_promotiontier",
    "cart.change_promotiontier",
    "cart.delete_promotiontier",
    "cart.delete_promotion",
    "cart.view_promotionuse",
    "orders.view_order",
    "products.view_category",
    "products.view_product",
    "products.view_productvariant",
    "products.view_pricelist",
    "products.view_price",
)
ORDER_DESK = (
    "cart.view_promotion",
    "cart.view_coupon",
    "cart.view_promotionuse",
    "orders.view_order",
    "orders.change_order",
    "orders.view_orderitem",
    "orders.view_orderstatushistory",
    "orders.view_shipment",
    "orders.view_return",
    "orders.add_return",
    "orders.change_return",
    "orders.view_returnline",
    "orders.view_returnphoto",
    "orders.view_returnhistory",
    "payments.view_payment",
    "payments.view_storecreditaccount",
    "payments.view_storecreditentry",
    "payments.change_storecreditaccount",
    "payments.view_refund",
    "payments.add_refund",
    "payments.change_payment",
    "payments.view_dispute",
    "payments.change_dispute",
    "payments.view_webhookevent",
    "payments.change_webhookevent",
    "products.view_category",
    "products.view_product",
    "products.view_productvariant",
    "products.view_warehouse",
    "products.view_stocklevel",
    "products.view_stockmovement",
    "products.view_stocktransfer",
    "products.view_stockcount",
    "products.view_stockalert",
    "products.change_stockalert",
    "users.view_user",
    "users.view_address",
    "notifications.view_notification",
)


@dataclass(frozen=True, slots=True)
class Place:
    """The part of an address that is not a name."""

    line1: str
    city: str
    region: str
    postal_code: str
    country: str
    phone: str


NEW_YORK = Place("350 Fifth Avenue", "New York", "NY", "10118", "US", "+12125550123")
BROOKLYN = Place("214 Atlantic Avenue", "Brooklyn", "NY", "11201", "US", "+17185550142")
OAKLAND = Place("1904 Franklin Street", "Oakland", "CA", "94612", "US", "+15105550117")
AUSTIN = Place("500 Congress Avenue", "Austin", "TX", "78701", "US", "+15125550186")
SEATTLE = Place("1912 Pike Place", "Seattle", "WA", "98101", "US", "+12065550164")
BERLIN = Place("Kastanienallee 12", "Berlin", "", "10435", "DE", "+493012345678")
HAMBURG = Place("Lange Reihe 40", "Hamburg", "", "20099", "DE", "+494012345678")
MUNICH = Place("Sendlinger Straße 8", "München", "", "80331", "DE", "+498912345678")
LYON = Place("18 Rue Mercière", "Lyon", "", "69002", "FR", "+33412345678")
LONDON = Place("22 Lamb's Conduit Street", "London", "", "WC1N 3LE", "GB", "+442079460123")

# E-mail, password, first and last name, where they live. Without a password nobody can sign in.
PEOPLE: tuple[tuple[str, str | None, str, str, tuple[Place, ...]], ...] = (
    (ADMIN, "Admin@123", "Ada", "Winter", ()),
    (STAFF, "Staff@123", "Sam", "Porter", ()),
    (ALICE, "Alice@123", "Alice", "Doe", (NEW_YORK, BERLIN)),
    (BOB, "Bob@123", "Bob", "Weber", (HAMBURG, OAKLAND)),
    ("carla.reyes@example.com", None, "Carla", "Reyes", (AUSTIN,)),
    ("daniel.kim@example.com", None, "Daniel", "Kim", (SEATTLE,)),
    ("emma.fischer@example.com", None, "Emma", "Fischer", (MUNICH,)),
    ("farid.haddad@example.com", None, "Farid", "Haddad", (LYON,)),
    ("grace.osei@example.com", None, "Grace", "Osei", (LONDON,)),
    ("henrik.lund@example.com", None, "Henrik", "Lund", (HAMBURG,)),
    ("iris.bianchi@example.com", None, "Iris", "Bianchi", (LYON,)),
    ("jonas.becker@example.com", None, "Jonas", "Becker", (BERLIN,)),
    ("kate.miller@example.com", None, "Kate", "Miller", (BROOKLYN,)),
    ("liam.walsh@example.com", None, "Liam", "Walsh", (LONDON,)),
    ("mina.sato@example.com", None, "Mina", "Sato", (OAKLAND,)),
    ("noah.green@example.com", None, "Noah", "Green", (AUSTIN,)),
    ("olga.novak@example.com", None, "Olga", "Novak", (BERLIN,)),
    ("paul.martin@example.com", None, "Paul", "Martin", (LYON,)),
    ("quinn.baker@example.com", None, "Quinn", "Baker", (SEATTLE,)),
    ("rosa.silva@example.com", None, "Rosa", "Silva", (BROOKLYN,)),
    ("sofia.lang@example.com", None, "Sofia", "Lang", (MUNICH,)),
    ("theo.clark@example.com", None, "Theo", "Clark", (OAKLAND,)),
)


def address(place: Place, first_name: str, last_name: str) -> dict[str, str]:
    """A validated address of somebody at a place."""
    fields = {name: getattr(place, name) for name in Place.__slots__}
    return validate_address({**fields, "first_name": first_name, "last_name": last_name})


def seed_accounts() -> dict[str, User]:
    """All accounts by e-mail. The demo passwords are set (again); other people's fields stay as they are."""
    users = {}
    for email, password, first_name, last_name, places in PEOPLE:
        user = User.objects.filter(email=email).first() or User.objects.create_user(
            email, password, first_name=first_name, last_name=last_name, email_verified_at=timezone.now()
        )
        if password and not user.check_password(password):
            user.set_password(password)
            user.save()
        if not user.addresses.exists():
            _give_addresses(user, places)
        users[email] = user
    _empower(users)
    return users


def _give_addresses(user: User, places: tuple[Place, ...]) -> None:
    for number, place in enumerate(places):
        first = number == 0
        Address.objects.create(
            user=user,
            **address(place, user.first_name, user.last_name),
            is_default_shipping=first,
            is_default_billing=first,
        )


def _empower(users: dict[str, User]) -> None:
    """The admin may do everything; the order desk sees what it needs and moves orders; marketing makes offers."""
    User.objects.filter(email=ADMIN).update(is_staff=True, is_superuser=True)
    User.objects.filter(email=STAFF).update(is_staff=True)
    desk, _ = Group.objects.get_or_create(name="Order desk")
    found = {
        f"{each.content_type.app_label}.{each.codename}": each
        for each in Permission.objects.select_related("content_type")
    }
    desk.permissions.set([found[name] for name in ORDER_DESK])
    users[STAFF].groups.add(desk)
    marketing, _ = Group.objects.get_or_create(name="Marketing")
    marketing.permissions.set([found[name] for name in MARKETING])
