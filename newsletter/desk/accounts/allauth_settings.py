"""What django-allauth is told. settings.py takes these names as they are; nothing here reads the environment.

Of allauth we use the second factors, the stages of a login and the list of sessions. Its pages are not mounted:
the desk has its own, and no address of allauth's public ones (sign-up, password by mail, e-mail addresses) exists.
"""

__all__ = [
    "ACCOUNT_ADAPTER",
    "ACCOUNT_EMAIL_NOTIFICATIONS",
    "ACCOUNT_EMAIL_VERIFICATION",
    "ACCOUNT_LOGIN_TIMEOUT",
    "ACCOUNT_RATE_LIMITS",
    "MFA_ADAPTER",
    "MFA_PASSKEY_LOGIN_ENABLED",
    "MFA_RATE_LIMITS",
    "MFA_SUPPORTED_TYPES",
    "USERSESSIONS_TRACK_ACTIVITY",
]

ACCOUNT_ADAPTER = "newsletter.desk.accounts.adapters.AccountAdapter"
ACCOUNT_EMAIL_NOTIFICATIONS = False  # newsletter/desk/accounts/alarms.py tells, in the look of our mails
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGIN_TIMEOUT = 10 * 60  # seconds between the password and the second factor
# allauth counts in the cache, which may be away: failures are counted in the database by
# newsletter/operation/accounts/factors.py.
ACCOUNT_RATE_LIMITS = False
MFA_RATE_LIMITS = False
MFA_ADAPTER = "newsletter.desk.accounts.adapters.FactorAdapter"
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
USERSESSIONS_TRACK_ACTIVITY = (
    False  # newsletter/desk/accounts/sessions.py does, on the desk alone and not with every page
)
