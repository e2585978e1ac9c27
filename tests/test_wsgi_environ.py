"""What the web server hands to granian: a file by its name if it has one on the disk, else what is in it."""

from io import BytesIO

import pytest
from django.core.files.base import File

from newsletter.wsgi_environ import IN_MEMORY_BYTES, FileWrapper

pytestmark = pytest.mark.exhaustive


class Proto:
    """What granian offers an application, as far as it is used."""

    def response_file(self, status, headers, path):
        self.sent = path

    def response_bytes(self, status, headers, octets):
        self.sent = octets


def sent(file):
    proto = Proto()
    FileWrapper(file).send(proto, 200, [])
    return proto.sent


@pytest.mark.parametrize("octets", [b"small", b"x" * (IN_MEMORY_BYTES + 1)], ids=["small", "large"])
def test_an_object_of_a_bucket_is_sent_whole_though_it_has_a_name(octets):
    assert sent(File(BytesIO(octets), "0123456789abcdef/bridge.jpg")) == octets


@pytest.mark.parametrize("is_large", [False, True])
def test_a_file_on_the_disk_is_sent_by_its_name_if_that_is_worth_it(tmp_path, is_large):
    path, octets = tmp_path / "bridge.jpg", b"x" * (IN_MEMORY_BYTES + is_large)
    path.write_bytes(octets)

    with File(path.open("rb")) as file:
        assert sent(file) == (str(path) if is_large else octets)
