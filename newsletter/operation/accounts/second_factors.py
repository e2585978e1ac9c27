"""Second factors of an account: list, verification of codes, adding and removing.

A code is six digits of an app (TOTP, RFC 6238), or one of ten recovery codes. Passkeys: desk/accounts/passkeys.py.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from allauth.mfa.utils import decrypt
from django.contrib.auth.models import User
from django.db import transaction

from newsletter.operation.accounts import roles
from newsletter.publication.models import Publication

FactorType = Authenticator.Type
STEP_SECONDS = 30  # RFC 6238 section 5.2
STEPS_TOLERATED = (0, -1, 1)  # clock skew and typing time
CODE_LENGTH_MAX = 32  # characters with blanks; longer input is rejected unparsed
FAILURES_MAX, FAILURE_WINDOW = 10, timedelta(minutes=10)
FAILURES_A_DAY_MAX = 30  # of a million codes, three of which are right at any moment


class TooManyFailures(Exception):
    """Too many wrong codes lately: right ones are refused, too."""


@dataclass(frozen=True)
class Factors:
    totp: Authenticator | None
    passkeys: list[Authenticator]
    recovery_codes_left: int

    @property
    def is_any_set_up(self) -> bool:
        return bool(self.totp or self.passkeys)


def factors_of(user: User) -> Factors:
    rows = list(Authenticator.objects.filter(user=user).order_by("pk"))
    codes = next((row for row in rows if row.type == FactorType.RECOVERY_CODES), None)
    return Factors(
        totp=next((row for row in rows if row.type == FactorType.TOTP), None),
        passkeys=[row for row in rows if row.type == FactorType.WEBAUTHN],
        recovery_codes_left=len(RecoveryCodes(codes).get_unused_codes()) if codes else 0,
    )


def has_second_factor(user: User) -> bool:
    return bool(Authenticator.objects.filter(user=user, type__in=[FactorType.TOTP, FactorType.WEBAUTHN]).exists())


def has_passkey(user: User) -> bool:
    return bool(Authenticator.objects.filter(user=user, type=FactorType.WEBAUTHN).exists())


def is_factor_missing(user: User) -> bool:
    """Whether the publication requires a second factor that this account lacks."""
    requires = Publication.objects.current().owners_need_second_factor
    return bool(requires and roles.is_owner(user) and not has_second_factor(user))


@transaction.atomic
def check_code(user: User, code: str, now: datetime, *, is_known_browser: bool) -> str:
    """The type of the factor that accepts the code; "" if it is wrong. Each code is accepted once.

    is_known_browser: failures count separately, so that a stranger with the password cannot lock the user out.
    Raises TooManyFailures; ValidationError if the secret was encrypted under another SECRET_KEY.
    """
    types = FactorType.TOTP, FactorType.RECOVERY_CODES
    rows = Authenticator.objects.select_for_update().filter(user=user, type__in=types)
    found = {row.type: row for row in rows}
    # The row of the recovery codes also keeps the failure times.
    codes_row = found.get(FactorType.RECOVERY_CODES) or RecoveryCodes.activate(user).instance
    counted = "known" if is_known_browser else "new"
    _refuse_guessing(_failure_times(codes_row, counted, now), now)
    accepted = _use_code(found | {codes_row.type: codes_row}, code, now) if len(code) <= CODE_LENGTH_MAX else ""
    codes_row.refresh_from_db()  # a recovery code was marked as used
    failures = [] if accepted else [*_failure_times(codes_row, counted, now), now.timestamp()]
    codes_row.data["failures"] = codes_row.data.get("failures", {}) | {counted: failures}
    codes_row.save(update_fields=["data"])
    return accepted


def _use_code(found: dict[str, Authenticator], code: str, now: datetime) -> str:
    if FactorType.TOTP in found and _use_totp_code(found[FactorType.TOTP], code, now):
        return str(FactorType.TOTP)
    return str(FactorType.RECOVERY_CODES) if RecoveryCodes(found[FactorType.RECOVERY_CODES]).validate_code(code) else ""


def _use_totp_code(totp: Authenticator, code: str, now: datetime) -> bool:
    """Accept a code whose time step is later than that of the last accepted one: RFC 6238 section 5.2.

    The step is stored in the row: allauth's cache forgets it after one step, while a code is valid for three.
    """
    step = time_step_of(decrypt(totp.data["secret"]), code, now)
    if step is None or step <= totp.data.get("last_step", -1):
        return False
    totp.data["last_step"] = step
    totp.save(update_fields=["data"])
    return True


def time_step_of(secret: str, code: str, now: datetime) -> int | None:
    """The time step near `now` with this code; None if there is none.

    secret: base32, as the app has it.
    """
    current = int(now.timestamp()) // STEP_SECONDS
    for step in (current + off for off in STEPS_TOLERATED):
        if compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, step))):
            return step
    return None


def _failure_times(codes_row: Authenticator, counted: str, now: datetime) -> list[float]:
    kept: list[float] = codes_row.data.get("failures", {}).get(counted, [])
    return [at for at in kept if at > (now - timedelta(days=1)).timestamp()]


def _refuse_guessing(failures: list[float], now: datetime) -> None:
    recent = [at for at in failures if at > (now - FAILURE_WINDOW).timestamp()]
    if len(recent) >= FAILURES_MAX or len(failures) >= FAILURES_A_DAY_MAX:
        raise TooManyFailures


@transaction.atomic
def add_totp(user: User, secret: str, step: int) -> list[str]:
    """Add the app with `secret`, verified at `step`; return recovery codes, [] if the account has some."""
    totp = TOTP.activate(user, secret).instance
    totp.data["last_step"] = step
    totp.save(update_fields=["data"])
    return create_first_codes(user)


def create_first_codes(user: User) -> list[str]:
    """Recovery codes for the first factor; [] if the account has some."""
    if Authenticator.objects.filter(user=user, type=FactorType.RECOVERY_CODES).exists():
        return []
    return _format_codes(RecoveryCodes.activate(user))


@transaction.atomic
def renew_codes(user: User) -> list[str]:
    """Ten new recovery codes; the former ones are deleted."""
    User.objects.select_for_update().get(pk=user.pk)
    Authenticator.objects.filter(user=user, type=FactorType.RECOVERY_CODES).delete()
    return _format_codes(RecoveryCodes.activate(user))


def _format_codes(codes: RecoveryCodes) -> list[str]:
    return [f"{code[:4]} {code[4:]}" for code in codes.get_unused_codes()]


@transaction.atomic
def remove_factor(factor: Authenticator) -> None:
    """Remove an app or a passkey, and with the last of them the recovery codes."""
    user = factor.user
    factor.delete()
    if not has_second_factor(user):
        Authenticator.objects.filter(user=user).delete()


def remove_all(user: User) -> bool:
    """Remove every second factor; return whether there was one."""
    had_any = has_second_factor(user)
    Authenticator.objects.filter(user=user).delete()
    return had_any
