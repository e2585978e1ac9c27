"""What an author does for readers, to where the reader or the list shows it."""

import pytest
from django.utils import timezone

from newsletter.delivery.models import Reply
from newsletter.mail import tokens
from subscribers.models import Sentence, Subscriber
from tests.factories import make_issue, make_post

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
CONSENT = "They asked for it at the fair."


@pytest.fixture(autouse=True)
def _files(settings, tmp_path):
    settings.DATA_DIR = tmp_path


@pytest.mark.doors("admin:reader_import", "admin:reader_import_columns", "admin:reader_import_start")
def test_a_reader_of_a_file_gets_the_next_issue(author, stranger, machine, tmp_path):
    file = tmp_path / "readers.csv"
    file.write_text(f"E-mail,First name\n{stranger.address},Lin\n")
    author.opens_desk("reader_import")
    author.attaches("file", file)
    author.types(consent=CONSENT)
    author.goes("Go on to the columns")
    author.goes("Try it, without writing")
    machine.works()
    author.opens(author.page.url)
    author.goes("Import them")
    machine.works()

    machine.sends(make_issue(make_post("A shelf"), number=7, subject="The seventh"))
    stranger.opens_letter("The seventh")
    stranger.sees("A shelf")


@pytest.mark.doors("admin:reader_bar", "admin:reader_bar_start")
def test_an_address_of_a_file_is_not_mailed_any_more(author, reader, machine, tmp_path):
    file = tmp_path / "never.csv"
    file.write_text(f"email\n{reader.address}\n")
    author.opens_desk("reader_bar")
    author.attaches("file", file)
    author.goes("Try it")
    machine.works()
    author.opens(author.page.url)
    author.goes("Suppress them")
    machine.works()

    machine.sends(make_issue(make_post("A shelf"), number=7, subject="The seventh"))
    assert reader.letters() == []


@pytest.mark.doors("admin:reader_note", "admin:subscribers_subscriber_change")
def test_a_note_and_a_name_stand_on_the_page_of_their_reader(author, reader):
    author.opens_desk("subscribers_subscriber_change", Subscriber.objects.get().pk)
    author.types(text="Met at the fair.")
    author.goes("Write the note")
    author.sees("Met at the fair.", inside=".story")
    author.types(name="Lin Mei")
    author.goes("Save")

    author.opens_desk("subscribers_subscriber_changelist")
    author.sees("Lin Mei")


@pytest.fixture
def reply(reader):
    return Reply.objects.create(
        subscriber=Subscriber.objects.get(),
        sender=reader.address,
        subject="Re: The seventh",
        text="Which shelf?",
        received_at=timezone.now(),
        is_certain=True,
        key=tokens.new_salt(),
        message_id="<1@example.org>",
    )


@pytest.mark.doors("admin:reader_reply_answer", "admin:reader_reply_mark")
def test_a_reply_is_answered_and_marked(author, reader, reply, machine):
    author.opens_desk("reader_reply", reply.pk)
    author.sees("Which shelf?")
    author.types(text="The wooden one.")
    author.goes("Send the answer")
    machine.works()
    reader.opens_letter("Re: The seventh")
    reader.sees("The wooden one.")

    author.types(note="Likes wood.")
    author.goes("Save", inside="main")
    author.opens_desk("reader_reply", reply.pk)
    author.sees_in_field("note", "Likes wood.")


@pytest.mark.doors("admin:reader_sentence_answered")
def test_a_sentence_that_was_answered_waits_no_more(author, reader):
    Sentence.objects.create(
        subscriber=Subscriber.objects.get(), kind="left", text="Too long for me.", at=timezone.now()
    )
    author.opens_desk("reader_sentences")
    author.goes("Answered")
    author.sees("Nobody waits for an answer.")


@pytest.mark.doors("admin:subscribers_subscriber_add")
def test_a_reader_who_asked_by_word_of_mouth_gets_the_next_issue(author, stranger, machine):
    author.opens_desk("subscribers_subscriber_add")
    author.types(email=stranger.address, consent="By word of mouth on 3 March.")
    author.goes("Save")

    machine.sends(make_issue(make_post("A shelf"), number=7, subject="The seventh"))
    stranger.opens_letter("The seventh")
    stranger.sees("A shelf")
