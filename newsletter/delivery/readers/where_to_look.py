"""Where a letter may be in a mailbox that took it, by the program that its reader reads with. Pure.

Sources, each looked up on the help pages of the provider: Gmail "Use Gmail categories" and "Mark or unmark spam",
Outlook "Focused Inbox" and "Junk email", Yahoo "Spam folder", iCloud "Manage junk mail", Proton "Spam filtering".
"""

from django.utils.translation import gettext as _

GMAIL = ("gmail.com", "googlemail.com")
OUTLOOK = ("outlook.com", "hotmail.com", "live.com", "msn.com", "outlook.com.tw", "hotmail.com.tw", "livemail.tw")
YAHOO = ("yahoo.com", "yahoo.com.tw", "yahoo.com.hk", "ymail.com", "aol.com")
ICLOUD = ("icloud.com", "me.com", "mac.com")


def advice(address: str, sender: str) -> str:
    """Return one sentence for the reader of `address`; sender: the address that issues come from."""
    domain = address.rpartition("@")[2].lower()
    if domain in GMAIL:
        words = _("Gmail: look under Promotions and Spam, or search for “in:anywhere from:%(sender)s”.")
    elif domain in OUTLOOK:
        words = _("Outlook: look under Other and Junk Email; then add %(sender)s to the safe senders.")
    elif domain in YAHOO:
        words = _("Yahoo: look in the spam folder, press “Not spam”, and add %(sender)s to your contacts.")
    elif domain in ICLOUD:
        words = _("iCloud: look under Junk; then move the letter to the inbox.")
    else:
        words = _("Look in the spam folder and in folders that a filter fills, or search for %(sender)s.")
    return words % {"sender": sender}
