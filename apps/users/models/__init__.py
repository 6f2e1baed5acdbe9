from apps.users.models.account import EmailVerificationToken, PasswordResetToken, User, UserProfile
from apps.users.models.address import Address
from apps.users.models.session import Session

__all__ = ["Address", "EmailVerificationToken", "PasswordResetToken", "Session", "User", "UserProfile"]
