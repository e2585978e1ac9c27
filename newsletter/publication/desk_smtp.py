"""SMTP to the mail server that was entered on the desk: its name may lead elsewhere than when it was entered."""

import smtplib

from django.core.mail.backends import smtp

from newsletter.publication import mail_server


class AddressRefused(OSError):
    """The name of the mail server leads to an address that the desk may not reach."""


class _Checked:
    """Before anything is said to the server, such as a password."""

    def connect(self, *args: object, **options: object) -> tuple[int, bytes]:
        reply: tuple[int, bytes] = super().connect(*args, **options)  # type: ignore[misc]
        address, port = self.sock.getpeername()[:2]  # type: ignore[attr-defined]
        if not mail_server.may_connect(address, port):
            self.close()  # type: ignore[attr-defined]
            raise AddressRefused(f"the mail server's name leads to {address}, port {port}")
        return reply


class _Plain(_Checked, smtplib.SMTP):
    pass


class _OverTLS(_Checked, smtplib.SMTP_SSL):
    pass


class EmailBackend(smtp.EmailBackend):
    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _OverTLS if self.use_ssl else _Plain
