"""Rows that tests need, each with just enough to be valid; every field may be named."""

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import count
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.cache import caches

from newsletter.api.models import Token
from newsletter.api.tokens import set_scopes_and_secret
from newsletter.delivery.models import Batch, Mailing
from newsletter.delivery.models.deliveries import COUNTER_OF_STATE
from newsletter.issues.models import Issue, IssueItem
from newsletter.posts.models import Post, Tag
from newsletter.posts.search.index import index_post
from newsletter.publication.models import Publication
from subscribers.models import Subscriber, address_hash
from subscribers.models.tags import split_tags

PUBLISHED_AT = datetime(2026, 10, 1, tzinfo=UTC)
_numbers = count(1)


def make_publication(**fields: Any) -> Publication:
    """Return the one Publication with `fields` changed; it speaks English unless told otherwise."""
    publication = Publication.objects.filter(pk=1).first() or Publication(pk=1)
    for name, value in ({"language": "en"} | fields).items():
        setattr(publication, name, value)
    publication.save(force_insert=publication._state.adding)
    caches["pages"].delete("publication")
    return publication


def _tag(name: str) -> Tag:
    """Return the tag of this name; its slug is the name where that can stand in an address."""
    return (
        Tag.objects.get_or_create(slug=name, defaults={"name": name})[0]
        if name.isascii()
        else Tag.objects.get_or_create_named([name])[0]
    )


def make_post(title: str = "管理槓桿", *, tags: tuple[str, ...] = (), **fields: Any) -> Post:
    """Return a post that was published on 2026-10-01; published_at=None makes a draft."""
    post = Post.objects.create(title=title, **({"body": "第一段。", "published_at": PUBLISHED_AT} | fields))
    if tags:  # a new post has none, and to look for them takes as long as to write the post
        post.tags.add(*(_tag(name) for name in tags))
    return post


def make_findable_post(title: str = "題", body: str = "內文。", **fields: Any) -> Post:
    """Return a post that search and its relatives find."""
    post = make_post(title, body=body, **fields)
    index_post(post)
    return post


def make_issue(*posts: Post, form: str = IssueItem.Form.FULL, **fields: Any) -> Issue:
    """Return an issue that carries `posts` in this order; it is unsent unless sent_at is given."""
    number = fields.pop("number", None) or next(_numbers)
    issue = Issue.objects.create(number=number, **({"subject": f"第 {number} 期"} | fields))
    for position, post in enumerate(posts):
        IssueItem.objects.create(issue=issue, post=post, position=position, form=form)
    return issue


def make_subscriber(email: str = "", *, tags: str = "", **fields: Any) -> Subscriber:
    """Return an active reader, with an address of his own unless one is given; tags: as an author types them."""
    email = email or f"reader{next(_numbers)}@example.org"
    defaults = {"state": Subscriber.State.ACTIVE, "confirmed_at": PUBLISHED_AT, "address_hash": address_hash(email)}
    if fields.get("state") == Subscriber.State.UNSUBSCRIBED:
        defaults["unsubscribed_at"] = PUBLISHED_AT
    subscriber = Subscriber.objects.create(email=email, **(defaults | fields))
    if tags:
        subscriber.set_tags(split_tags(tags))
    return subscriber


def finish_batches(mailing: Mailing, **fields: Any) -> None:
    """Let every batch of a mailing be done and count what its rows say, as a lane would have."""
    for batch in mailing.batches.all():
        states = mailing.deliveries.filter(seq__gte=batch.lo, seq__lt=batch.hi).values_list("state", flat=True)
        counted = {name: list(states).count(state) for state, name in COUNTER_OF_STATE.items()}
        done = {"state": Batch.State.DONE, "cursor": batch.hi}
        Batch.objects.filter(pk=batch.pk).update(**(done | counted | fields))


def make_helper(*roles: str, name: str = "", **fields: Any) -> User:
    """Return somebody who may open the desk and has these roles; without one there is nothing for him there."""
    name = name or f"helper{next(_numbers)}"
    helper = User.objects.create_user(name, **({"is_staff": True} | fields))
    helper.groups.set(Group.objects.filter(name__in=roles))
    return helper


def make_token(user: User, scopes: Iterable[str], **fields: Any) -> tuple[Token, str]:
    """Return a token and its secret."""
    token = Token(**{"user": user, "name": "Obsidian"} | fields)
    secret = set_scopes_and_secret(token, scopes)
    token.save()
    return token, secret
