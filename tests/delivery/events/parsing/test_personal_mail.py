"""What is read of the mail of a person: words in any character set, apart from what they quote, and files by name."""

import base64
from email.message import EmailMessage

import pytest

from newsletter.delivery.events.parsing import personal_mail
from newsletter.delivery.events.parsing.inbound_mail import parse_mail
from newsletter.delivery.models import InboundMessage
from tests.delivery.conftest import NOW
from tests.support.cpu import is_within

WORDS = "謝謝這一期，第三段說得真好。"


def mail(body, *, kind="text/plain; charset=utf-8", extra="", coding="8bit"):
    octets = body if isinstance(body, bytes) else body.encode()
    if coding == "base64":
        octets = base64.encodebytes(octets)
    head = f"From: =?utf-8?b?{base64.b64encode('王小明'.encode()).decode()}?= <a@example.org>\n{extra}"
    head += f"Content-Type: {kind}\nContent-Transfer-Encoding: {coding}\n\n"
    return head.encode() + octets


def letter(*args, **options):
    return personal_mail.parse_personal_mail(mail(*args, **options), "key")


# --- Character sets ---


@pytest.mark.parametrize(
    ("charset", "codec", "words"),
    [
        ("big5", "big5", WORDS),
        ("Big5", "big5hkscs", "香港嘅讀者：喺度"),
        ("gb18030", "gb18030", "谢谢这一期"),
        ("gb2312", "gb18030", "谢谢，朱镕基、𠮷"),  # what programs write and gb2312 does not have
        ("ISO-2022-JP", "iso2022_jp", "ありがとうございます"),
        ("shift_jis", "cp932", "①番が好きです"),
        ("utf-8", "utf-8", WORDS),
        ("iso-8859-1", "cp1252", "It’s “fine” – merci à vous"),
        ("us-ascii", "utf-8", WORDS),
        ("x-unknown-77", "utf-8", WORDS),
        ("utf-8", "big5", WORDS),  # a lie
    ],
)
def test_words_are_read_in_the_character_set_that_they_are_written_in(charset, codec, words):
    assert letter(words.encode(codec), kind=f'text/plain; charset="{charset}"', coding="base64").text == words


@pytest.mark.parametrize("codec", ["utf-8", "big5", "iso2022_jp"])
def test_words_without_a_character_set_are_guessed(codec):
    words = "ありがとう" if codec == "iso2022_jp" else WORDS

    assert letter(words.encode(codec), kind="text/plain", coding="base64").text == words


def test_broken_octets_stop_nothing():
    assert letter(b"good \xff\xfe\x81 words", coding="base64").text.startswith("good ")
    assert letter("not base64 at all ===%%%", kind="text/plain; charset=utf-8").text


def test_signs_that_turn_words_around_are_taken_out():
    found = letter("abc\u202edef\u2066\x07 g", extra="Subject: a\u202eb\n")

    assert (found.text, found.subject) == ("abcdef  g", "ab")


# --- HTML ---


def test_html_is_read_as_text_and_nothing_of_it_runs_or_is_fetched():
    found = letter(
        "<style>p{color:red}</style><p onclick='x()'>Dear <b>Gipi</b>,</p><script>alert(1)</script>"
        "<img src='https://tracker.example/p.gif'><p>see <a href='https://evil.example/x'>my bank</a>"
        "<br>bye<iframe src=//evil.example></iframe></p><a href='javascript:alert(1)'>here</a>"
        "<svg><script>1</script></svg>",
        kind="text/html; charset=utf-8",
    )

    assert found.text == "Dear Gipi,\n\nsee my bank <https://evil.example/x>\nbye\n\nhere"


def test_of_two_texts_the_plain_one_is_read():
    both = EmailMessage()
    both["From"] = "a@example.org"
    both.set_content("plain words")
    both.add_alternative("<p>html words</p>", subtype="html")

    assert personal_mail.parse_personal_mail(both.as_bytes(), "k").text == "plain words"


def test_where_the_plain_text_is_empty_the_other_is_read():
    both = EmailMessage()
    both["From"] = "a@example.org"
    both.set_content("  \n")
    both.add_alternative("<div>html words</div>", subtype="html")

    assert personal_mail.parse_personal_mail(both.as_bytes(), "k").text == "html words"


@pytest.mark.parametrize(
    "unit", ["<div>", "<blockquote>", "<a href=x>", "<script>", "<!--", "</p>", "<br>", "&lt;", "<p "]
)
def test_html_that_never_ends_is_read_in_time(unit):
    assert isinstance(personal_mail.html_to_quoted_text(unit * (65_536 // len(unit))), str)


# --- What is quoted ---

TOP = "謝謝，我學到很多。\n\n小明"
QUOTES = {
    "Gmail": "On Wed, Nov 4, 2026 at 8:00 AM Gipi電子報 <news@news.example.org> wrote:\n\n> 第七期\n> 內文",
    "Gmail in two lines": "On Wed, Nov 4, 2026 at 8:00 AM Gipi電子報 <\nnews@news.example.org> wrote:\n\n> 第七期",
    "Gmail in Chinese": "Gipi電子報 <news@news.example.org> 於 2026年11月4日 週三 上午8:00寫道：\n\n> 第七期",
    "Apple Mail": "> Gipi電子報 <news@news.example.org> 於 2026年11月4日 上午8:00 寫道：\n> \n> 第七期",
    "Outlook": (
        "寄件者: Gipi電子報 <news@news.example.org>\n傳送時間: 2026年11月4日 08:00\n收件者: a@example.org\n"
        "主旨: 第七期\n\n內文第一段"
    ),
    "Outlook, a rule": "-----Original Message-----\nFrom: Gipi <news@news.example.org>\nSent: Wednesday\n\n內文",
    "Outlook on the web": "____________________\nFrom: Gipi <n@e.org>\nSent: Wednesday\nTo: a@e.org\n\n內文",
    "Yahoo": "在 2026年11月4日 星期三 上午08:00:00 [GMT+8]，Gipi <n@e.org> 寫道：\n\n> 第七期",
    "Japanese": "2026年11月4日(水) 8:00 Gipi <n@e.org>:\n\n> 第七期",
    "Gmail in Chinese, wrapped": "Gipi電子報 <n@e.org> 於 2026年11月4日 週三\n上午8:00寫道：\n\n> 第七期",
    "Gmail in Korean": "2026년 11월 4일 (수) 오전 8:00, Gipi <n@e.org>님이 작성:\n\n> 第七期",
    "QQ": '------------------&nbsp;原始邮件&nbsp;------------------\n发件人: "Gipi" <n@e.org>;\n主题: 第七期\n\n內文',
    "QQ in English": '------------------ Original ------------------\nFrom: "Gipi" <n@e.org>;\n\n內文',
    "163": "---- 回复的原邮件 ----\n| 发件人 | Gipi<n@e.org> |\n| 主题 | 第七期 |\n\n內文",
    "Outlook in French": "De : Gipi <n@e.org>\nEnvoyé : mercredi 4 novembre 2026 08:00\nObjet : 第七期\n\n內文",
    "Gmail in Italian": "Il giorno mer 4 nov 2026 alle ore 08:00 Gipi <n@e.org> ha scritto:\n\n> 第七期",
    "Outlook in Portuguese": "De: Gipi <n@e.org>\nEnviado: quarta-feira, 4 de novembro\nAssunto: 第七期\n\n內文",
    "Outlook in Danish": "Fra: Gipi <n@e.org>\nSendt: 4. november 2026 08:00\nEmne: 第七期\n\n內文",
    "no introduction": "> 第七期\n> 內文",
}


@pytest.mark.parametrize("program", QUOTES)
def test_what_a_program_quotes_below_is_folded_away(program):
    found = letter(f"{TOP}\n\n{QUOTES[program]}\n")

    assert found.text == TOP
    assert found.quoted.startswith(QUOTES[program].split("\n")[0])


def test_an_answer_below_the_quote_is_what_was_written():
    found = letter(f"{QUOTES['Gmail']}\n\n{TOP}")

    assert found.text == TOP
    assert "第七期" in found.quoted


def test_answers_between_quoted_lines_stay_between_them():
    text = "On Wed, Nov 4, 2026 Gipi <n@e.org> wrote:\n> one?\n\nyes\n\n> two?\n\nno"

    assert (letter(text).text, letter(text).quoted) == (text, "")


@pytest.mark.parametrize(
    "text",
    [
        "On Monday I wrote: this is great.\nAnd on Tuesday too.",
        "From: my heart\nThank you.",
        "> 只有引文",
        "--\n小明",
        "昨天我寫道：\n今天再寫。",
        "你好：\n\n2026年11月30日收到你的信，我有以下幾個問題：\n一\n二\n三\n四\n五\n六",
        "嗨，\nOn the other hand, I have three points:\n- a\n- b\n- c\n- d\n- e\n- f",
    ],
)
def test_words_that_only_look_like_a_quote_stay(text):
    assert letter(text).text == text


def test_html_quotes_are_folded_too():
    found = letter(
        "<div>謝謝！</div><div class=gmail_quote><div>On Wed, Nov 4, 2026 Gipi &lt;n@e.org&gt; wrote:<br></div>"
        "<blockquote>第七期<br>內文</blockquote></div>",
        kind="text/html; charset=utf-8",
    )

    assert found.text == "謝謝！"
    assert "> 第七期\n> 內文" in found.quoted


# --- Files ---


def with_files(*files):
    whole = EmailMessage()
    whole["From"] = "a@example.org"
    whole.set_content("see files")
    for name, octets in files:
        whole.add_attachment(octets, maintype="application", subtype="pdf", filename=name)
    return whole.as_bytes()


def test_files_are_named_with_kind_and_size_and_given_out_as_they_are():
    body = with_files(("報告.pdf", b"%PDF-1"), ("../../etc/passwd", b"x"))
    found = personal_mail.parse_personal_mail(body, "k")

    assert [(one.name, one.kind, one.size) for one in found.files] == [
        ("報告.pdf", "application/pdf", 6),
        ("passwd", "application/pdf", 1),
    ]
    assert personal_mail.attachment_bytes(body, found.files[0].number) == b"%PDF-1"
    assert personal_mail.attachment_bytes(body, 0) is None  # the text is no file
    assert personal_mail.attachment_bytes(body, 99) is None


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("C:\\Users\\me\\a.txt", "a.txt"),
        ("a\u202etxt.exe", "atxt.exe"),
        ('a"; filename="b.html', "a; filename=b.html"),
        ("..", ""),
        ("a\r\nSet-Cookie: x", "a Set-Cookie x"),
        ("長" * 500, "長" * 60 + "…" + "長" * 60),
    ],
)
def test_names_of_files_mislead_nobody(given, kept):
    assert personal_mail.safe_name(given) == kept


def test_a_picture_in_the_text_and_a_mail_inside_are_files():
    inner = EmailMessage()
    inner["Subject"] = "inside"
    inner.set_content("inner words")
    whole = EmailMessage()
    whole["From"] = "a@example.org"
    whole.set_content("outer words")
    whole.add_attachment(inner)
    whole.add_attachment(b"GIF89a", maintype="image", subtype="gif", disposition="inline", cid="<1@x>")
    found = personal_mail.parse_personal_mail(whole.as_bytes(), "k")

    assert found.text == "outer words"
    assert [one.kind for one in found.files] == ["message/rfc822", "image/gif"]
    assert b"inner words" in personal_mail.attachment_bytes(whole.as_bytes(), found.files[0].number)


# --- Hostile ones ---


def nested(depth):
    parts = (f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(depth))
    return b"From: a@example.org\n" + "".join(parts).encode() + b"Content-Type: text/plain\n\nhello\n"


@pytest.mark.exhaustive
@pytest.mark.parametrize("depth", [50, 300, 480, 700, 1000, 5000])
def test_parts_within_parts_end_somewhere(depth):
    found = parse_mail(nested(depth), [], NOW)

    assert found.kind == InboundMessage.Kind.REPLY
    assert found.personal_mail.sender == "a@example.org"


def with_pictures(number):
    body = b"From: a@b.c\nContent-Type: multipart/mixed; boundary=x\n\n"
    body += b"".join(b"--x\nContent-Type: image/png; name=%d.png\n\nabc\n" % n for n in range(number))
    return personal_mail.parse_personal_mail(body + b"--x--", "k")


def test_hundreds_of_files_are_counted_and_forty_named():
    found = with_pictures(900)

    assert (len(found.files), found.more_files) == (40, 260)


def test_a_mail_of_more_parts_than_anybody_sends_is_one_text():
    found = with_pictures(5000)

    assert found.files == ()


def test_a_subject_cannot_begin_another_field():
    extra = f"Subject: =?utf-8?b?{base64.b64encode(b'hi' + b'\r\nBcc: all@example.org').decode()}?=\n"

    assert letter("x", extra=extra).subject == "hi Bcc: all@example.org"


@pytest.mark.parametrize("given", ["<a b@c>", "<a,b@c>", "<" + "a" * 300 + "@b>", '<"a"@b>', "<=?q?a@b>", "é@b", ""])
def test_a_message_id_that_no_header_can_carry_is_none(given):
    assert letter("x", extra=f"Message-ID: {given}\n").message_id == ""


# --- Who writes to break something ---


BOMBS = {
    "parameters": b'Content-Disposition: attachment; filename="' + b";" * 200_000,
    "kind": b"Content-Type: text/plain; " + b"a=b; " * 400_000,
    "subject": b"Subject: " + b"=?utf-8?q?a?= " * 300_000,
    "sender": b"From: " + b"=?utf-8?q?a?= " * 300_000 + b"<a@example.org>",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_field_without_an_end_costs_no_more_than_a_long_one(name):
    bomb = b"To: news@news.example.org\n" + BOMBS[name] + b"\n\nwords"

    assert is_within(2, lambda: personal_mail.parse_personal_mail(bomb, "key"))
    assert is_within(2, lambda: parse_mail(bomb, [], NOW))


def test_a_report_within_a_report_is_bounded_as_well():
    inner = "Final-Recipient: rfc822; a@example.org\nContent-Type: text/plain; " + "a=b; " * 12_000
    report = f"Content-Type: message/delivery-status\n\nReporting-MTA: dns; a\n\n{inner}\n".encode()

    assert is_within(2, lambda: parse_mail(b"From: a@example.org\n" + report, [], NOW))


def test_a_character_set_that_breaks_at_its_end_stops_nothing():
    assert letter(b"words-99999999999", kind="text/plain; charset=punycode").text == "words-99999999999"


@pytest.mark.parametrize("charset", ["punycode", "idna", "undefined", "unicode-escape"])
def test_what_is_no_character_set_of_a_mail_takes_no_longer_than_another(charset):
    part = f"--b\nContent-Type: text/plain; charset={charset}\n\nabc-{'a' * 250_000}\n"
    head = f"From: a@example.org\nSubject: =?{charset}?q?abc-{'a' * 50_000}?=\n"
    bomb = f"{head}Content-Type: multipart/mixed; boundary=b\n\n{part * 4}--b--\n".encode()

    assert is_within(2, lambda: personal_mail.parse_personal_mail(bomb, "key"))
    assert is_within(2, lambda: parse_mail(bomb, [], NOW))
