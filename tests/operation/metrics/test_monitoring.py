"""docs/monitoring: metric names in the page, the alerts and the dashboard match /metrics."""

import json
import re

import pytest
import yaml
from django.conf import settings

from newsletter.operation import metrics as gathering
from newsletter.operation.models import NightlyBackup
from newsletter.publication import heartbeats
from tests.delivery.conftest import NOW
from tests.factories import make_publication
from tests.support.product import ROOT

pytestmark = pytest.mark.django_db
DOCS = ROOT / "docs"
OF_POSTGRESQL = {"database_connections", "ledger_bytes"}
NAME = re.compile(r"newsletter_([a-z_]+)")


@pytest.fixture(scope="module")
def page():
    return (DOCS / "monitoring.md").read_text()


@pytest.fixture
def names(tmp_path, monkeypatch):
    """Every metric name, as stored by Prometheus."""
    make_publication()
    monkeypatch.setattr(settings, "BACKUP_URL", str(tmp_path))
    NightlyBackup.objects.create(day=NOW.date(), begun_at=NOW, made_at=NOW)
    heartbeats.beat(heartbeats.Component.CLOCK)
    families = gathering.MetricsCollector(NOW).collect()
    told = {
        family.name.removeprefix("newsletter_") + ("_total" if family.type == "counter" else "") for family in families
    }
    return told | OF_POSTGRESQL


def expressions():
    rules = yaml.safe_load((DOCS / "monitoring" / "alerts.yml").read_text())["groups"][0]["rules"]
    board = json.loads((DOCS / "monitoring" / "board.json").read_text())
    yield from (rule["expr"] for rule in rules)
    yield from (target["expr"] for panel in board["panels"] for target in panel["targets"])


def test_alerts_and_board_ask_for_names_that_exist(names):
    asked = {name for expression in expressions() for name in NAME.findall(expression)}

    assert asked - names == set()
    assert len(asked) > 15


def test_the_page_lists_every_name(names, page):
    listed = {name for line in page.splitlines() if line.startswith("| `") for name in re.findall(r"`([a-z_]+)", line)}

    assert names - listed == set()


def test_each_alert_says_what_is_wrong():
    rules = yaml.safe_load((DOCS / "monitoring" / "alerts.yml").read_text())["groups"][0]["rules"]

    assert all(rule["annotations"]["summary"].strip() for rule in rules)
    assert len({rule["alert"] for rule in rules}) == len(rules)


def test_panels_do_not_cover_one_another():
    panels = json.loads((DOCS / "monitoring" / "board.json").read_text())["panels"]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]

    assert len(set(places)) == len(places)
