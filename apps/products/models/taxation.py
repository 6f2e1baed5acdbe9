"""Kinds of goods that the law taxes apart."""

from typing import ClassVar, Final

from django.db import models
from django.db.models import Q

from apps.common.models import BaseModel

STANDARD: Final = "standard"


class TaxCategory(BaseModel):
    """A kind of goods with rates of its own, such as books. `standard` always exists, with or without a row."""

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)

    class Meta:
        ordering: ClassVar = ["code"]
        verbose_name_plural = "tax categories"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(code__regex=r"^[a-z0-9]+(-[a-z0-9]+)*$"), name="tax_category_code_plain")
        ]

    def __str__(self) -> str:
        return self.name
