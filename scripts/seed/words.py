"""The words of bulk products' names; pure, so that a load client can ask for them without loading Django."""

import random

QUALITIES = ("Classic", "Compact", "Soft", "Sturdy", "Light", "Warm", "Quiet", "Wide", "Slim", "Plain")
MATERIALS = ("Cotton", "Steel", "Oak", "Linen", "Glass", "Wool", "Leather", "Cork", "Bamboo", "Ceramic", "Brass")
# One kind of thing per category.
KINDS = {
    "backpacks": "Backpack",
    "boots": "Boot",
    "bottles": "Bottle",
    "chairs": "Chair",
    "jackets": "Jacket",
    "knives": "Knife",
    "lamps": "Lamp",
    "mugs": "Mug",
    "notebooks": "Notebook",
    "pens": "Pen",
    "speakers": "Speaker",
    "tents": "Tent",
}
SYLLABLES = ("ba", "dor", "fen", "gal", "hu", "kis", "lor", "mi", "nar", "pel", "qui", "ros", "sun", "tal", "ver", "zo")


def coin(number: int, salt: str) -> str:
    """A made-up name of three syllables; equal numbers give equal names."""
    rng = random.Random(f"{salt}{number}")
    return "".join(rng.choice(SYLLABLES) for _ in range(3)).capitalize()
