"""docs/deliverability.md names the findings as the doctor does, and every service and finding there is."""

import re
from pathlib import Path

from newsletter.operation.senders.providers import PROVIDERS
from newsletter.operation.senders.receivers import SOURCES
from newsletter.operation.senders.registering import REGISTRATIONS

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "deliverability.md").read_text()
NAMED = re.compile(r"`([a-z_]+\.[a-z0-9_]+)`")
YIELDED = re.compile(r'"((?:sender|spf|dkim|dmarc|bounces|returns|unsubscribe|ptr|tls|mx|mail)\.[a-z0-9_]+)"')


def sources(*folders: str) -> str:
    return "\n".join(file.read_text() for folder in folders for file in sorted((ROOT / folder).glob("*.py")))


def test_each_finding_that_the_guide_names_is_one_of_the_doctors():
    known = set(re.findall(r'"([a-z_]+\.[a-z0-9_]+)"', sources("newsletter/operation", "newsletter/operation/senders")))

    assert set(NAMED.findall(GUIDE)) - known == set()


def test_each_finding_of_the_sender_is_in_the_guide():
    yielded = set(YIELDED.findall(sources("newsletter/operation/senders")))

    assert len(yielded) > 25
    assert yielded - set(NAMED.findall(GUIDE)) == set()


def test_each_service_and_each_receiver_is_in_the_guide():
    for provider in PROVIDERS.values():
        assert f"| {provider.name.split(' (')[0].removesuffix(' Transactional Email')} " in GUIDE
        assert not provider.bounces or f" {provider.bounces} " in GUIDE
    for url in [*SOURCES.values(), *(one.url for one in REGISTRATIONS)]:
        assert url in GUIDE
