"""The site's version moves on with every change that readers may see, and with no other."""

import pytest
from django.core.management import call_command
from django.db import connection

from newsletter.issues.models import Issue, IssueItem
from newsletter.posts.models import Image, Post, Tag
from newsletter.publication.kept.freshness import tables_shown
from newsletter.publication.models import Publication, SiteVersion
from tests.factories import make_issue, make_post, make_publication, make_subscriber

pytestmark = pytest.mark.django_db


def moved_on_by(change) -> bool:
    before = SiteVersion.current()
    change()
    return SiteVersion.current() > before


def test_every_table_that_is_named_exists():
    assert set(tables_shown()) <= set(connection.introspection.table_names())


@pytest.mark.parametrize("model", [Post, Tag, Image, Issue, IssueItem, Publication, Post.tags.through])
def test_the_tables_behind_the_pages_are_named(model):
    assert model._meta.db_table in tables_shown()


def test_a_change_by_whatever_way_counts():
    post = make_post()

    assert moved_on_by(post.save)
    assert moved_on_by(lambda: Post.objects.filter(pk=post.pk).update(title="新題目"))
    assert moved_on_by(lambda: post.tags.add(Tag.objects.create(name="管理", slug="management")))
    assert moved_on_by(lambda: connection.cursor().execute("UPDATE posts_post SET title = 'x'"))
    assert moved_on_by(post.delete)


def test_sending_an_issue_and_changing_the_settings_count():
    issue, publication = make_issue(make_post()), make_publication()

    assert moved_on_by(lambda: issue.mark_sent(issue.created_at))
    assert moved_on_by(publication.save)


def test_what_readers_do_does_not_count():
    make_publication()

    assert not moved_on_by(make_subscriber)


def test_a_version_of_a_new_installation_is_a_number():
    SiteVersion.objects.all().delete()

    assert SiteVersion.current() == 0
    assert moved_on_by(make_post)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL keeps the triggers of a table that is altered")
def test_triggers_that_a_rebuilt_table_has_lost_come_back_with_the_next_migrate():
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER posts_post_update_shown")
    post = make_post()
    assert not moved_on_by(lambda: Post.objects.filter(pk=post.pk).update(title="一"))

    call_command("migrate", verbosity=0)

    assert moved_on_by(lambda: Post.objects.filter(pk=post.pk).update(title="二"))
