"""An issue whose links are counted, and readers who follow them."""

from itertools import count

import pytest

from tests.delivery.conftest import NOW
from tests.factories import make_issue, make_post, make_publication

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"
BODY = """讀了[這本書](https://books.example/lever?a=1&b=2)與[那篇](https://papers.example/x)。

[又一](https://third.example/) <https://shown.example/page>
"""


@pytest.fixture
def publication(db):
    return make_publication(sender_email="news@news.example.org", name="Gipi電子報", counts_links=True)


@pytest.fixture
def issue(publication):
    return make_issue(make_post("管理槓桿", body=BODY), number=7, subject="第七期")


@pytest.fixture
def mailing(make_mailing):
    return make_mailing("abc")


@pytest.fixture
def follow(client, time_machine):
    """Return a function that follows a link as somebody at an address of their own, or at `network`."""
    addresses = count(1)
    time_machine.move_to(NOW, tick=False)

    def follow(link, *, network="", program=BROWSER, method="get", **headers):
        network = network or f"192.0.2.{next(addresses)}"
        given = {"User-Agent": program} | {name.replace("_", "-"): value for name, value in headers.items()}
        return getattr(client, method)(f"/r/{link.token}/", headers=given, REMOTE_ADDR=network)

    return follow
