"""Events that were stored elsewhere while we were away are taken in, once."""

import json

import pytest
from django.core.management import CommandError, call_command

from newsletter.delivery.events import applying
from newsletter.delivery.models import Event, InboundMessage
from tests.delivery.conftest import NOW
from tests.factories import make_publication

ARRIVED = {"event": "sent", "time": 1433103519, "MessageID": 1, "email": "a@example.org"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def replay(tmp_path, capsys):
    """Return a function that replays lines and returns the summary and what was complained of."""
    make_publication()

    def run(*lines, **options):
        file = tmp_path / "events.jsonl"
        file.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
        call_command("replay_events", str(file), **options)
        said = capsys.readouterr()
        applying.apply_waiting(NOW, 5)
        return json.loads(said.out.splitlines()[-1]), said.err

    return run


def test_a_file_of_one_provider_is_taken_in_and_its_second_time_changes_nothing(replay):
    lines = ([ARRIVED], ARRIVED | {"MessageID": 2}, "")

    assert replay(*lines, provider="mailjet")[0] == {"lines": 2, "stored": 2, "known": 0, "rejected": 0}
    assert replay(*lines, provider="mailjet")[0] == {"lines": 2, "stored": 0, "known": 2, "rejected": 0}
    assert Event.objects.count() == 2


def test_a_file_of_several_providers_names_them(replay):
    form = {
        "provider": "mandrill",
        "headers": {"content-type": "application/x-www-form-urlencoded", "cookie": "x"},
        "body": "mandrill_events=" + json.dumps([{"event": "send", "ts": 1, "msg": {"email": "a@example.org"}}]),
    }

    summary, _said = replay({"provider": "mailjet", "body": ARRIVED}, form)

    assert summary["stored"] == 2
    assert sorted(Event.objects.values_list("source", "kind")) == [("mailjet", "delivered"), ("mandrill", "sent")]
    assert InboundMessage.objects.get(source="mandrill").about == {"content-type": "application/x-www-form-urlencoded"}


def test_a_line_that_cannot_be_read_is_named_and_stops_no_other(replay):
    summary, said = replay("{", {"provider": "pigeon"}, {"provider": "mailjet", "body": ARRIVED})

    assert summary == {"lines": 3, "stored": 1, "known": 0, "rejected": 2}
    assert "Line 1: " in said
    assert "Line 2: it names no provider that is known; give one with --provider" in said


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(CommandError, match=r"nowhere\.jsonl cannot be read"):
        call_command("replay_events", "nowhere.jsonl")
