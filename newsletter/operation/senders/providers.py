"""What each mail service puts into mails as it comes, and which records make it the author's own domain. Data alone.

Looked up on 2026-11-28 in the pages named as source. A name in capitals is one that the service's own page shows.
"""

from dataclasses import dataclass

SPF, DKIM, BOUNCES = "SPF", "DKIM", "bounces"


@dataclass(frozen=True)
class ToPublish:
    """A DNS record that a service asks for. name: below the sender's domain, "" for the domain itself."""

    purpose: str
    kind: str
    name: str
    value: str


@dataclass(frozen=True)
class Provider:
    """A mail service. signs, bounces: domains as it comes, before anything is set up; "" if its pages do not say.

    selectors: of its DKIM keys, where they are the same for everybody. return_path: the domain of bounces once it is
    set up, where its name is known; {domain} is the sender's. include: its term in the SPF of the sender's domain, ""
    if it needs none there, because bounces go elsewhere. hosts: its SMTP servers.
    """

    name: str
    source: str
    records: tuple[ToPublish, ...]
    menu: str
    signs: str = ""
    bounces: str = ""
    selectors: tuple[str, ...] = ()
    return_path: str = ""
    include: str = ""
    hosts: tuple[str, ...] = ()

    @property
    def can_align_bounces(self) -> bool:
        return any(one.purpose == BOUNCES for one in self.records) or bool(self.include)


# By the scheme of the mail URL: newsletter/mail/mailers.py, PROVIDERS.
PROVIDERS = {
    "brevo": Provider(
        "Brevo",
        "https://help.brevo.com/hc/en-us/articles/17286219877778",
        (
            ToPublish(DKIM, "CNAME", "brevo1._domainkey", "b1.NAME.dkim.brevo.com"),
            ToPublish(DKIM, "CNAME", "brevo2._domainkey", "b2.NAME.dkim.brevo.com"),
        ),
        "Senders, domains, IPs → Domains",
        signs="brevosend.com",
        bounces="sender-sib.com",
        selectors=("brevo1", "brevo2", "mail"),
        hosts=("smtp-relay.brevo.com",),
    ),
    "mailersend": Provider(
        "MailerSend",
        "https://www.mailersend.com/blog/dns-records",
        (
            ToPublish(SPF, "TXT", "", "v=spf1 include:_spf.mailersend.net ~all"),
            ToPublish(DKIM, "CNAME", "mlsend2._domainkey", "mlsend2._domainkey.mailersend.net"),
            ToPublish(BOUNCES, "CNAME", "mta", "mailersend.net"),
        ),
        "Domains → Manage → DNS records",
        selectors=("mlsend2", "mlsend"),
        return_path="mta.{domain}",
        hosts=("smtp.mailersend.net",),
    ),
    "mailgun": Provider(
        "Mailgun",
        "https://documentation.mailgun.com/docs/mailgun/user-manual/domains/domains-verify",
        (
            ToPublish(BOUNCES, "TXT", "", "v=spf1 include:mailgun.org ~all"),
            ToPublish(BOUNCES, "MX", "", "10 mxa.mailgun.org, 10 mxb.mailgun.org"),
            ToPublish(DKIM, "CNAME or TXT", "SELECTOR._domainkey", "KEY"),
        ),
        "Send → Domains → Domain verification & DNS",
        selectors=("pdk1", "pdk2", "mx", "k1", "smtp", "pic", "mailo", "krs"),
        hosts=("smtp.mailgun.org", "smtp.eu.mailgun.org"),
    ),
    "mailjet": Provider(
        "Mailjet",
        "https://www.mailjet.com/blog/deliverability/mailjet-dmarcbis-is-dead-long-live-dmarc/",
        (
            ToPublish(DKIM, "TXT", "mailjet._domainkey", "KEY"),
            ToPublish(BOUNCES, "CNAME", "bnc3", "bnc3.mailjet.com"),
        ),
        "Account settings → Sender domains & addresses",
        signs="mailjet.com",
        bounces="bnc3.mailjet.com",
        selectors=("mailjet",),
        return_path="bnc3.{domain}",
        hosts=("in-v3.mailjet.com",),
    ),
    "mailtrap": Provider(
        "Mailtrap",
        "https://docs.mailtrap.io/email-api-smtp/setup/sending-domain",
        (
            ToPublish(DKIM, "CNAME", "rwmt1._domainkey", "rwmt1.dkim.smtp.mailtrap.live"),
            ToPublish(DKIM, "CNAME", "rwmt2._domainkey", "rwmt2.dkim.smtp.mailtrap.live"),
            ToPublish(BOUNCES, "CNAME", "NAME", "smtp.mailtrap.live"),
        ),
        "Sending Domains → the domain → DNS records",
        selectors=("rwmt1", "rwmt2"),
        hosts=("live.smtp.mailtrap.io", "bulk.smtp.mailtrap.io"),
    ),
    "mandrill": Provider(
        "Mandrill (Mailchimp Transactional)",
        "https://mailchimp.com/developer/transactional/docs/authentication-delivery/",
        (
            ToPublish(DKIM, "CNAME", "mte1._domainkey", "dkim1.mandrillapp.com"),
            ToPublish(DKIM, "CNAME", "mte2._domainkey", "dkim2.mandrillapp.com"),
            ToPublish(BOUNCES, "CNAME", "bounces", "mandrillapp.com"),
        ),
        "Settings → Domains → Tracking & Return-Path domains",
        bounces="mandrillapp.com",
        selectors=("mte1", "mte2"),
        hosts=("smtp.mandrillapp.com",),
    ),
    "postal": Provider(
        "Postal",
        "https://docs.postalserver.io/getting-started/dns-configuration",
        (
            ToPublish(DKIM, "TXT", "postal-NAME._domainkey", "KEY"),
            ToPublish(BOUNCES, "CNAME", "psrp", "RETURN-PATH-HOST"),
        ),
        "Domains → the domain → DNS setup",
        return_path="psrp.{domain}",
    ),
    "postmark": Provider(
        "Postmark",
        "https://postmarkapp.com/blog/introducing-full-dmarc-support-with-custom",
        (
            ToPublish(DKIM, "TXT", "SELECTOR._domainkey", "KEY"),
            ToPublish(BOUNCES, "CNAME", "pm-bounces", "pm.mtasv.net"),
        ),
        "Sender Signatures → the domain → DNS settings",
        bounces="pm.mtasv.net",
        return_path="pm-bounces.{domain}",
        hosts=("smtp.postmarkapp.com", "smtp-broadcasts.postmarkapp.com"),
    ),
    "resend": Provider(
        "Resend",
        "https://resend.com/docs/dashboard/domains/custom-return-path",
        (
            ToPublish(DKIM, "TXT", "resend._domainkey", "KEY"),
            ToPublish(BOUNCES, "MX", "send", "10 feedback-smtp.REGION.amazonses.com"),
            ToPublish(BOUNCES, "TXT", "send", "v=spf1 include:amazonses.com ~all"),
        ),
        "Domains → the domain",
        selectors=("resend",),
        return_path="send.{domain}",
        hosts=("smtp.resend.com",),
    ),
    "scaleway": Provider(
        "Scaleway Transactional Email",
        "https://www.scaleway.com/en/docs/transactional-email/how-to/authenticate-domain",
        (
            ToPublish(SPF, "TXT", "", "v=spf1 include:_spf.tem.scaleway.com ~all"),
            ToPublish(DKIM, "TXT", "PROJECT-ID._domainkey", "KEY"),
        ),
        "Transactional Email → the domain → DNS records",
        include="include:_spf.tem.scaleway.com",
        hosts=("smtp.tem.scaleway.com",),
    ),
    "sendgrid": Provider(
        "SendGrid",
        "https://support.sendgrid.com/hc/en-us/articles/21415314709147",
        (
            ToPublish(DKIM, "CNAME", "s1._domainkey", "s1.domainkey.ACCOUNT.sendgrid.net"),
            ToPublish(DKIM, "CNAME", "s2._domainkey", "s2.domainkey.ACCOUNT.sendgrid.net"),
            ToPublish(BOUNCES, "CNAME", "emNUMBER", "ACCOUNT.sendgrid.net"),
        ),
        "Settings → Sender Authentication → Domain Authentication",
        signs="sendgrid.net",
        bounces="sendgrid.net",
        selectors=("s1", "s2"),
        hosts=("smtp.sendgrid.net",),
    ),
    "ses": Provider(
        "Amazon SES",
        "https://docs.aws.amazon.com/ses/latest/dg/mail-from.html",
        (
            ToPublish(DKIM, "CNAME", "TOKEN._domainkey", "TOKEN.dkim.amazonses.com"),
            ToPublish(BOUNCES, "MX", "mail", "10 feedback-smtp.REGION.amazonses.com"),
            ToPublish(BOUNCES, "TXT", "mail", "v=spf1 include:amazonses.com ~all"),
        ),
        "Configuration → Identities → the domain → Custom MAIL FROM domain",
        signs="amazonses.com",
        bounces="amazonses.com",
        hosts=(".amazonaws.com",),
    ),
    "sparkpost": Provider(
        "SparkPost",
        "https://support.sparkpost.com/docs/tech-resources/custom-bounce-domain",
        (
            ToPublish(DKIM, "TXT", "SELECTOR._domainkey", "KEY"),
            ToPublish(BOUNCES, "CNAME", "bounce", "sparkpostmail.com (EU: eu.sparkpostmail.com)"),
        ),
        "Configuration → Domains → Bounce domain",
        bounces="sparkpostmail.com",
        hosts=("smtp.sparkpostmail.com", "smtp.eu.sparkpostmail.com"),
    ),
    "unisender-go": Provider(
        "Unisender Go",
        "https://docs.unione.io/en/",
        (
            ToPublish(SPF, "TXT", "", "v=spf1 include:spf.unisender.com ~all"),
            ToPublish(DKIM, "TXT", "us._domainkey", "KEY"),
        ),
        "Domains → the domain",
        selectors=("us",),
    ),
}


def of_host(host: str) -> Provider | None:
    """Return whose SMTP server a host is, None for one's own or one that is not known."""
    for provider in PROVIDERS.values():
        if any(host == one or (one.startswith(".") and host.endswith(one)) for one in provider.hosts):
            return provider
    return None
