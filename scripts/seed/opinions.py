"""What people say of the goods and what they wish for."""

import random
from datetime import datetime, timedelta

from apps.products.models import Product, ProductVariant, Purchase, Review, Wishlist, WishlistItem
from apps.users.models import User
from scripts.seed.clock import at

PER_PRODUCT = (1, 5)
PENDING_EVERY = 13
# Title, then a first and a second sentence to choose from, per number of stars.
TITLES: dict[int, tuple[str, ...]] = {
    5: ("Exactly right", "Better than expected", "Would buy again", "A joy every day", "Worth every cent", "Perfect"),
    4: ("Very good, one small thing", "Happy with it", "Solid", "Nearly perfect", "Good value"),
    3: ("Does its job", "Good, but", "Mixed feelings", "Average"),
    2: ("Expected more", "Not for me", "Had to send it back"),
    1: ("Disappointed", "Broke after a week"),
}
OPENINGS: dict[int, tuple[str, ...]] = {
    5: (
        "I compared five of them for a month and this is the one I kept.",
        "A present for my sister, and now I need one, too.",
        "It looks even better than in the pictures.",
        "In daily use for three months without a single complaint.",
        "You notice that somebody thought about every detail.",
    ),
    4: (
        "Well made and pleasant to use.",
        "It came two days early and well packed.",
        "Almost everything about it is as I hoped.",
        "The quality is clearly above the price.",
    ),
    3: (
        "It is all right for the money.",
        "The idea is good, the finish could be better.",
        "It took me a while to get used to it.",
    ),
    2: ("The colour is not the one in the picture.", "It feels lighter than I thought, and not in a good way."),
    1: ("It worked for six days.", "Mine came with a scratch across the front."),
}
CLOSINGS: dict[int, tuple[str, ...]] = {
    5: (
        "Highly recommended.",
        "My second one from this shop, certainly not my last.",
        "Everybody who visits asks where I got it.",
        "Delivery was quick, and the box had no plastic in it.",
    ),
    4: (
        "I take off one star because the instructions are tiny.",
        "Only the box could be smaller.",
        "A bag to keep it in would have been nice.",
    ),
    3: ("For guests it will do.", "I may give it another try in winter.", "Customer service was friendly, at least."),
    2: ("It went back, and the refund came within a week.", "My neighbour likes hers, so perhaps I was unlucky."),
    1: (
        "The replacement is on its way, we shall see.",
        "Customer service took it back without fuss, I give them that.",
    ),
}
_STARS = (5,) * 11 + (4,) * 7 + (3,) * 3 + (2,) * 2 + (1,)


def seed_reviews(users: list[User], *, now: datetime) -> None:
    """One to five per active product, oldest first; every 13th still waits for staff."""
    rng = random.Random("reviews")
    bought = set(Purchase.objects.values_list("user_id", "product_id"))
    planned = []
    for product in Product.objects.filter(status=Product.Status.ACTIVE).order_by("slug"):
        buyers = [user for user in users if (user.pk, product.pk) in bought]
        others = [user for user in users if user not in buyers]
        count = rng.randint(*PER_PRODUCT)
        authors = rng.sample(buyers, min(len(buyers), count))
        authors += rng.sample(others, count - len(authors))
        for author in authors:
            verified = author in buyers
            planned.append((rng.uniform(0.5, 4 if verified else 55), product, author, verified, rng.choice(_STARS)))
    planned.sort(key=lambda each: -each[0])
    for number, (days, product, author, verified, stars) in enumerate(planned, start=1):
        waiting = number % PENDING_EVERY == 0
        with at(now - timedelta(days=days)):
            Review.objects.create(
                product=product,
                user=author,
                rating=stars,
                title=rng.choice(TITLES[stars]),
                body=f"{rng.choice(OPENINGS[stars])} {rng.choice(CLOSINGS[stars])}",
                status=Review.Status.PENDING if waiting else Review.Status.APPROVED,
                is_verified_purchase=verified,
            )


def seed_wishlists(users: list[User]) -> None:
    """A default wishlist of five products each, some of them remembered at a higher price."""
    rng = random.Random("wishlists")
    products = list(Product.objects.filter(status=Product.Status.ACTIVE).order_by("slug"))
    for user in users:
        wishlist, _ = Wishlist.objects.get_or_create(user=user, is_default=True)
        for product in rng.sample(products, 5):
            variant = ProductVariant.objects.filter(product=product).order_by("price", "position")[0]
            WishlistItem.objects.create(
                wishlist=wishlist, product=product, price_when_added=variant.compare_at_price or variant.price
            )
