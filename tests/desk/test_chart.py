"""Drawings of numbers: within their box, whatever the numbers are."""

from dataclasses import asdict

from django.template.loader import render_to_string
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.desk import chart

MANY = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
values = st.lists(st.integers(0, 10_000_000), max_size=12)


@MANY
@given(values=values)
def test_every_point_of_a_line_lies_in_its_box(values):
    drawn = chart.line_chart(values)
    points = [tuple(map(float, point.split(","))) for point in drawn.points.split()] if drawn else []

    assert len(points) == (len(values) if len(values) > 1 else 0)
    assert all(0 <= x <= chart.WIDTH and 0 <= y <= chart.HEIGHT for x, y in points)


@MANY
@given(values=values)
def test_every_bar_lies_in_its_box(values):
    bars = [{name: float(value) for name, value in asdict(bar).items()} for bar in chart.bar_chart(values).bars]

    assert len(bars) == len(values)
    assert all(bar["x"] >= 0 and bar["x"] + bar["width"] <= chart.WIDTH for bar in bars)
    assert all(bar["height"] > 0 and 0 <= bar["y"] <= chart.HEIGHT for bar in bars)


def test_a_drawing_is_hidden_from_those_who_have_its_table():
    drawn = render_to_string("desk/_chart.html", {"chart": chart.bar_chart([1, 4], "“helpful”")})
    numbers = chart.ChartTable("The numbers", "Issue", ("helpful",), (("Issue 1", ("1",)), ("Issue 2", ("4",))))
    table = render_to_string("desk/_chart_numbers.html", {"numbers": numbers})

    assert 'aria-hidden="true"' in drawn
    assert drawn.count("<rect") == 2
    assert drawn.count('class="is-now"') == 1
    assert "<summary>The numbers</summary>" in table
    assert '<th scope="row">Issue 2</th>' in table
