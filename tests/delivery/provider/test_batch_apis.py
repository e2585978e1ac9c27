"""What Anymail is told more quickly than it would find out by itself."""

import pytest
from anymail.utils import EmailAddress

from newsletter.delivery.provider.batch_apis import PlainAddress

ADDRESS = "some.reader+news=1@mail.example.org"


@pytest.mark.parametrize(
    "name", ["", "Ann", "Ann Reader", "王小明", "Reader, Ann", 'Ann "A" Reader', "Ann (Reader)", "A\\B"]
)
def test_a_plain_address_is_written_as_anymail_writes_it(name):
    ours, theirs = PlainAddress(name, ADDRESS), EmailAddress(name, ADDRESS)

    for options in ({}, {"use_rfc2047": True}, {"use_rfc2047": "force"}):
        assert ours.format(**options) == theirs.format(**options)
    assert (ours.address, str(ours), ours.addr_spec) == (theirs.address, str(theirs), theirs.addr_spec)
    assert (ours.username, ours.domain) == (theirs.username, theirs.domain)
    assert ours.as_dict(quote_name=True) == theirs.as_dict(quote_name=True)
