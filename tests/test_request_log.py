"""The number of a request, from the proxy to the log, to the answer and to the work that it begins."""

import logging
from http import HTTPStatus

import pytest
from django.core.exceptions import BadRequest, PermissionDenied
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpResponse
from django.test import RequestFactory

from newsletter.celery import app
from newsletter.mail import logs
from newsletter.request_log import PROXY_ID_PATTERN, ClientAddressFilter, RequestIdMiddleware
from tests.factories import make_publication

log = logging.getLogger("newsletter.x")


def answered(view=lambda request: HttpResponse("ok"), path="/p/128/", **headers):
    return RequestIdMiddleware(view)(RequestFactory(headers=headers).get(path))


def number_inside(request):
    return HttpResponse(logs.request_id.get())


def lines(caplog, name="newsletter.access"):
    formatter = logs.LineFormatter("{name}{number}: {message}", style="{")
    return [formatter.format(record) for record in caplog.records if record.name == name]


# --- The number ---


def test_what_the_answer_says_is_what_the_log_says():
    response = answered(number_inside)

    assert response.text == response["X-Request-ID"]
    assert PROXY_ID_PATTERN.fullmatch(response.text)


def test_the_number_of_a_proxy_that_we_trust_is_kept(settings):
    settings.TRUSTED_PROXIES = 1

    assert answered(**{"X-Request-ID": "3f9c01d27ab84e56"})["X-Request-ID"] == "3f9c01d27ab84e56"


def test_a_stranger_gives_no_number():
    assert answered(**{"X-Request-ID": "3f9c01d27ab84e56"})["X-Request-ID"] != "3f9c01d27ab84e56"


@pytest.mark.parametrize(
    "given", ["", "short", "a" * 65, "two words", "3f9c]: WARNING", "3f9c01d2\n", "管理管理管理管理"]
)
def test_a_number_that_could_be_taken_for_something_else_is_replaced(settings, given):
    settings.TRUSTED_PROXIES = 1

    response = answered(**{"X-Request-ID": given})

    assert response["X-Request-ID"] != given
    assert PROXY_ID_PATTERN.fullmatch(response["X-Request-ID"])


def test_the_number_ends_with_the_request():
    def broken(request):
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        answered(broken)

    assert logs.request_id.get() == ""


@pytest.mark.django_db
def test_whoever_sees_a_failure_is_told_the_number(client, monkeypatch):
    make_publication()
    client.raise_request_exception = False
    monkeypatch.setattr("newsletter.page_cache.pages.PageCacheMiddleware.__call__", broken_page)

    response = client.get("/")

    assert response.status_code == 500
    assert response["X-Request-ID"] in response.text


def broken_page(self, request):
    raise RuntimeError("broken")


# --- Work that a request begins ---


@app.task(name="tests.number_of_the_work")
def number_of_the_work():
    return logs.request_id.get()


@pytest.fixture
def worked(settings):
    """Hand a task over as a worker gets it: its message is written, and read again."""

    def work():
        sent = {}
        with app.connection_for_write(url="memory://") as connection, connection.SimpleQueue("numbers") as queue:
            number_of_the_work.apply_async(queue="numbers", connection=connection)
            message = queue.get(timeout=2)
            sent |= message.headers
            message.ack()
        return sent

    return work


def test_the_message_of_a_task_carries_the_number(worked):
    before = logs.request_id.set("3f9c01d27ab84e56")
    try:
        assert worked()["request_id"] == "3f9c01d27ab84e56"
    finally:
        logs.request_id.reset(before)


# --- Lines ---


def test_a_line_for_each_request_if_wanted(settings, caplog):
    settings.LOG_REQUESTS = True
    caplog.set_level(logging.INFO, "newsletter.access")

    answered(path="/unsubscribe/1ZkQ3vY7bNp0aXeRt9/")

    (line,) = lines(caplog)
    assert "GET /unsubscribe/***/ 200, " in line
    assert line.endswith(" ms, from 127.0.0.1")


@pytest.fixture
def refused():
    """What Django logs of a request that was refused."""

    def make(status):
        request = RequestFactory().get("/subscribe/", REMOTE_ADDR="203.0.113.7")
        args = (HTTPStatus(status).phrase, "/subscribe/")
        record = logging.LogRecord("django.request", logging.WARNING, __file__, 1, "%s: %s", args, None)
        record.status_code, record.request = status, request
        return record

    return make


def test_a_request_too_many_names_its_client(refused):
    record = refused(429)

    ClientAddressFilter().filter(record)

    assert record.getMessage() == "Too Many Requests: /subscribe/, from 203.0.113.7"


def test_what_strangers_get_all_day_is_no_warning_and_has_one_line_at_most(refused, settings, caplog):
    caplog.set_level(logging.INFO)

    def shown(status):
        record = refused(status)
        return ClientAddressFilter().filter(record) and record.levelname

    assert {status: shown(status) for status in (403, 404, 405, 410, 429)} == {
        403: "WARNING",
        **dict.fromkeys((404, 405, 410, 429), "INFO"),
    }
    settings.LOG_REQUESTS = True
    assert (shown(403), shown(404), shown(429)) == ("WARNING", False, False)
    settings.LOG_REQUESTS = False
    caplog.set_level(logging.WARNING)
    assert (shown(403), shown(404), shown(429)) == ("WARNING", False, False)


def test_a_refusal_of_a_long_address_is_a_short_line():
    request = RequestFactory().get("/x/")
    path = "/unsubscribe-" + "x" * 8000
    record = logging.LogRecord("django.request", logging.WARNING, __file__, 1, "%s: %s", ("Not Found", path), None)
    record.status_code, record.request = 404, request

    ClientAddressFilter().filter(record)
    line = logs.LineFormatter("{message}", style="{").format(record)

    assert line.startswith("Not Found: /unsubscribe-xxx")
    assert len(line) < 400


def test_no_token_is_read_where_a_long_address_is_cut_off():
    token = "1zAbCdEfGhIjKlMnOpQrSt9u"
    line = "Not Found: /" + "x/" * 134
    record = logging.LogRecord("django.request", logging.WARNING, __file__, 1, line + token + "/x" * 99, (), None)
    record.status_code, record.request = 404, RequestFactory().get("/x/")

    ClientAddressFilter().filter(record)

    assert "AbCd" not in logs.LineFormatter("{message}", style="{").format(record)


@pytest.mark.parametrize(("error", "fault"), [(PermissionDenied, False), (BadRequest, False), (ValueError, True)])
@pytest.mark.usefixtures("db")
def test_only_a_fault_of_ours_is_written_with_its_traceback(error, fault, caplog):
    def view(_request):
        raise error("why")

    make_publication()

    convert_exception_to_response(view)(RequestFactory().get("/posts/"))

    (record,) = (record for record in caplog.records if record.name == "django.request")
    assert ClientAddressFilter().filter(record)
    assert ("Traceback" in logs.LineFormatter("{message}", style="{").format(record)) is fault
