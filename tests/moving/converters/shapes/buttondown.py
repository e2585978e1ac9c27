"""Three exports of Buttondown: JSON with the texts in it, CSV with a folder of them, and the answer of its API."""

import json

PLAIN = """<!-- buttondown-editor-mode: plaintext -->各位{{ subscriber.first_name | default: "朋友" }}，

這期談**等待**[^1]，附一段錄音：

<audio controls src="https://buttondown-attachments.example/a.mp3"></audio>

{% if subscriber.can_be_premium %}
升級吧。
{% endif %}

![圖](https://assets.buttondown.email/images/a.png)

| 週 | 篇 |
|---|---|
| 1 | 2 |

<script async src="https://platform.twitter.com/widgets.js"></script>

```html
<script>x()</script>
```

[^1]: 註腳。"""
FANCY = (
    "<!-- buttondown-editor-mode: fancy --><h2>小標</h2><p>一段<strong>粗</strong>。</p>"
    '<figure><img src="https://assets.buttondown.email/images/b.png" alt="圖"><figcaption>說明</figcaption></figure>'
    '<p><a class="button" href="https://tickets.example/x">買票</a></p>'
    "<table><tbody><tr><th>週</th></tr><tr><td>1</td></tr></tbody></table>"
    '<div data-type="poll" data-id="1"></div><pre><code class="language-python">x = 1</code></pre>'
)
BARE = "沒有標記模式的一封。\n\n- 甲\n- 乙\n"


def row(number, subject, body, **given):
    """Return a mail as the JSON has it."""
    known = {"id": f"em_{number}", "subject": subject, "slug": f"mail-{number}", "body": body, "status": "sent"}
    known |= {"email_type": "public", "publish_date": f"2024-05-0{number}T08:00:00Z", "secondary_id": number}
    return known | given


ROWS = [
    row(1, "第一封", PLAIN),
    row(2, "第二封", FANCY, status="imported", description="摘要"),
    row(3, "第三封", BARE, email_type="premium"),
    row(4, "草稿", BARE, status="draft"),
]
CSV = "id,subject,slug,status,email_type,publish_date\n" + "".join(
    f"{one['id']},{one['subject']},{one['slug']},{one['status']},{one['email_type']},{one['publish_date']}\n"
    for one in ROWS
)
EXPORTS = {
    "json": {"emails.json": json.dumps(ROWS)},
    "csv": {"emails.csv": CSV, **{f"emails/{one['slug']}.md": one["body"] for one in ROWS}},
    "api": {"emails.json": json.dumps({"results": ROWS, "count": 4})},
}
