"""Staff's changes of the category tree.

Writers take the whole tree in key order first: two moves at once could make a ring that neither of them sees.
"""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.common.errors import Conflict, Invalid, NotFound
from apps.common.events import Actor, record
from apps.products.models import Category, Product
from apps.products.services import listing
from apps.products.services.catalogue import accept
from apps.products.services.slugs import insert_with_slug, refuse_reserved, unique_keys


class CategoryNotEmpty(Conflict):
    code = "category_not_empty"
    detail = "The category still has products or children."


def category_id_of(slug: str) -> UUID:
    """The key of the category that has this slug. Raises NotFound."""
    found: UUID | None = Category.objects.filter(slug=slug).values_list("id", flat=True).first()
    if found is None:
        raise NotFound
    return found


@transaction.atomic
def create_category(
    *,
    actor: Actor | None,
    name: str,
    slug: str | None = None,
    parent: str | None = None,
    description: str = "",
    position: int = 0,
    is_active: bool = True,
) -> Category:
    """A new node below the category of the slug `parent`. Raises Invalid: taken or reserved slug, unknown parent."""
    tree = _locked_tree()
    category = Category(
        name=name,
        parent=_by_slug(tree, parent),
        description=description,
        position=position,
        is_active=is_active,
    )

    def insert(free_slug: str) -> None:
        category.slug = free_slug
        category.save(force_insert=True)

    insert_with_slug(slug=slug, name=name, kind="category", longest=140, insert=insert)
    record("category.created", target=category, actor=actor, data={"fields": ["name", "slug", "parent"]})
    listing.bump_version()
    return category


@transaction.atomic
def change_category(
    *,
    category_id: UUID,
    changes: Mapping[str, Any],
    actor: Actor | None,
    precondition: Callable[[Category], None] = accept,
) -> Category:
    """Change, rename or move (`parent`: a slug, None for the top). Raises NotFound, Invalid (`cycle` for a ring)."""
    tree = _locked_tree()
    category = _found(tree, category_id)
    precondition(category)
    wanted = dict(changes)
    if "parent" in wanted:
        wanted["parent"] = _by_slug(tree, wanted["parent"])
        _refuse_cycle(tree, category, wanted["parent"])
    fields = sorted(name for name, value in wanted.items() if getattr(category, name) != value)
    if not fields:
        return category
    if "slug" in fields:
        refuse_reserved(wanted["slug"])
    for name in fields:
        setattr(category, name, wanted[name])
    with unique_keys():
        category.save()
    record("category.changed", target=category, actor=actor, data={"fields": fields})
    _show(tree, category, words="name" in fields or "parent" in fields)
    return category


@transaction.atomic
def delete_category(
    *, category_id: UUID, actor: Actor | None, precondition: Callable[[Category], None] = accept
) -> None:
    """Remove an empty category. Raises NotFound, CategoryNotEmpty."""
    tree = _locked_tree()
    category = _found(tree, category_id)
    precondition(category)
    has_children = any(each.parent_id == category_id for each in tree.values())
    if has_children or Product.objects.filter(category_id=category_id).exists():
        raise CategoryNotEmpty
    record("category.deleted", target=category, actor=actor, data={"slug": category.slug})
    category.delete()
    listing.bump_version()


def _locked_tree() -> dict[UUID, Category]:
    rows = Category.objects.select_for_update(of=("self",), no_key=True).order_by("pk")
    return {category.pk: category for category in rows}


def _found(tree: Mapping[UUID, Category], category_id: UUID) -> Category:
    if category_id not in tree:
        raise NotFound
    return tree[category_id]


def _by_slug(tree: Mapping[UUID, Category], slug: str | None) -> Category | None:
    if slug is None:
        return None
    for category in tree.values():
        if category.slug == slug:
            return category
    raise Invalid.field("/parent", "does_not_exist", "There is no such category.")


def _refuse_cycle(tree: Mapping[UUID, Category], category: Category, parent: Category | None) -> None:
    above = parent
    while above is not None:
        if above.pk == category.pk:
            raise Invalid.field("/parent", "cycle", "A category cannot be below itself.")
        above = tree[above.parent_id] if above.parent_id is not None else None


def _show(tree: Mapping[UUID, Category], category: Category, *, words: bool) -> None:
    """Products are found by the names of their categories, so a new name or place concerns all below."""
    if not words:
        listing.bump_version()
        return
    below = {category.pk}
    grown = True
    while grown:
        found = {each.pk for each in tree.values() if each.parent_id in below} | below
        grown, below = len(found) > len(below), found
    product_ids = list(Product.objects.filter(category_id__in=below).values_list("id", flat=True))
    listing.refresh(product_ids)
    if not product_ids:
        listing.bump_version()
