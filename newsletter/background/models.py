"""The programs that run, each as it last reported itself."""

from datetime import timedelta

from django.db import models
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.functions import Now

ALIVE_FOR = timedelta(minutes=1)  # after its last report
KEPT_FOR = timedelta(days=2)  # a program that was stopped is shown for so long


class RunningProgramQuerySet(models.QuerySet["RunningProgram"]):
    def shown(self) -> "RunningProgramQuerySet":
        """Those that have reported lately, with `is_alive`, by the database's clock."""
        lately = Q(beat_at__gt=Now() - ALIVE_FOR, beat_at__lt=Now() + ALIVE_FOR)  # a clock that was set back: not alive
        is_alive = ExpressionWrapper(lately, output_field=BooleanField())
        return self.filter(beat_at__gt=Now() - KEPT_FOR).annotate(is_alive=is_alive)  # type: ignore[no-redef]  # declared for whoever reads it

    def forget_old(self) -> None:
        self.filter(beat_at__lt=Now() - KEPT_FOR).delete()


class RunningProgram(models.Model):
    """A program on a machine, as it last reported itself."""

    machine = models.CharField(max_length=40, help_text="the machine's id, as the ledger names it")
    program = models.CharField(max_length=10, help_text="web, worker or clock")
    host = models.CharField(max_length=255)
    folder = models.TextField(help_text="its DATA_DIR")
    version = models.CharField(max_length=100, help_text="with the commit")
    fingerprints = models.JSONField(help_text="of what must be the same everywhere: lists by variable")
    beat_at = models.DateTimeField(help_text="by the database's clock")
    clock_ahead = models.DurationField(help_text="how far its clock is ahead of the database's")

    is_alive: bool  # of `shown`

    objects = RunningProgramQuerySet.as_manager()

    class Meta:
        ordering = ("host", "folder", "program")
        constraints = [
            models.UniqueConstraint(fields=("machine", "program"), name="a_machine_runs_a_program_once"),
        ]

    def __str__(self) -> str:
        return f"{self.program} on {self.place}"

    @property
    def place(self) -> str:
        """Two installations on one host have folders of their own."""
        return f"{self.host}:{self.folder}"
