"""What the author types at the first start."""

from django import forms
from django.contrib.auth.forms import SetPasswordMixin
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _


class StartForm(SetPasswordMixin, forms.ModelForm):  # type: ignore[type-arg]  # generic to the stubs alone
    """Name, address and password of the account that a one-time link opens."""

    password1, password2 = SetPasswordMixin.create_password_fields()

    class Meta:
        model = User
        fields = ("username", "email")
        labels = {"email": _("E-mail address (optional)")}
        help_texts = {"username": _("You log in with it. Readers never see it.")}
        widgets = {
            "username": forms.TextInput(
                attrs={"autocomplete": "username", "autocapitalize": "none", "autofocus": True}
            ),
            "email": forms.EmailInput(attrs={"autocomplete": "email"}),
        }

    def clean(self) -> dict[str, object] | None:
        self.validate_passwords()
        return super().clean()

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # Django's own hook: from here on the instance has the new name
        self.validate_password_for_user(self.instance)
