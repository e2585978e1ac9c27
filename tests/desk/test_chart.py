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
    drawn = chart.line(values)
    points = [tuple(map(float, point.split(","))) for point in drawn.points.split()] if drawn else []

    assert len(points) == (len(values) if len(values) > 1 else 0)
    assert all(0 <= x <= chart.WIDTH and 0 <= y <= chart.HEIGHT for x, y in points)


@MANY
@given(values=values)
def test_every_bar_lies_in_its_box(values):
    bars = [{name: float(value) for name, value in asdict(bar).items()} for bar in chart.bars(values).bars]

    assert len(bars) == len(values)
    assert all(bar["x"] >= 0 and bar["x"] + bar["width"] <= chart.WIDTH for bar in bars)
    assert all(bar["height"] > 0 and 0 <= bar["y"] <= chart.HEIGHT for bar in bars)


def test_more_readers_lie_higher():
    assert chart.line([1, 2, 3]).points == "0.0,56.0 50.0,30.0 100.0,4.0"


def test_a_level_line_runs_through_the_middle():
    assert chart.line([5, 5]).points == "0.0,30.0 100.0,30.0"


def test_one_number_makes_no_line():
    assert chart.line([7]) is None


def test_a_drawing_is_hidden_from_those_who_have_its_table():
    drawn = render_to_string("desk/_chart.html", {"chart": chart.bars([1, 4], "“helpful”")})
    numbers = chart.Numbers("The numbers", "Issue", ("helpful",), (("Issue 1", ("1",)), ("Issue 2", ("4",))))
    table = render_to_string("desk/_chart_numbers.html", {"numbers": numbers})

    assert 'aria-hidden="true"' in drawn
    assert drawn.count("<rect") == 2
    assert drawn.count('class="is-now"') == 1
    assert "<summary>The numbers</summary>" in table
    assert '<th scope="row">Issue 2</th>' in table


def test_a_number_of_a_table_with_many_columns_carries_its_name_for_a_phone():
    columns = ("Sent", "Failed", "Helpful", "So-so")
    numbers = chart.Numbers("The numbers", "Issue", columns, (("Issue 1", ("7", "0", "4", "1")),))
    table = render_to_string("desk/_chart_numbers.html", {"numbers": numbers})

    assert '<table class="is-numbers">' in table
    assert '<td class="is-number" data-label="So-so">1</td>' in table
