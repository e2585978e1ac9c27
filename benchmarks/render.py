"""One reader's message: the compiled template against the e-mail classes, in microseconds of CPU.

    uv run --dev python -m benchmarks.render [--messages 2000]

compiled  newsletter.delivery.sending.couriers.CompiledMailing.envelope: tokens, header values, template.Template.render
template  of that, Template.render alone
ours      rendering.build_copy and the bytes of newsletter.mail.message.Mail: the e-mail classes, our policy
Django    EmailMultiAlternatives and its bytes, as Django writes them
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

from benchmarks.installation import installation, machine
from benchmarks.throughput import make_mailing


def cost(build: Callable[[], bytes], times: int) -> tuple[float, int]:
    """Return microseconds of CPU a message, the median of five runs, and its bytes."""
    size, spent = len(build()), []
    for _ in range(5):
        begun = time.process_time()
        for _ in range(times):
            build()
        spent.append((time.process_time() - begun) / times * 1e6)
    return median(spent), size


def ways() -> dict[str, tuple[Callable[[], bytes], int]]:
    """Return each way to build the message of one reader, and how much rarer it is to be run."""
    from email.policy import SMTP

    from django.core.mail import EmailMultiAlternatives

    from newsletter.delivery.ledger.claims import DeliveryRow
    from newsletter.delivery.letter import rendering
    from newsletter.delivery.letter.compiled import LINK_PURPOSES, CompiledMailing
    from subscribers.models import Subscriber

    mailing = make_mailing(1)
    reader = Subscriber.objects.get()
    row = DeliveryRow(0, reader.pk, reader.email, "王小明", True, reader.token_salt, reader.address_hash)
    compiled, values = CompiledMailing(mailing), rendering.reader_values(reader)
    plain = dict.fromkeys(LINK_PURPOSES, b"x" * 20) | {"to": b"x" * 40, "message_id": b"x" * 40, "email": b"x" * 20}

    def django() -> bytes:
        html, text = rendering.html_and_text(mailing)
        html, text = rendering.fill(html, values, escaped=True), rendering.fill(text, values, escaped=False)
        message = EmailMultiAlternatives(mailing.subject, text, mailing.sender_email, [reader.email])
        message.attach_alternative(html, "text/html")
        return message.message(policy=SMTP).as_bytes()

    return {
        "compiled": (lambda: compiled.envelope(row).data, 1),
        "template": (lambda: compiled.template.render(plain, plain), 1),
        "ours": (lambda: rendering.build_copy(mailing, reader, ids=(1, 0)).message(policy=SMTP).as_bytes(), 10),
        "Django": (django, 10),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=2000)
    options = parser.parse_args()
    print(machine())
    with installation():
        for name, (build, rarer) in ways().items():
            spent, size = cost(build, options.messages // rarer)
            print(f"{name:8}  {spent:7.1f} us  {size / 1000:5.1f} KB")


if __name__ == "__main__":
    main()
