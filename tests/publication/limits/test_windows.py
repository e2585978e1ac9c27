from datetime import UTC, datetime, timedelta

from newsletter.publication.limits.windows import closed_seconds, has_come_to, left

NOW = datetime(2026, 11, 24, 8, 3, 20, tzinfo=UTC)


def knock(now: datetime = NOW, who: str = "10.0.0.1", door: str = "door") -> int:
    return closed_seconds(door, who, limit=2, seconds=600, now=now)


def test_a_door_closes_after_its_limit_and_says_for_how_long():
    assert [knock() for _knock in range(4)] == [0, 0, 400, 400]


def test_it_opens_when_it_said():
    closed = [knock() for _knock in range(3)][-1]

    assert knock(NOW + timedelta(seconds=closed - 1)) == 1
    assert knock(NOW + timedelta(seconds=closed)) == 0


def test_each_door_and_each_client_is_counted_apart():
    for _knock in range(3):
        knock()

    assert knock(who="10.0.0.2") == knock(door="other") == 0


def test_a_look_counts_nothing():
    looks = [has_come_to("door", "10.0.0.1", count=1, seconds=600, now=NOW) for _look in range(3)]
    knock()

    assert looks == [False] * 3
    assert has_come_to("door", "10.0.0.1", count=1, seconds=600, now=NOW)
    assert not has_come_to("door", "10.0.0.1", count=2, seconds=600, now=NOW)
    assert not has_come_to("door", "10.0.0.1", count=1, seconds=600, now=NOW + timedelta(minutes=10))


def test_what_is_left_of_a_window_is_never_nothing():
    whole = datetime(2026, 11, 24, 8, tzinfo=UTC)

    assert [left(60, whole + timedelta(seconds=seconds)) for seconds in (0, 0.5, 59.9)] == [60, 60, 1]
