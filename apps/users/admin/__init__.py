"""Staff screens of people and their sign-ins."""

from apps.users.admin import screens

__all__ = ["screens"]
