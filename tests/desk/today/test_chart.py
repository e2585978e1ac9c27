"""Drawings of numbers: within their box, whatever the numbers are."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.desk.today import chart

MANY = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
values = st.lists(st.integers(0, 10_000_000), max_size=12)


@MANY
@given(values=values)
def test_every_point_of_a_line_lies_in_its_box(values):
    points = [tuple(map(float, point.split(","))) for point in chart.line(values).split()]

    assert len(points) == (len(values) if len(values) > 1 else 0)
    assert all(0 <= x <= chart.WIDTH and 0 <= y <= chart.HEIGHT for x, y in points)


@MANY
@given(values=values)
def test_every_bar_lies_in_its_box(values):
    bars = [{name: float(value) for name, value in bar.items()} for bar in chart.bars(values)]

    assert len(bars) == len(values)
    assert all(bar["x"] >= 0 and bar["x"] + bar["width"] <= chart.WIDTH for bar in bars)
    assert all(bar["height"] > 0 and 0 <= bar["y"] <= chart.HEIGHT for bar in bars)


def test_more_readers_lie_higher():
    assert chart.line([1, 2, 3]) == "0.0,56.0 50.0,30.0 100.0,4.0"


def test_a_level_line_runs_through_the_middle():
    assert chart.line([5, 5]) == "0.0,30.0 100.0,30.0"
