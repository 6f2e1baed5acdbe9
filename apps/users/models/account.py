"""People and the single-use tokens mailed to them."""

from contextlib import suppress
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from phonenumber_field.modelfields import PhoneNumberField

from apps.common.models import BaseModel, CurrencyField, default_currency


class UserManager(BaseUserManager["User"]):
    """Looks people up by e-mail whatever its case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create an account with its profile. Raises IntegrityError when the e-mail is taken."""
        # Not set_password(): a first password is no changed one, and ends no sessions.
        user = self.model(email=normalise_email(email), password=make_password(password), **fields)
        user.save(using=self._db)
        UserProfile.objects.using(self._db).create(user=user)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a staff account that may do everything (`manage.py createsuperuser`)."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=normalise_email(username or ""))


def normalise_email(email: str) -> str:
    """The one form in which addresses are stored and compared: lower case, the domain in ASCII (`xn--`)."""
    local, at, domain = email.strip().rpartition("@")
    with suppress(UnicodeError):  # what is no domain name stays what it is, for the validators to refuse
        domain = domain.encode("idna").decode("ascii")
    return f"{local}{at}{domain}".lower()


class User(BaseModel, AbstractBaseUser, PermissionsMixin):
    """An account. Customers and staff alike; staff powers are Django permissions and groups."""

    email = models.EmailField(max_length=254, unique=True)
    first_name = models.CharField(max_length=80, blank=True)
    last_name = models.CharField(max_length=80, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    email_verified_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(email=Lower("email")), name="email_is_lower_case"),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()

    def get_full_name(self) -> str:
        return self.full_name

    def get_short_name(self) -> str:
        return self.first_name or self.email


class UserProfile(BaseModel):
    """What a person told us about themselves."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="profile")
    phone = PhoneNumberField(blank=True)
    language = models.CharField(max_length=10, default="en")
    currency = CurrencyField(default=default_currency)
    marketing_email = models.BooleanField(default=False)
    marketing_email_changed_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"profile of {self.user_id}"


class MailedToken(BaseModel):
    """A secret mailed to a person: only its SHA-256 is stored, it expires, and it works once."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"token of {self.user_id}, until {self.expires_at:%Y-%m-%d %H:%M}"


class EmailVerificationToken(MailedToken):
    """Proves that an address belongs to its account."""

    email = models.EmailField(max_length=254, help_text="the address it proves")


class PasswordResetToken(MailedToken):
    """Lets its holder set a new password."""
