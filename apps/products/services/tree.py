"""The category tree as shoppers see it, read whole: one statement per catalogue version, none while it is cached."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce

from apps.products.models import Category, Product


@dataclass(slots=True)
class Node:
    """A category; `own_products` are the active ones directly in it."""

    id: UUID
    slug: str
    name: str
    description: str
    parent_id: UUID | None
    own_products: int = 0
    children: list["Node"] = field(default_factory=list)

    def subtree(self) -> Iterator["Node"]:
        """This node and all below it."""
        yield self
        for child in self.children:
            yield from child.subtree()

    @property
    def product_count(self) -> int:
        return sum(node.own_products for node in self.subtree())


@dataclass(slots=True)
class Tree:
    """Active categories whose ancestors are all active, in the shop's order."""

    roots: list[Node]
    by_slug: dict[str, Node]
    by_id: dict[UUID, Node]

    def ancestors(self, node: Node) -> list[Node]:
        """From the root down to the node's parent."""
        found: list[Node] = []
        while node.parent_id is not None and node.parent_id in self.by_id:
            node = self.by_id[node.parent_id]
            found.append(node)
        return found[::-1]


def load(version: int) -> Tree:
    """The tree of a catalogue version."""
    key = f"category-tree:{version}"
    tree: Tree | None = cache.get(key)
    if tree is None:
        tree = _read()
        cache.set(key, tree, settings.CATALOGUE_CACHE_SECONDS)
    return tree


def lineages() -> dict[UUID, frozenset[UUID]]:
    """Every category with itself and its ancestors, hidden ones included; one statement."""
    parents = dict(Category.objects.order_by().values_list("id", "parent_id"))
    found: dict[UUID, frozenset[UUID]] = {}
    for category in parents:
        line, above = {category}, parents[category]
        while above is not None and above not in line:
            line.add(above)
            above = parents[above]
        found[category] = frozenset(line)
    return found


def _read() -> Tree:
    # Counted per category inside the list's index: a join would read the whole catalogue.
    shown = Product.objects.filter(category=OuterRef("pk"), status=Product.Status.ACTIVE).order_by().values("category")
    own = Coalesce(Subquery(shown.annotate(units=Count("pk")).values("units")), 0)
    rows = Category.objects.filter(is_active=True).annotate(own=own).order_by("position", "name")
    children: dict[UUID | None, list[Node]] = defaultdict(list)
    for row in rows.values_list("id", "slug", "name", "description", "parent_id", "own"):
        children[row[4]].append(Node(*row))
    tree = Tree(roots=children[None], by_slug={}, by_id={})
    todo = list(tree.roots)
    while todo:
        node = todo.pop()
        node.children = children[node.id]
        tree.by_slug[node.slug] = tree.by_id[node.id] = node
        todo.extend(node.children)
    return tree
