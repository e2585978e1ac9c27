"""What is special about a mail of the collection (posts, subject, names), and the issue that is composed for it."""

from itertools import cycle
from typing import NamedTuple

from newsletter.desk import demo
from newsletter.issues.models import Issue, IssueItem

Form = IssueItem.Form
FORMS = {
    "full": [Form.FULL],
    "excerpt": [Form.EXCERPT],
    "link": [Form.LINK],
    "mixed": [Form.FULL, Form.EXCERPT, Form.LINK],
}


class Variant(NamedTuple):
    """What is special about a mail: its posts and how much of them is shown, its subject, the names in it."""

    posts: int = 3
    form: str = "mixed"
    introduction: str = ""  # empty: that of an issue of the demo
    subject: str = ""  # empty: that of an issue of the demo
    name: str = "王小明"
    sender_name: str = ""  # empty: that of the demo
    invites: bool = False


PLAIN = {"": Variant()}
COMPOSED = {
    f"{posts}-{form}": Variant(posts, form)
    for posts in range(1, 9)
    for form in FORMS
    if posts > 1 or form != "mixed"  # which begins in full
}
SUBJECTS = {
    "subject-1": Variant(subject="信"),
    "subject-200": Variant(subject=("管理槓桿：讓管理變省力的四個技巧，以及 ChatGPT 時代的主管。" * 8)[:200]),
}
NAMES = {
    "emoji": Variant(subject="🎉 讀完這一期，休息一下 👩‍👩‍👧‍👦", name="🍣 小明 🧑‍💻", sender_name="Gipi電子報 📮"),
    "rare": Variant(subject="𠮷野家與陶堃：難字也要寫對", name="𠮷田堃", sender_name="𠮷比電子報"),
    "commas": Variant(subject="一、二，三; four, five: six", name="Wang, Xiao-Ming; a=?b?=", sender_name="Gipi, News"),
    "quotes": Variant(subject="他說 \"好\"，她說 '不' \\", name='王 "小明" O\'Neill <boss>', sender_name='"Gipi"'),
    "brackets": Variant(
        subject="【更新】「槓桿」與『留白』", name="王「小明」（產品部）", sender_name="「Gipi」電子報"
    ),
}
ODD = SUBJECTS | NAMES
WIDE = """一張寬的表，和一段寬的程式：

| 工具 | 每月 | 讀者 | 開信 | 備註 |
|---|--:|--:|:-:|---|
| [郵局](https://example.com/post) | 80 元 | 12,000 | 是 | **最便宜**，退信自己收 |
| 自己架 | 0 元 | 3,500 | | 要有人看著 |

```shell
cp /var/lib/newsletter/media/volumes/2026.epub /mnt/backup/
DATA_DIR=/srv/newsletter uv run manage.py backup --everything
```
"""
CALLED = "{name|朋友}，早安。\n\n這一期談*取捨*：先想清楚不做什麼，再談要做什麼。"
TEXTS = {
    "wide": Variant(introduction=WIDE),
    "called": Variant(introduction=CALLED, invites=True),
    "called-nobody": Variant(introduction=CALLED, invites=True, name=""),
}


def compose(number: int, variant: Variant) -> Issue:
    """Keep an unsent issue, with the words and the posts of sent ones: all of them are public."""
    model = Issue.objects.get(number=variant.posts % demo.SENT + 1)
    issue = Issue.objects.create(
        number=number,
        subject=variant.subject or model.subject,
        introduction=variant.introduction or model.introduction,
        closing=model.closing,
    )
    sent = IssueItem.objects.filter(issue__number__lte=demo.SENT).order_by("issue__number", "position")
    posts = [item.post for item in sent.select_related("post")]
    begins = posts.index(model.items.all()[0].post)
    for position, form in zip(range(variant.posts), cycle(FORMS[variant.form]), strict=False):
        post = posts[(begins + position) % len(posts)]
        IssueItem.objects.create(issue=issue, post=post, position=position, form=form)
    return issue
