"""The product starts on what each release left when it was killed in the middle of a mailing, and ends that mailing.

The releases are the rows of docs/releasing.md; `benchmarks.upgrade --freeze` made what lies in `releases`.
"""

import sqlite3
import tarfile
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.waiting import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.exhaustive]
RELEASES = Path(__file__).with_name("releases")
NUMBER = 6  # of the issue that was being sent
PATIENCE_SECONDS = 180
READERS = """
from newsletter.delivery.models import Delivery, Mailing
mailing = Mailing.objects.get(issue__number=6)
states = {state.name: state.value for state in Delivery.State}
answer = [[email, state] for email, state in mailing.deliveries.values_list("subscriber__email", "state")], states
"""


def in_flight(database):
    """Return how many copies the ledger has no answer of. This machine was started since: no recorder tells more."""
    with closing(sqlite3.connect(database)) as ledger:
        return ledger.execute("SELECT sum(in_flight) FROM delivery_batch").fetchone()[0]


@pytest.mark.timeout(800)
@pytest.mark.parametrize("release", sorted(path.name.removesuffix(".tar.xz") for path in RELEASES.glob("*.tar.xz")))
def test_a_half_sent_mailing_of_a_release_is_ended_by_this_version(release, make_product, smtp):
    product = make_product(is_new=True, mail_url=smtp.url)
    with tarfile.open(RELEASES / f"{release}.tar.xz") as archive:
        archive.extractall(product.folder, filter="data")
    product.data.chmod(0o700)
    before = Counter((product.data / "accepted").read_text().split())
    without_an_answer = in_flight(product.data / "newsletter.sqlite3")

    product.manage("migrate", "-v", "0", seconds=300)  # `up` would do it, in the 60 s that a test waits for its port
    product.start()
    told = lambda: f"{product.status(NUMBER)}\n{product.log_tails()}"  # noqa: E731
    wait_until(lambda: product.status(NUMBER)["status"] == "sent", PATIENCE_SECONDS, what=told, every=1)

    status, (copies, states) = product.status(NUMBER), product.shell(READERS)
    uncertain = {email for email, state in copies if state == states["UNCERTAIN"]}
    readers = {email for email, _state in copies}
    got = before + Counter({email: count for email, count in smtp.copies().items() if email in readers})
    assert 0 < before.total() < status["total"]
    assert set(got.values()) == {1}, "nobody has two copies"
    assert readers - set(got) <= uncertain, "who has none is shown to the author"
    assert len(uncertain) == status["uncertain"] <= without_an_answer < status["total"]
    assert status["sent"] + status["uncertain"] == status["total"]
