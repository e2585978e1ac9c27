"""security.txt (RFC 9116). Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from urllib.parse import quote

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator, validate_email
from django.utils.translation import gettext_lazy as _

SECURITY_TXT_LIFETIME = timedelta(days=180)  # RFC 9116 section 2.5.5: less than a year
_is_page = URLValidator(schemes=["https"])


def validate_contact(contact: str) -> None:
    """Raise ValidationError unless `contact` is an e-mail address or an https URL."""
    try:
        (validate_email if "://" not in contact else _is_page)(contact)
    except ValidationError:
        raise ValidationError(_("Write an e-mail address, or a page that begins with https://.")) from None


def security_txt(contact: str, *, languages: Sequence[str], address: str, now: datetime) -> str:
    """contact: see `validate_contact`. address: the URL of the file itself."""
    expires_at = datetime.combine((now + SECURITY_TXT_LIFETIME).astimezone(UTC).date(), time(), UTC)
    fields = {
        "Contact": contact if "://" in contact else f"mailto:{quote(contact, safe='@')}",
        "Expires": f"{expires_at:%Y-%m-%dT%H:%M:%SZ}",
        "Preferred-Languages": ", ".join(dict.fromkeys(languages)),
        "Canonical": address,
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items())
