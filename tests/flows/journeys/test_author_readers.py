"""What an author does for readers, to where the reader or the list shows it."""

import pytest
from django.utils import timezone

from newsletter.delivery.events import applying
from newsletter.delivery.models import InboundMessage, Reply
from newsletter.mail import tokens
from subscribers.models import Sentence, Subscriber
from tests.delivery.events.mails import complaint, returned
from tests.factories import make_issue, make_post, make_subscriber

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


@pytest.mark.doors("admin:reader_act")
def test_who_asks_not_to_be_mailed_any_more_is_not(author, reader, machine):
    author.opens_desk("subscribers_subscriber_change", Subscriber.objects.get().pk)
    author.unfolds("More")
    author.unfolds("Never mail again")
    author.types(reason="Asked at the fair.")
    author.goes("Never mail again", inside=".reader-acts form")

    machine.sends(make_issue(make_post("A shelf"), number=7, subject="The seventh"))
    assert reader.letters() == []


@pytest.mark.doors(
    "admin:subscribers_suppression_add",
    "admin:subscribers_suppression_change",
    "admin:subscribers_suppression_delete",
)
def test_an_address_is_suppressed_until_it_is_freed(author, reader, machine):
    author.opens_desk("subscribers_suppression_add")
    author.types(email=reader.address)
    author.chooses("Reason", "by hand")
    author.goes("Save")
    machine.sends(make_issue(make_post("A shelf"), number=7, subject="The seventh"))
    assert reader.letters() == []

    author.goes(reader.address, inside="#result_list")
    author.types(note="Asked on the telephone.")
    author.goes("Save")
    author.sees("Asked on the telephone.")
    author.deletes(reader.address)
    author.sees("No address is suppressed.")


@pytest.mark.doors("admin:reader_bulk")
def test_all_readers_are_tagged_at_once(author, machine):
    make_subscriber("a@example.org")
    make_subscriber("b@example.org")
    author.opens_desk("subscribers_subscriber_changelist")
    author.goes("All readers…")
    author.goes("Give a tag")
    author.types(tag="fair")
    author.goes("Give a tag:", inside="main form")
    machine.works()

    author.opens_desk("subscribers_subscriber_changelist")
    author.sees("fair", inside="#result_list")


@pytest.mark.doors("admin:reader_errand_stop")
def test_what_was_begun_with_many_readers_is_stopped(author, machine):
    make_subscriber("a@example.org")
    author.opens_desk("subscribers_subscriber_changelist")
    author.goes("All readers…")
    author.goes("Unsubscribe")
    author.goes("Unsubscribe:", inside="main form")
    author.goes("Stop")
    machine.works()

    author.opens_desk("subscribers_subscriber_changelist")
    author.sees("active", inside="#result_list")


@pytest.mark.doors("admin:reader_health_believe", "admin:reader_health_dismiss")
def test_a_complaint_that_proves_nothing_is_believed_or_dismissed(author, reader, machine):
    other = make_subscriber("other@example.org", welcomed_at=timezone.now())
    machine.sends(make_issue(make_post("A shelf"), number=7, subject="The seventh"))
    for address in (reader.address, other.email):
        InboundMessage.objects.store("mail", complaint(returned(), recipient=address), timezone.now())
    applying.apply_waiting(timezone.now(), 5)
    author.opens_desk("reader_health")
    author.goes("Take as proven", inside=f"li:has-text('{reader.address}')")
    author.goes("Dismiss all")
    machine.works()

    author.opens_desk("subscribers_suppression_changelist")
    author.sees(reader.address)
    author.does_not_see(other.email)
