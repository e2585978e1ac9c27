"""The head of every page of the site."""

import pytest
from django.utils import translation

from tests.factories import make_publication

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _english():
    make_publication()
    with translation.override("en"):
        yield


def head_of(response) -> str:
    return " ".join(response.text.split()).partition("<header")[2].partition("</header>")[0]


def test_every_page_leads_to_the_form_and_the_form_s_own_says_so(client):
    home, form = client.get("/"), client.get("/subscribe/")

    assert '<a href="/subscribe/">Subscribe</a>' in head_of(home)
    assert '<a href="/subscribe/" aria-current="page">Subscribe</a>' in head_of(form)


def test_a_publication_that_takes_nobody_does_not_ask_in_its_head(client):
    make_publication(takes_readers=False)

    assert "/subscribe/" not in head_of(client.get("/"))
