"""Rows that the tests of a module share: written once, and before each test as they were written."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from django.db import transaction
from django.utils import timezone, translation
from pytest_django import DjangoDbBlocker

type Sharing[Made] = Callable[[Callable[[], Made]], AbstractContextManager[Made]]


@pytest.fixture(scope="session")
def shared_rows(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Sharing:
    """Return a context for a fixture of a module: it gives what `make` returns, and in the end undoes what it wrote.

    Each test is a savepoint within, which pytest-django undoes. Not beside tests with `transaction=True`: they would
    commit to nothing that another connection sees.
    """

    @contextmanager
    def sharing[Made](make: Callable[[], Made]) -> Iterator[Made]:
        outer = transaction.atomic()
        outer._from_testcase = True  # as Django's own round a test: a durable block is allowed in it
        with django_db_blocker.unblock():
            outer.__enter__()
            try:
                with translation.override("en"), timezone.override(None):
                    made = make()
            except BaseException:
                _undo(outer)
                raise
        yield made
        with django_db_blocker.unblock():
            _undo(outer)

    return sharing


def _undo(outer: transaction.Atomic) -> None:
    transaction.set_rollback(True)
    outer.__exit__(None, None, None)
