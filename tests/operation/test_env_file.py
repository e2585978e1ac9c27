"""Variables of a file, as systemd reads them."""

import ctypes
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.operation.env_file import EnvFileError, parse_variables, read_env_file
from tests.support.missing_parts import skip_missing

LIBRARIES = sorted(Path("/usr/lib").glob("*/systemd/libsystemd-shared-*.so"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=smtp://user:pa#ss@host", "smtp://user:pa#ss@host"),
        ("A=one #two", "one #two"),
        ("  A = one two  ", "one two"),
        ("A=", ""),
        ("A=''", ""),
        ('A="postgres://u:p@h/db?a=1&b=2"', "postgres://u:p@h/db?a=1&b=2"),
        ("A='$HOME `id` \\n'", "$HOME `id` \\n"),
        ('A="\\"\\\\\\$\\`\\n"', '"\\$`\\n'),
        ("A=$HOME", "$HOME"),
        ("A=one\\\ntwo", "onetwo"),
        ('A="one\ntwo"', "one\ntwo"),
        ("A='one' \"two\" three", "onetwothree"),
        ("A=don't", "don't"),
        ("A=a\\ b\\ ", "a b "),
        ("A=first\nA=last", "last"),
        ("\n# a comment\n; another \\\nA=1\n\n", "1"),
        ("A=1\r\n", "1"),
    ],
)
def test_a_value_is_read(tmp_path, text, value):
    file = tmp_path / "newsletter.env"
    file.write_bytes(text.encode())

    assert read_env_file(file) == {"A": value}


@pytest.mark.parametrize(
    "line", ["secret", "export SECRET=secret", "1A=secret", "=secret", "A='secret", 'A="secret', "A=secret\\"]
)
def test_a_line_that_is_none_is_named_by_its_number_alone(tmp_path, line):
    file = tmp_path / "newsletter.env"
    file.write_text(f"# first\nB=1\n{line}")

    with pytest.raises(EnvFileError) as refusal:
        read_env_file(file)

    assert str(refusal.value) == f"{file}, line 3: this is no NAME=value, or its quotes do not end."


def test_what_is_no_file_or_no_text_is_said_so(tmp_path):
    (tmp_path / "binary").write_bytes(b"A=\xff\xfe")

    with pytest.raises(EnvFileError, match=r"none cannot be read: No such file or directory\.$"):
        read_env_file(tmp_path / "none")
    with pytest.raises(EnvFileError, match=r"cannot be read: Is a directory\.$"):
        read_env_file(tmp_path)
    with pytest.raises(EnvFileError, match=r"binary is not text in UTF-8\.$"):
        read_env_file(tmp_path / "binary")


def of_systemd(path: Path) -> dict[str, str]:
    """What systemd's own function reads; it is not part of a public interface."""
    if not LIBRARIES:
        skip_missing("apt-get install --no-install-recommends systemd")
    load = ctypes.CDLL(str(LIBRARIES[0])).load_env_file
    load.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    found = ctypes.POINTER(ctypes.c_char_p)()
    assert load(None, str(path).encode(), ctypes.byref(found)) >= 0
    lines: list[str] = []
    while found and (line := found[len(lines)]) is not None:
        lines.append(line.decode())
    return dict(line.split("=", 1) for line in lines)


@given(value=st.text(alphabet="ab #;$=`'\"\\\n \t", max_size=12))
def test_systemd_reads_the_same(tmp_path_factory, value):
    text = f"A={value}\nB=1\n"
    file = tmp_path_factory.mktemp("env") / "file"
    file.write_text(text)

    try:
        ours = parse_variables(text)
    except ValueError:  # it passes over what is an error here
        return

    assert ours == of_systemd(file)
