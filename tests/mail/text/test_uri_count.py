from newsletter.mail.text.uri_count import counted

HOME = "https://news.example.org/"
# HTML, text part, and what URI_COUNT_ODD of rspamd 3.12.1 counted in a mail of both.
BY_RSPAMD = [
    (f'<p><a href="{HOME}">Gipi</a></p>', "", 0),
    (f'<p><a href="{HOME}">Gipi</a></p>', HOME, 0),
    (f'<p><a href="{HOME}">{HOME}</a></p>', "", 3),
    (f'<p><a href="{HOME}">G</a> <a href="{HOME}">{HOME}</a></p>', "", 4),
    (f'<p><a href="{HOME}">{HOME}</a></p>', f"{HOME}\n\n{HOME}", 5),
    (f'<p><a href="{HOME}">see {HOME} x</a></p>', "", 0),
    ('<p><a href="https://a.example.com/x">a.example.com/x</a></p>', "a.example.com/x", 1),
    (f'<p><a href="{HOME}a/">www.example.com</a></p>', "", 1),
    (f"<p>{HOME}p/1/</p><p>{HOME}p/1/</p>", "", 2),
    (f"<p>{HOME}p/1/</p>", f"{HOME}p/1/", 2),
    (f'<p><a href="{HOME}p/1/">x</a></p><p>{HOME}p/1/</p>', "", 0),
    (f'<p><a href="{HOME}p/1/">x</a></p><p>{HOME}p/<br>1/</p>', "", 1),
    (f'<p><a href="{HOME}p/1/">{HOME}p/<br>1/</a></p>', "", 1),
    (f'<img src="{HOME}a.png"><img src="{HOME}a.png">', "", 2),
    (f'<a href="{HOME}a.png"><img src="{HOME}a.png"></a>', f"{HOME}a.png", 3),
    (f'<p><a href="{HOME}%E4%B8%AD/">x</a><a href="{HOME}%E4%B8%AD/">x</a></p>', "", 2),
    (f'<p><a href="{HOME}?q=%E4%B8%AD">x</a></p>', f"{HOME}?q=%E4%B8%AD", 2),
    (f'<p><a href="{HOME}a%2Fb/">x</a></p>', "", 0),
    ('<p><a href="https://news.example.org:8443/a/">x</a></p>', "", 1),
    (f'<p><a href="{HOME}a/?u=https%3A%2F%2Fb.example.com%2Fx">x</a></p>', "", 1),
    (f'<p><a href="{HOME}a/?utm=1&amp;b=2">x</a></p>', f"{HOME}a/?utm=1&b=2", 0),
    (f"<p>x {HOME}a?b=1&amp;c=2 y</p>", "", 1),
    ('<p><a href="https://en.example.org/wiki/A_(b)">x</a></p>', "https://en.example.org/wiki/A_(b)", 1),
    ("<p>x</p>", f"（{HOME}a/ ）", 1),
    (f'<p><a href="mailto:?subject=x&amp;body={HOME}">f</a></p>', "", 0),
]


def test_a_mail_is_even_when_it_is_to_rspamd():
    assert [(html, text) for html, text, count in BY_RSPAMD if counted(html, text) % 2 != count % 2] == []


def test_what_no_reader_sees_is_not_counted():
    assert counted(f"<title>{HOME}a/</title><style>p {{ background: url({HOME}b.png) }}</style>", "") == 0
