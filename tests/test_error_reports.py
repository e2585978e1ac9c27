"""What is sent to Sentry: received by a server of our own, from a process that really fails."""

import gzip
import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import brotli
import pytest

from newsletter.error_reports import redacted
from tests.support.processes import run_python

OPENED = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}
READER, TOKEN = "reader.lin@example.org", "1ZkQ3vY7bNp0aXeRt9Qw"
FAILS = """
import logging, sys
import django
django.setup()
from django.http import HttpResponseServerError
from django.core.handlers.wsgi import WSGIHandler
from django.test import RequestFactory
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from newsletter import urls
import sentry_sdk
from tests.support.processes import run_python

@csrf_exempt
def fail(request, token):
    address = request.POST["email"]
    raise ValueError(f"{address} has no link {request.path}, asked smtp://gipi:pass-word@mail.example.org")

urls.handler500 = lambda request: HttpResponseServerError("failed")
urls.urlpatterns.insert(0, path("confirm/<token>/", fail))
headers = {"Host": "localhost", "User-Agent": "Browser of Lin", "X-Forwarded-For": "203.0.113.77", "Cookie": "s=c00kie"}
request = RequestFactory().post("/confirm/1ZkQ3vY7bNp0aXeRt9Qw/?utm=lin", {"email": "reader.lin@example.org"},
                                headers=headers, REMOTE_ADDR="203.0.113.77")
answers = []
list(WSGIHandler()(request.environ, lambda status, headers: answers.append(status)))
assert answers[0].startswith("500"), answers
reader, token = "reader.lin@example.org", "1ZkQ3vY7bNp0aXeRt9Qw"
logging.getLogger("newsletter.work").error("no mail to %s at /mine/%s/", reader, token)
sentry_sdk.flush(30)
"""


@pytest.fixture
def receiver():
    """A server that takes envelopes; yield its DSN and what came."""
    came = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            octets = self.rfile.read(int(self.headers["Content-Length"]))
            came.append(OPENED[self.headers.get("Content-Encoding")](octets))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_words):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://key@127.0.0.1:{server.server_port}/7", came
        server.shutdown()


def run(code, tmp_path, **env):
    own = {"DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "newsletter.settings", "SITE_URL": "http://localhost"}
    own["no_proxy"] = "*"
    return run_python("-c", code, env=os.environ | own | env)


def events(came):
    for envelope in came:
        lines = envelope.decode().splitlines()
        yield from (json.loads(line) for line in lines[2::2])


def test_an_error_arrives_with_where_it_happened_and_without_whom_it_met(receiver, tmp_path):
    dsn, came = receiver

    done = run(FAILS, tmp_path, SENTRY_DSN=dsn)

    assert done.returncode == 0, done.stderr
    failure, line = sorted(events(came), key=lambda event: "exception" not in event)
    error = failure["exception"]["values"][-1]  # the last one raised; before it what it came from
    assert (error["type"], error["stacktrace"]["frames"][-1]["function"]) == ("ValueError", "fail")
    assert error["value"] == "*** has no link /confirm/***/, asked smtp://***"
    assert failure["request"] == {"url": "http://localhost/confirm/***/", "method": "POST"}
    assert failure["release"] == "0.2.0"
    assert line["logentry"] == {"formatted": "no mail to *** at /mine/***/"}
    sent = b"".join(came).decode()
    for private in (READER, "=lin", TOKEN, "pass-word", "c00kie", "Browser", "203.0.113", "utm"):
        assert private not in sent, private


@pytest.mark.exhaustive
def test_without_a_dsn_nothing_of_it_is_loaded(tmp_path):
    code = "import django, sys; django.setup(); print('sentry_sdk' in sys.modules)"

    assert run(code, tmp_path, SENTRY_DSN="").stdout.strip() == "False"


@pytest.mark.exhaustive
def test_a_dsn_that_is_none_is_said_in_words(tmp_path):
    done = run("import django; django.setup()", tmp_path, SENTRY_DSN="https://example.org")

    assert "SENTRY_DSN cannot be read" in done.stderr


@pytest.mark.exhaustive
def test_without_the_extra_it_says_what_to_install(tmp_path):
    code = "import sys; sys.modules['sentry_sdk'] = None; import django; django.setup()"

    done = run(code, tmp_path, SENTRY_DSN="http://key@127.0.0.1:1/7")

    assert "uv sync --extra sentry" in done.stderr


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("to lin@例子.tw, please", "to ***, please"),
        ("Key (email)=(lin+a@example.org) already exists.", "Key (email)=(***) already exists."),
        ("<lin@example.org>: 550", "<***>: 550"),
        (f"https://news.gipi.tw/unsubscribe/{TOKEN}/", "https://news.gipi.tw/unsubscribe/***/"),
        ("postgres://gipi:s3cret@db:5432/news", "postgres://***:5432/news"),
        ("5 @ 3", "5 @ 3"),
    ],
)
def test_what_is_taken_out_of_texts(text, left):
    assert redacted(text) == left
