"""How many new readers came by the link in somebody's letter: a number, and nothing about who they are."""

from django.db import models
from django.db.models import F
from django.utils.translation import gettext_lazy as _


class InvitationManager(models.Manager["Invitation"]):
    def note(self, newcomer: int, by: int) -> None:
        """Remember until the confirmation by whose link somebody signed up; the first link stands."""
        self.get_or_create(newcomer_id=newcomer, defaults={"by_id": by})

    def settle(self, newcomer: int, *, is_new: bool) -> None:
        """Forget by whose link somebody came; count one for that reader if a new reader has confirmed."""
        found = self.filter(newcomer=newcomer).values_list("pk", "by").first()
        if found is None:
            return
        pk, by = found
        if self.filter(pk=pk).delete()[0] and is_new:
            Invited.objects.get_or_create(subscriber_id=by)
            Invited.objects.filter(subscriber=by).update(readers=F("readers") + 1)


class Invitation(models.Model):
    """By whose link a sign-up came that waits to be confirmed. Deleted by the confirmation, or with the sign-up."""

    newcomer = models.OneToOneField(
        "subscribers.Subscriber", on_delete=models.DB_CASCADE, related_name="invitation_waiting"
    )
    by = models.ForeignKey("subscribers.Subscriber", on_delete=models.DB_CASCADE, related_name="invitations_waiting")

    objects = InvitationManager()

    class Meta:
        default_permissions = ()
        verbose_name = _("invitation of a reader")
        verbose_name_plural = _("invitations of readers")

    def __str__(self) -> str:
        return str(self.newcomer_id)


class Invited(models.Model):
    """How many confirmed readers came by one reader's link. Only who has invited somebody has a row."""

    subscriber = models.OneToOneField(
        "subscribers.Subscriber", on_delete=models.DB_CASCADE, primary_key=True, related_name="invited"
    )
    readers = models.PositiveIntegerField(_("readers"), default=0)

    class Meta:
        default_permissions = ()
        verbose_name = _("readers invited by a reader")
        verbose_name_plural = _("readers invited by readers")

    def __str__(self) -> str:
        return f"{self.subscriber_id}: {self.readers}"
