"""Facts that nobody writes: a post becomes public by its time alone. Each turn looks for those not told yet."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef

from newsletter.api.hooks.events import Event
from newsletter.api.hooks.models import KEPT_FOR, Call, Hook, HookEvent
from newsletter.posts.models import Post

LOOKED_BACK = KEPT_FOR - timedelta(days=5)  # shorter than calls are kept: by them it is known what was told


def observe(now: datetime) -> int:
    """Write a call for each post that became public since its hook wants to know; return how many."""
    wishes = HookEvent.objects.filter(event=Event.PUBLISHED, hook__off="")
    return sum(_observe(wish, now) for wish in wishes)


def _observe(wish: HookEvent, now: datetime) -> int:
    told = Call.objects.filter(hook=wish.hook_id, event=Event.PUBLISHED, about=OuterRef("pk"))
    told = told.exclude(state=Call.State.VOID)  # it was withdrawn before anybody was told
    listed = Post.objects.listed(now).filter(published_at__gte=max(wish.since, now - LOOKED_BACK))
    new = listed.filter(~Exists(told)).order_by("published_at", "pk").values_list("pk", "published_at")
    if not new.exists():
        return 0
    with transaction.atomic():
        Hook.objects.select_for_update(no_key=True).get(pk=wish.hook_id)  # another worker may look at the same time
        calls = [Call(hook_id=wish.hook_id, event=Event.PUBLISHED, about=pk, at=at or now) for pk, at in new.all()]
        Call.objects.bulk_create(calls)
    return len(calls)
