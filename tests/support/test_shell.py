import pytest

from tests.support.product import Product

SET, GET = "import builtins; builtins.kept = 1", "import builtins; answer = hasattr(builtins, 'kept')"
MADE = "from newsletter.posts.models import Tag; Tag.objects.create(name='題', slug='t')"
COUNTED = "from newsletter.posts.models import Tag; answer = Tag.objects.count()"
SECRET = "from django.conf import settings; answer = settings.SECRET_KEY"


@pytest.fixture(scope="module")
def product(migrated_sqlite, tmp_path_factory):
    made = Product(tmp_path_factory.mktemp("shell"))
    made.begin_with(migrated_sqlite)
    yield made
    made.kill()


def test_a_call_remembers_nothing_of_the_one_before(product):
    product.shell(SET)

    assert product.shell(GET) is False


def test_what_a_call_has_written_the_next_one_finds(product):
    before = product.shell(COUNTED)

    product.shell(MADE.replace("'t'", f"'t{before}'"))

    assert product.shell(COUNTED) == before + 1


def test_nothing_of_a_call_waits_beside_the_database_file(product):
    product.shell(COUNTED)

    assert [path.name for path in product.data.glob("newsletter.sqlite3-*")] == []


@pytest.mark.parametrize("wrong", ["answer = 1 / 0", "import sys; sys.exit(3)", "answer = {1}", "(", "answer = b''"])
def test_what_goes_wrong_is_told_and_the_next_call_goes_on(product, wrong):
    with pytest.raises(AssertionError, match="Traceback"):
        product.shell(wrong)

    assert product.shell("answer = 7") == 7


def test_a_call_that_is_killed_is_told_of_too(product):
    with pytest.raises(AssertionError, match="ended with -9"):
        product.shell("import os; os.kill(os.getpid(), 9)")

    assert product.shell("answer = 7") == 7


def test_what_a_call_prints_is_not_its_answer(product):
    assert product.shell("print('{}', flush=True); answer = '題'") == "題"


def test_it_is_no_process_of_the_installation(product):
    product.shell("")

    assert product.pids() == []


def test_a_secret_that_comes_back_from_a_backup_is_the_next_calls(product):
    first = product.shell(SECRET)
    (product.data / "secret_key").write_text("x" * 50)

    assert product.shell(SECRET) == "x" * 50
    (product.data / "secret_key").write_text(first)


def test_after_a_kill_there_is_another(product):
    first = product.shell("import os; answer = os.getppid()")

    product.kill()

    assert product.shell("import os; answer = os.getppid()") != first
