"""Places where people can shop or pick up."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.common.models import BaseModel


class Store(BaseModel):
    """A shop of ours with its address, position and opening hours."""

    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    line1 = models.CharField(max_length=200)
    city = models.CharField(max_length=120)
    region = models.CharField(max_length=120, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    country = models.CharField(max_length=2)
    phone = models.CharField(max_length=20, blank=True)
    latitude = models.DecimalField(max_digits=8, decimal_places=5)
    longitude = models.DecimalField(max_digits=8, decimal_places=5)
    timezone = models.CharField(max_length=40, default="UTC")
    hours = models.JSONField(default=dict, help_text='such as {"mon": [["09:00", "18:00"]], "sun": []}')
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(latitude__gte=-90, latitude__lte=90), name="latitude_on_earth"),
            models.CheckConstraint(condition=Q(longitude__gte=-180, longitude__lte=180), name="longitude_on_earth"),
        ]
        indexes: ClassVar = [models.Index(fields=["latitude", "longitude"], name="store_position")]

    def __str__(self) -> str:
        return self.name
