"""What somebody does whose program talks to the newsletter."""

import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.doors("admin:api_token_add", "admin:api_token_delete")
def test_a_program_writes_a_draft_until_its_token_is_deleted(author):
    author.opens_desk("api_token_add")
    author.types(name="Obsidian")
    author.ticks("write drafts")
    author.goes("Save")
    token = author.page.locator("#token").input_value()
    author.goes("Done")
    draft = Request(
        f"{author.site}/api/v1/posts",
        json.dumps({"title": "Written elsewhere", "body": "By a program."}).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Idempotency-Key": "the first"},
    )
    with urlopen(draft) as answer:
        assert answer.status == 201
    author.opens_desk("posts_post_changelist")
    author.sees("Written elsewhere")

    author.opens_desk("api_token_changelist")
    author.deletes("Obsidian")
    with pytest.raises(HTTPError, match="401"):
        urlopen(draft)
