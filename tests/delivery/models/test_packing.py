"""Copies as octets and back."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from newsletter.delivery.models.packing import Copy, pack, unpack

SENT, FAILED = 1, 2
NOW = datetime(2026, 11, 3, tzinfo=UTC)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
moments = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - of UTC
copies = st.lists(
    st.builds(
        Copy,
        seq=st.integers(0, 2**31 - 1),
        subscriber_id=st.none() | st.integers(1, 2**63 - 1),
        state=st.integers(0, 5),
        attempts=st.integers(0, 20),
        sent_at=st.none() | moments,
        provider_id=words,
        reply=words,
    ),
    max_size=30,
)


@given(copies)
def test_what_is_unpacked_is_what_was_packed(rows):
    assert unpack(pack(rows)) == rows


def test_a_batch_of_which_nothing_is_left_is_packed_too():
    assert unpack(pack([])) == []


def test_a_copy_that_was_plainly_sent_takes_two_octets_at_most():
    rows = [
        Copy(seq, 1_000_000 + seq * 3 + seq % 7, SENT, 1, NOW + timedelta(milliseconds=40) * (seq // 100), "", "")
        for seq in range(4000)
    ]

    assert len(pack(rows)) < 2 * len(rows)


def test_refusals_take_a_tenth_of_their_words():
    rows = [
        Copy(seq, seq + 1, FAILED, 1, None, "", f"550 5.1.1 <reader{seq}@example.org>: no such user")
        for seq in range(4000)
    ]

    assert len(pack(rows)) < 10 * len(rows)
