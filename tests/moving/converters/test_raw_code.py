"""Code that stands in a page as it was typed, as wp-syntax took it, stays code; the rest of the article stays, too."""

import pytest

from newsletter.moving.converters.converter import ConvertedPost
from newsletter.moving.converters.html.converting import convert_html
from newsletter.moving.converters.wordpress_html import as_html
from newsletter.moving.counting import count_html
from tests.moving.converters.support import unnamed

CODE = """<?php
if ($a < 3 && $b > 2 && $url = "?a=1&copy=2") {
    echo "<p class='x'>字</p>";
}

?>
<div><ul><li>"""
AFTER = '\n\n後文<img src="a.png"> <a href="https://e.org/">連</a>\n\n<h2>題</h2>'


@pytest.mark.parametrize("lang", ['lang="php" line="1"', "lang='php'", "class=x lang=php"])
def test_code_of_wordpress_that_nobody_escaped_is_code_and_the_article_goes_on(lang):
    typed = f"前文\n\n<pre {lang}>\n{CODE}\n</pre>{AFTER}"
    made = convert_html(as_html(typed, "", []))

    assert made.markdown == f"前文\n\n```php\n{CODE}\n```\n\n後文![](a.png) [連](https://e.org/)\n\n## 題"
    post = ConvertedPost(source="x", body=made.markdown, original_counts=count_html(typed), remarks=tuple(made.remarks))
    assert unnamed(post) == ((), {})


def test_such_code_stays_in_html_of_other_programs():
    made = convert_html(f'<p>前</p><pre lang="html">{CODE}</pre><p>後</p>')

    assert made.markdown == f"前\n\n```html\n{CODE}\n```\n\n後"


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        (
            '<pre lang="go"><code>a <b>b</b> &lt;c&gt;</code></pre>',
            "<pre><code>a <strong>b</strong> &lt;c&gt;</code></pre>",
        ),
        ('<pre lang="js"><span class="k">let</span> a</pre>', "```js\nlet a\n```"),
        ('<pre lang="php" escaped="true">a &amp; b &lt;i&gt;</pre>', "```php\na & b <i>\n```"),
        ('<pre lang="php">a &lt; b <i>c</pre>', "```php\na < b <i>c\n```"),
        ('<pre lang="zh-TW">一<b>二</b></pre>', "<pre>一<strong>二</strong></pre>"),
    ],
)
def test_code_that_was_escaped_or_marked_is_read_as_it_was(html, expected):
    assert convert_html(html).markdown == expected
