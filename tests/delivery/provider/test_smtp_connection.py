"""The lines against a real server, and against scripted ones for what a real one seldom says."""

import math
import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from email.policy import SMTP

import pytest
from django.core.mail import mailers

from newsletter.delivery.provider import smtp_pool
from newsletter.delivery.provider.outcomes import (
    REFUSALS_MAX,
    HandOverForbidden,
    ProviderRejection,
    ProviderUnavailable,
    SendStatus,
)
from newsletter.delivery.provider.smtp_connection import Envelope
from newsletter.delivery.provider.smtp_pool import SPARE_FACTOR, ConnectionLimits, SmtpSender
from newsletter.delivery.provider.stoppable_wait import StopControl
from newsletter.mail.mailers import mailer_from_url
from newsletter.mail.message import MailContent, build_mail


def envelope(seq, recipient, text="管理"):
    mail = build_mail(
        MailContent(subject="第七期", html=f"<p>{text}</p>", text=text),
        sender=("Gipi電子報", "news@news.example.org"),
        to=("", recipient),
        reply_to="",
        headers={"Message-ID": f"<{seq}@news.example.org>"},
    )
    return Envelope(seq, recipient, mail.message(policy=SMTP).as_bytes())


def envelopes(*names, **options):
    return iter([envelope(seq, f"{name}@example.org", **options) for seq, name in enumerate(names)])


@pytest.fixture
def make_board():
    """Return a function that connects a switchboard to a port."""
    boards = []

    def make(url, *, lines=4, per_connection=0, rate=None, first=None, on_wait=None, is_stopping=None, **told):
        config = {"bulk": mailer_from_url(url, outbox=None)}

        def backend():
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("django.conf.settings.MAILERS", config)
                return mailers["bulk"]

        load, stop_control = ConnectionLimits(lines, per_connection, rate, first), StopControl()
        stop_control.call_while_waiting = on_wait or stop_control.call_while_waiting
        stop_control.is_stopping = is_stopping or stop_control.is_stopping
        sender = "news@news.example.org"
        boards.append(SmtpSender(backend, sender=sender, limits=load, stop_control=stop_control, **told))
        return boards[-1]

    yield make
    for board in boards:
        board.close()


@pytest.fixture
def board(make_board, smtp):
    return make_board(smtp.url)


def answers(board, given):
    return {seq: outcome.status for seq, outcome in board.deliver(given)}


def test_many_messages_go_over_four_lines(board, smtp):
    given = envelopes(*(f"r{number}" for number in range(200)))

    told = answers(board, given)

    assert told == dict.fromkeys(range(200), SendStatus.SENT)
    assert smtp.copies_per_reader() == {1}
    assert len({copy.connection for copy in smtp.received()}) == 4
    assert smtp.received()[0].message["Subject"] == "第七期"


def test_no_more_lines_are_opened_than_there_are_messages(board, smtp):
    answers(board, envelopes("a", "b"))

    assert len({copy.connection for copy in smtp.received()}) <= 2


def test_the_lines_are_kept_for_the_next_batch(board, smtp):
    answers(board, envelopes("a"))
    answers(board, envelopes("b"))

    assert len({copy.connection for copy in smtp.received()}) == 1


def test_a_message_larger_than_any_buffer_arrives_whole(board, smtp):
    answers(board, envelopes("a", text="管理槓桿" * 200_000))

    assert "管理槓桿" * 200_000 in smtp.received()[0].text.replace("\n", "")


def test_each_answer_is_its_own_readers(board, smtp):
    given = envelopes("a", "refuse-1", "greylist-9-x", "reject-data-x", "b")

    assert answers(board, given) == {
        0: SendStatus.SENT,
        1: SendStatus.FAILED,
        2: SendStatus.DEFERRED,
        3: SendStatus.FAILED,
        4: SendStatus.SENT,
    }
    assert smtp.readers() == {"a@example.org", "b@example.org"}


def test_a_cut_after_the_dot_is_uncertain_and_the_others_go_on(board, smtp):
    told = answers(board, envelopes("a", "cut-after-data-9-x", "b", "c", "d", "e"))

    assert told[1] is SendStatus.UNCERTAIN
    assert [told[seq] for seq in (0, 2, 3, 4, 5)] == [SendStatus.SENT] * 5
    assert smtp.copies_per_reader() == {1}


def test_a_cut_before_the_message_is_tried_on_another_line(board, smtp):
    assert answers(board, envelopes("cut-before-data-1-x", "a")) == {0: SendStatus.SENT, 1: SendStatus.SENT}


@pytest.mark.parametrize("lines", [1, 4])
@pytest.mark.parametrize("place", [0, 7])
def test_a_reader_under_whom_every_line_breaks_is_deferred_and_holds_up_nobody(lines, place, make_board, smtp):
    names = list("abcdefg")
    names.insert(place, "cut-before-data-99-x")

    told = answers(make_board(smtp.url, lines=lines), envelopes(*names))

    assert told.pop(place) is SendStatus.DEFERRED
    assert list(told.values()) == [SendStatus.SENT] * 7


@pytest.mark.parametrize("lines", [1, 4])
def test_a_server_that_breaks_every_line_is_away(lines, make_board, smtp):
    with pytest.raises(ProviderUnavailable):
        answers(make_board(smtp.url, lines=lines), envelopes(*(f"cut-before-data-99-{number}" for number in range(30))))


def test_the_dot_is_marked_before_it_leaves(make_board, smtp):
    seen = []
    board = make_board(smtp.url, lines=1, on_dot=lambda seq: not seen.append((seq, len(smtp.received()))))

    answers(board, envelopes("a", "b", "refuse-x", "c"))

    assert seen == [(0, 0), (1, 1), (3, 2)]


def test_a_server_that_is_not_there_is_away(board, smtp):
    smtp.stop()

    with pytest.raises(ProviderUnavailable):
        answers(board, envelopes("a"))

    smtp.start()


def test_a_server_that_goes_away_costs_only_what_was_in_flight(board, smtp):
    told = {}

    def listen():
        for seq, outcome in board.deliver(envelopes(*(f"r{number}" for number in range(300)))):
            told[seq] = outcome.status
            if len(told) == 50:
                smtp.kill()

    with pytest.raises(ProviderUnavailable):
        listen()

    accepted = {int(copy.message_id[1:].partition("@")[0]) for copy in smtp.received()}
    unheard = {seq for seq, answer in told.items() if answer is SendStatus.UNCERTAIN}
    assert accepted <= told.keys()
    assert accepted - {seq for seq, answer in told.items() if answer is SendStatus.SENT} <= unheard
    assert len(unheard) <= 4
    smtp.start()


def test_a_server_that_answers_before_the_message_is_whole_did_not_take_it(make_board):
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        for _try in range(3):
            connection, _peer = server.accept()
            with connection, connection.makefile("rwb") as stream:
                for reply in (b"220 hi", b"250 hi", b"250 ok", b"250 ok", b"354 go on"):
                    stream.write(reply + b"\r\n")
                    stream.flush()
                    stream.readline()
                stream.write(b"552 too large\r\n")
                stream.flush()
                time.sleep(0.1)  # the buffers fill, and the client has time to listen
                while connection.recv(65536):
                    pass
        server.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    board = make_board(f"smtp://127.0.0.1:{server.getsockname()[1]}", lines=1)
    told = []

    with pytest.raises(ProviderUnavailable, match="552 too large"):
        told += board.deliver(envelopes("a", text="管理槓桿" * 1_000_000))

    thread.join(5)
    assert all(outcome.status is SendStatus.DEFERRED for _seq, outcome in told)


def test_after_three_connections_that_broke_a_server_is_away(make_board, talking):
    server = talking(lambda line, seen: b"" if line.startswith(b"MAIL") else None)

    with pytest.raises(ProviderUnavailable):
        answers(make_board(server.url, lines=1), envelopes(*names(9)))

    assert len(server.heard) == 3


def test_a_reader_under_whom_three_connections_broke_waits_and_the_next_one_is_served(make_board, talking):
    server = talking(lambda line, seen: b"" if line == b"DATA" and b"RCPT TO:<r1@example.org>" in seen else None)

    told = answers(make_board(server.url, lines=2), envelopes(*names(4)))

    fresh = [
        seen
        for seen in server.heard
        if next((line for line in seen if b"RCPT" in line), b"").startswith(b"RCPT TO:<r1@")
    ]
    assert told == dict.fromkeys(range(4), SendStatus.SENT) | {1: SendStatus.DEFERRED}
    assert len(fresh) == 3, "one that breaks after an answer is no failure"


class Talking:
    """A server with PIPELINING that says what a test wants to a line, and otherwise yes.

    says(line, seen): the reply to a command or to the final dot (b"."), None for the usual one, b"" to hang up;
    seen: what this connection has been asked before. Every command is kept in `heard`, a list for each connection.
    """

    USUAL = {b"EHLO": b"250-hi\r\n250 PIPELINING", b"DATA": b"354 go", b"QUIT": b"221 bye"}

    def __init__(self, says=lambda line, seen: None, **usual):
        self.says = says
        self.usual = self.USUAL | {verb.encode(): reply for verb, reply in usual.items()}
        self.heard = []
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = f"smtp://127.0.0.1:{self.server.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _peer = self.server.accept()
            except OSError:
                return
            self.heard.append([])
            threading.Thread(target=self.serve, args=(connection, self.heard[-1]), daemon=True).start()

    def serve(self, connection, seen):
        with suppress(OSError), connection, connection.makefile("rwb") as stream:
            stream.write(b"220 hi\r\n")
            stream.flush()
            while line := stream.readline().strip():
                reply = self.reply(line, seen)
                if not reply:
                    return
                stream.write(reply + b"\r\n")
                stream.flush()
                if reply.startswith((b"421", b"221")):
                    return
                while reply.startswith(b"354") and line != b".":
                    line = stream.readline().strip()
                    if line == b".":
                        reply = self.reply(line, seen)
                        stream.write(reply + b"\r\n" if reply else b"")
                        stream.flush()
                        if not reply or reply.startswith(b"421"):
                            return

    def reply(self, line, seen):
        said = self.says(line, seen)
        seen.append(line)
        return self.usual.get(line.split(b" ")[0].upper(), b"250 ok") if said is None else said

    def asked(self, verb):
        return [line for seen in self.heard for line in seen if line.startswith(verb)]

    def close(self):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()


@pytest.fixture
def talking():
    """Return a function that starts a server of which a test writes the lines."""
    servers = []

    def start(*args, **usual):
        servers.append(Talking(*args, **usual))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def names(count):
    return [f"r{number}" for number in range(count)]


def refusing(words, but=b"nobody", verb=b"RCPT"):
    return lambda line, seen: words if line.startswith(verb) and but not in line else None


def test_without_pipelining_one_question_is_asked_at_a_time(make_board, talking):
    server = talking(EHLO=b"250 hi")

    assert answers(make_board(server.url), envelopes("a")) == {0: SendStatus.SENT}

    assert [line.split(b" ")[0] for line in server.heard[0][1:5]] == [b"MAIL", b"RCPT", b"DATA", b"."]


def test_a_refused_reader_is_taken_back_before_the_next(make_board, talking):
    server = talking(refusing(b"550 no", but=b"r1@"), EHLO=b"250 hi")

    assert answers(make_board(server.url, lines=1), envelopes(*names(2))) == {0: SendStatus.FAILED, 1: SendStatus.SENT}

    assert server.asked(b"RSET")


def test_a_server_that_wants_a_message_for_nobody_gets_an_empty_one(make_board, talking):
    says = {b"RCPT": b"550 no such reader", b".": b"554 no valid recipients"}
    server = talking(lambda line, seen: says.get(line.split(b" ")[0]))

    told = list(make_board(server.url, lines=1).deliver(envelopes("a")))

    assert (told[0][1].status, told[0][1].reply) == (SendStatus.FAILED, "550 no such reader")
    assert server.asked(b".") == [b"."]


def test_a_server_that_closes_shop_is_away_and_its_last_message_was_not_taken(make_board, talking):
    board, told = make_board(talking(refusing(b"421 closing", verb=b".")).url, lines=1), []

    with pytest.raises(ProviderUnavailable):
        told += board.deliver(envelopes("a"))

    assert SendStatus.SENT not in {outcome.status for _seq, outcome in told}


def test_a_login_that_is_refused_is_a_refusal_of_us(make_board, talking):
    server = talking(EHLO=b"250-hi\r\n250 AUTH PLAIN", AUTH=b"535 bad password")

    with pytest.raises(ProviderRejection, match="535") as raised:
        answers(make_board(server.url.replace("//", "//user:secret@")), envelopes("a"))

    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        (b"RCPT", b"530 5.7.0 Authentication required"),
        (b"MAIL", b"550 who are you"),
        (b"MAIL", b"552 5.3.4 too large"),
    ],
)
def test_a_server_that_refuses_us_has_refused_no_reader(make_board, talking, verb, words):
    with pytest.raises(ProviderRejection, match=words.decode()):
        answers(make_board(talking(refusing(words, verb=verb)).url, lines=1), envelopes("a"))


def test_words_that_no_database_takes_are_left_out(make_board, talking):
    board = make_board(talking(refusing(b"550 no\x00body")).url, lines=1)

    assert [outcome.reply for _seq, outcome in board.deliver(envelopes("a"))] == ["550 nobody"]


# --- One round trip a message ---


def test_the_next_message_is_asked_for_before_the_one_in_flight_is_answered(make_board):
    server = socket.create_server(("127.0.0.1", 0))
    heard = []

    def serve():
        connection, _peer = server.accept()
        with connection, connection.makefile("rwb") as stream:
            stream.write(b"220 hi\r\n250-hi\r\n250 PIPELINING\r\n")
            stream.flush()
            stream.readline()
            heard.extend(stream.readline() for _question in range(3))
            stream.write(b"250 ok\r\n250 ok\r\n354 go\r\n")
            stream.flush()
            while stream.readline() != b".\r\n":
                pass
            heard.extend(stream.readline() for _question in range(3))  # it would hang here if they waited for 250
            stream.write(b"250 taken\r\n250 ok\r\n250 ok\r\n354 go\r\n")
            stream.flush()
            while stream.readline() != b".\r\n":
                pass
            stream.write(b"250 taken too\r\n221 bye\r\n")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    board = make_board(f"smtp://127.0.0.1:{server.getsockname()[1]}", lines=1)

    told = [(seq, outcome.reply) for seq, outcome in board.deliver(envelopes("a", "b"))]

    board.close()
    thread.join(5)
    server.close()
    assert told == [(0, "250 taken"), (1, "250 taken too")]
    assert [line.split(b" ")[0].strip() for line in heard] == [b"MAIL", b"RCPT", b"DATA"] * 2


def test_a_cut_after_the_dot_takes_nothing_from_the_message_that_was_to_follow(make_board, smtp):
    board = make_board(smtp.url, lines=1)

    told = answers(board, envelopes("cut-after-data-1-x", "b", "c"))

    assert told == {0: SendStatus.UNCERTAIN, 1: SendStatus.SENT, 2: SendStatus.SENT}
    assert smtp.copies_per_reader() == {1}


def test_a_refused_message_says_nothing_about_the_one_that_follows(make_board, smtp):
    board = make_board(smtp.url, lines=1)

    told = answers(board, envelopes("reject-data-x", "b", "reject-data-y", "refuse-x", "c"))

    assert [told[seq] for seq in range(5)] == [
        SendStatus.FAILED,
        SendStatus.SENT,
        SendStatus.FAILED,
        SendStatus.FAILED,
        SendStatus.SENT,
    ]


def test_a_server_that_goes_instead_of_an_answer_took_neither_message(make_board, talking):
    server = talking(lambda line, seen: b"421 closing" if line == b"." and len(server.heard) == 1 else None)
    board = make_board(server.url, lines=1)

    told = answers(board, envelopes("a", "b"))

    assert told == {0: SendStatus.SENT, 1: SendStatus.SENT}
    assert len(server.heard) == 2


class Impatient(Talking):
    """A server that hangs up a line on which nothing is asked for a moment."""

    def serve(self, connection, seen):
        connection.settimeout(0.1)
        super().serve(connection, seen)


def test_an_idle_line_that_the_server_closes_sends_nothing_again(make_board):
    quick_is_gone = threading.Event()

    def says(line, seen):
        if line == b"." and any(b"slow" in command for command in seen):
            quick_is_gone.wait(5)

    server = Impatient(says)
    board = make_board(server.url, lines=2, on_wait=quick_is_gone.set)

    told = [seq for seq, _outcome in board.deliver(envelopes("slow", "quick"))]

    assert sorted(told) == [0, 1]
    assert len(server.asked(b"RCPT")) == 2
    server.close()


# --- The server's limits ---


def test_a_message_larger_than_the_server_takes_stops_before_anybody_is_asked(make_board, talking):
    server = talking(EHLO=b"250-hi\r\n250-PIPELINING\r\n250 SIZE 1000")
    board = make_board(server.url)

    with pytest.raises(ProviderRejection, match=r"takes at most 1000 bytes a message; this one has \d{4}"):
        answers(board, envelopes("a", text="管理" * 500))

    assert server.asked(b"MAIL") == []


def test_the_size_is_told_where_the_server_asks_for_it(make_board, talking):
    server = talking(EHLO=b"250-hi\r\n250 SIZE")
    message = envelope(0, "a@example.org")

    assert answers(make_board(server.url), iter([message])) == {0: SendStatus.SENT}

    assert server.asked(b"MAIL") == [b"MAIL FROM:<news@news.example.org> SIZE=%d" % len(message.data)]


def test_a_line_carries_no_more_messages_than_we_allow(make_board, smtp):
    board = make_board(smtp.url, lines=1, per_connection=3)

    told = answers(board, envelopes(*names(10)))

    assert told == dict.fromkeys(range(10), SendStatus.SENT)
    assert Counter(Counter(copy.connection for copy in smtp.received()).values()) == {3: 3, 1: 1}


@pytest.mark.parametrize("words", [b"421 4.7.0 too many messages on this connection", b"450 too many in this session"])
def test_a_server_that_allows_few_messages_a_connection_gets_fresh_ones(make_board, talking, words):
    server = talking(lambda line, seen: words if line.startswith(b"MAIL") and seen.count(b".") == 2 else None)
    throttled = []
    board = make_board(server.url, lines=1, on_throttling=throttled.append)

    told = answers(board, envelopes(*names(20)))

    assert told == dict.fromkeys(range(20), SendStatus.SENT)
    assert len(server.heard) == 10
    assert throttled == []


def test_words_that_ask_for_patience_are_passed_on(make_board, talking):
    server = talking(
        lambda line, seen: (
            b"450 4.7.1 rate limit exceeded" if line.startswith(b"MAIL") and len(server.heard) == 1 else None
        )
    )
    throttled = []
    board = make_board(server.url, lines=1, on_throttling=throttled.append)

    assert answers(board, envelopes("a")) == {0: SendStatus.SENT}

    assert throttled == ["450 4.7.1 rate limit exceeded"]


# --- How many lines a rate needs ---


@pytest.fixture
def far_away(talking):
    """Return a function that starts a server that is slow to reply: its first reply takes a tenth of a second.

    From then on it replies to nobody until there are as many connections as `enough`, or 5 seconds have passed: how
    many there come to be does not depend on how busy this machine is.
    """

    def start(enough):
        messages, has_enough = [], threading.Event()

        def says(line, seen):
            if line != b".":
                return
            messages.append(seen)
            time.sleep(0.1)
            if len(messages) > 1 and len(server.heard) < enough:
                has_enough.wait(5)
            elif len(server.heard) >= enough:
                has_enough.set()

        server = talking(says)
        return server

    return start


@pytest.mark.parametrize(("rate", "fewest"), [(50, 5), (0.1, 1)])
def test_there_are_as_many_lines_as_the_rate_needs(make_board, far_away, rate, fewest):
    server, seconds = far_away(enough=fewest), []
    board = make_board(server.url, lines=64, rate=rate, on_reply=lambda *_answer: seconds.append(board.pool.seconds))

    answers(board, envelopes(*names(40 if fewest > 1 else 3)))

    assert fewest <= len(server.heard) <= math.ceil(rate * max(seconds) * SPARE_FACTOR)


@pytest.mark.parametrize("rate", [1000, None])
def test_there_are_as_many_lines_as_are_allowed_and_never_more(make_board, far_away, rate):
    server = far_away(enough=3)

    answers(make_board(server.url, lines=3, rate=rate), envelopes(*names(20)))

    assert len(server.heard) == 3


# --- A server that refuses everybody ---


@pytest.mark.parametrize("words", [b"554 5.7.1 relay access denied", b"550 relay not permitted"])
def test_a_server_that_refuses_everybody_refuses_us_and_no_reader_has_failed(make_board, talking, words):
    marks, told = [], []
    board = make_board(talking(refusing(words)).url, on_reply=lambda seq, _outcome: marks.append(seq))

    with pytest.raises(ProviderRejection, match="relay"):
        told += board.deliver(envelopes(*names(30)))

    assert told == marks == []


def test_a_server_that_refuses_everybody_refuses_us_from_batch_to_batch(make_board, talking):
    board = make_board(talking(refusing(b"554 5.7.1 relay access denied")).url)
    first = answers(board, envelopes(*names(15)))

    with pytest.raises(ProviderRejection):
        answers(board, envelopes(*names(15)))

    assert first == dict.fromkeys(range(15), SendStatus.FAILED)


@pytest.mark.parametrize(
    "words", [b"554 5.7.1 looks like spam", b"550 5.7.26 unauthenticated", b"554 Transaction failed"]
)
def test_a_letter_that_nobody_takes_goes_back_to_the_queue_after_the_dot_too(make_board, talking, words):
    marks, told = [], []
    board = make_board(
        talking(lambda line, seen: words if line == b"." else None).url,
        on_reply=lambda seq, outcome: marks.append((seq, outcome.status)),
    )

    with pytest.raises(ProviderRejection, match=words.decode()):
        told += board.deliver(envelopes(*names(40)))

    assert told == []
    assert len(marks) >= REFUSALS_MAX
    assert {answer for _seq, answer in marks} == {SendStatus.DEFERRED}  # after a crash they are tried again


def test_a_letter_that_one_reader_takes_was_refused_to_the_others(make_board, talking):
    server = talking(lambda line, seen: b"554 5.7.1 spam" if line == b"." and b"r15@" not in seen[-2] else None)

    told = answers(make_board(server.url, lines=1), envelopes(*names(30)))

    assert told == dict.fromkeys(range(30), SendStatus.FAILED) | {15: SendStatus.SENT}


def test_readers_who_do_not_exist_have_failed_but_so_many_in_a_row_stop_it(make_board, talking):
    board, told = make_board(talking(refusing(b"550 5.1.1 no such reader")).url, lines=1), []

    with pytest.raises(ProviderRejection, match="no such reader"):
        told += board.deliver(envelopes(*names(30)))

    assert [(seq, outcome.status) for seq, outcome in told] == [(seq, SendStatus.FAILED) for seq in range(REFUSALS_MAX)]


def test_readers_who_do_not_exist_indeed_stop_nothing(make_board, talking):
    board = make_board(talking(refusing(b"550 5.1.1 no such reader")).url)
    board.refusals.dead_are_confirmed = True

    assert answers(board, envelopes(*names(30))) == dict.fromkeys(range(30), SendStatus.FAILED)


def test_a_reader_who_exists_begins_the_row_anew(make_board, talking):
    board = make_board(talking(refusing(b"550 5.1.1 no such reader", but=b"r15@")).url, lines=1)

    assert answers(board, envelopes(*names(30))) == dict.fromkeys(range(30), SendStatus.FAILED) | {15: SendStatus.SENT}


def test_full_mailboxes_stop_nothing(make_board, talking):
    board = make_board(talking(refusing(b"552 5.2.2 mailbox full")).url)

    assert answers(board, envelopes(*names(30))) == dict.fromkeys(range(30), SendStatus.FAILED)


# --- Login ---


def test_a_login_comes_before_the_first_message(make_board, talking):
    server = talking(EHLO=b"250-hi\r\n250-PIPELINING\r\n250 AUTH PLAIN", AUTH=b"235 2.7.0 welcome")

    assert answers(make_board(server.url.replace("//", "//user:secret@")), envelopes("a")) == {0: SendStatus.SENT}

    verbs = [line.split(b" ")[0].upper() for line in server.heard[0]]
    assert verbs.index(b"AUTH") < verbs.index(b"MAIL")


def test_a_long_wait_for_an_answer_is_noticed(make_board, smtp):
    waits = []
    board = make_board(smtp.url, lines=1, on_wait=lambda: waits.append(len(smtp.received())))

    assert answers(board, envelopes("slow-1-x")) == {0: SendStatus.SENT}

    assert waits[-1:] == [1]


# --- When the worker is stopped ---


@pytest.fixture
def stopping(monkeypatch):
    """Set when the worker is asked to stop; answers are then waited for a moment only."""
    monkeypatch.setattr(smtp_pool, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(smtp_pool, "STOP_GRACE_SECONDS", 0.3)
    return threading.Event()


@pytest.fixture
def silence():
    """A question to which a server says nothing until the test is over."""
    over = threading.Event()
    yield lambda line, seen: over.wait(20) and b""
    over.set()


def stopped_at(stopping, count):
    """Return what hears of each dot and stops the worker at one of them, and the dots."""
    dots = []

    def on_dot(seq):
        dots.append(seq)
        if len(dots) == count:
            stopping.set()
        return True

    return on_dot, dots


@pytest.mark.parametrize("lines", [1, 4])
def test_a_dot_that_may_not_leave_does_not_and_others_are_heard(make_board, smtp, stopping, lines):
    """The lane was given up: the message is another's now, and certainly not handed over here."""

    def on_dot(seq):
        if seq == 5:
            stopping.set()
        return seq != 5 and not stopping.is_set()

    board = make_board(smtp.url, lines=lines, on_dot=on_dot, is_stopping=stopping.is_set)

    told = {}

    with pytest.raises(HandOverForbidden):
        told |= board.deliver(envelopes(*names(20)))

    assert smtp.readers() == {f"{name}@example.org" for seq, name in enumerate(names(20)) if seq in told}
    assert 5 not in told
    assert smtp.copies_per_reader() == {1}


def test_stopped_the_answer_to_what_is_handed_over_is_heard_and_nothing_more_leaves(make_board, talking, stopping):
    server = talking()
    on_dot, dots = stopped_at(stopping, 3)
    board = make_board(server.url, lines=1, on_dot=on_dot, is_stopping=stopping.is_set)

    assert answers(board, envelopes(*names(10))) == dict.fromkeys([0, 1, 2], SendStatus.SENT)

    assert dots == [0, 1, 2]
    assert server.asked(b".") == [b"."] * 3


def test_stopped_a_server_that_falls_silent_leaves_uncertain_what_it_has_and_nothing_else(
    make_board, talking, stopping, silence
):
    server = talking(lambda line, seen: silence(line, seen) if line == b"." else None)
    on_dot, dots = stopped_at(stopping, 4)
    board = make_board(server.url, on_dot=on_dot, is_stopping=stopping.is_set)

    told = dict(board.deliver(envelopes(*names(20))))

    assert sorted(told) == sorted(dots)
    assert {outcome.reply for outcome in told.values()} == {"no answer after the message: the worker was stopped"}
    assert {outcome.status for outcome in told.values()} == {SendStatus.UNCERTAIN}


def test_stopped_a_message_whose_questions_are_out_is_not_handed_over(make_board, talking, stopping):
    server = talking(lambda line, seen: stopping.wait(20) and None if line.startswith(b"MAIL") else None)
    board = make_board(server.url, on_wait=stopping.set, is_stopping=stopping.is_set)

    assert answers(board, envelopes(*names(5))) == {}

    assert server.asked(b".") == []


def test_stopped_a_server_that_does_not_even_greet_is_not_waited_for(make_board, stopping):
    waits = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"smtp://127.0.0.1:{server.getsockname()[1]}?timeout=30"
        board = make_board(url, on_wait=lambda: waits.append(1) or stopping.set(), is_stopping=stopping.is_set)

        assert answers(board, envelopes("a")) == {}

    assert waits == [1]


def test_a_long_wait_for_a_greeting_is_noticed(make_board, stopping):
    waits = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        board = make_board(f"smtp://127.0.0.1:{server.getsockname()[1]}?timeout=1", on_wait=lambda: waits.append(1))

        with pytest.raises(ProviderUnavailable, match="timed out"):
            answers(board, envelopes("a"))

    assert len(waits) > 3


# --- How many lines the server's pace needs ---


def test_a_server_far_away_gets_more_lines_by_itself(make_board, talking):
    server = talking(lambda line, seen: time.sleep(0.04) if line == b"." else None)

    told = answers(make_board(server.url, lines=16, first=2), envelopes(*names(200)))

    assert told == dict.fromkeys(range(200), SendStatus.SENT)
    assert 2 < len(server.heard) <= 16  # how many, beside load, is a matter of the machine


def test_a_server_that_gives_few_connections_gets_no_more_and_nothing_waits(make_board, talking):
    board, lines, greeted = None, [], []

    def says(line, seen):
        lines.append(len(board.pool.connections))
        if line.lower().startswith(b"ehlo"):
            greeted.append(line)
            return b"421 4.7.0 too many connections" if len(greeted) > 3 else None
        return time.sleep(0.02) if line == b"." else None

    server = talking(says)
    board = make_board(server.url, lines=16, first=2)

    told = answers(board, envelopes(*names(100)))

    assert told == dict.fromkeys(range(100), SendStatus.SENT)
    assert 2 <= max(lines) <= 3
    assert len(server.heard) <= 6  # nobody knocks again and again


def test_lines_that_are_one_too_many_are_closed_when_they_are_idle(make_board, talking):
    server = talking(lambda line, seen: time.sleep(0.01) if line == b"." else None)
    board = make_board(server.url, lines=4)

    answers(board, envelopes(*names(40)))
    board.pool.scaler.on_throttled(time.monotonic())
    told = answers(board, envelopes(*names(40)))

    assert told == dict.fromkeys(range(40), SendStatus.SENT)
    assert len(board.pool.connections) == 2


def test_a_server_in_trouble_with_itself_gets_fewer_lines(make_board, talking):
    server = talking(lambda line, seen: b"451 4.3.0 queue is full" if line.startswith(b"RCPT") else None)
    board = make_board(server.url, lines=4)

    answers(board, envelopes(*names(6)))

    assert board.pool.scaler.wanted == 2


def test_readers_who_are_greylisted_cost_no_line(make_board, talking):
    server = talking(lambda line, seen: b"451 4.7.1 greylisted, try later" if line.startswith(b"RCPT") else None)
    board = make_board(server.url, lines=4)

    answers(board, envelopes(*names(20)))

    assert board.pool.scaler.wanted == 4


def test_a_line_that_is_still_being_opened_when_all_is_over_is_closed(make_board, stopping):
    """The second line is greeted by nobody; the mailing does not wait for it."""
    over = threading.Event()
    opened = []

    class HalfDeaf(Talking):
        def serve(self, connection, seen):
            opened.append(connection)
            if len(opened) > 1:
                over.wait(20)
            super().serve(connection, seen)

    server = HalfDeaf(lambda line, seen: time.sleep(0.01) if line == b"." else None)
    board = make_board(server.url, lines=2)

    told = answers(board, envelopes(*names(10)))
    board.close()
    over.set()

    assert told == dict.fromkeys(range(10), SendStatus.SENT)
    assert (board.pool.connections, board.pool.opening) == ([], [])
    server.close()
