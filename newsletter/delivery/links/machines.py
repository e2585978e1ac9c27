"""Which requests machines make: what says so by itself. What shows only beside others is counting.py's. Pure."""

from collections.abc import Mapping

# Programs that look at links of mails before, or instead of, their readers, by a part of their names. Sources:
# 1 https://check.live-direct-marketing.online/blog/bot-clicks-security-scanners-detect
# 2 https://university.act-on.com/Product_Features/Reports/Sent_Email_Reports/Identifying_False_Positives_in_Email_Clicks
# 3 https://developers.facebook.com/docs/sharing/webmasters/web-crawlers and https://api.slack.com/robots
SCANNERS = (
    *("ms-office", "msoffice", "microsoft office", "skypeuripreview"),  # Microsoft's (1)
    *("barracuda", "mimecast", "proofpoint", "ironport", "ciscosecureemail", "tmes", "fortinet", "sophos"),  # 1, 2
    *("trend micro", "trendmicro", "fortimail", "symantec", "mcafee", "forcepoint", "fireeye", "kaspersky"),
    *("sonicwall", "zscaler"),
    *("facebookexternalhit", "whatsapp/", "slack-imgproxy", "googleimageproxy", "preview"),  # of links passed on (3)
    # Programs that say that they are one
    *("bot", "crawl", "spider", "scanner", "monitor", "headless", "curl/", "wget/", "python", "java/", "okhttp"),
    *("go-http-client", "libwww", "axios/", "node-fetch", "apache-httpclient", "phantomjs", "puppeteer"),
)
BROWSERS = ("mozilla/", "opera/")  # how the program of a person begins
NO_BOT = "cubot"  # makes telephones
PREFETCHES = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")


def is_machine(headers: Mapping[str, str]) -> bool:
    """Return whether a request says that no person has made it: its program does, or it comes before a click."""
    program = headers.get("User-Agent", "").lower().replace(NO_BOT, "")
    if any(_is_prefetch(headers.get(name, "")) for name in PREFETCHES):
        return True
    return not program.startswith(BROWSERS) or any(name in program for name in SCANNERS)


def _is_prefetch(purpose: str) -> bool:
    return purpose.lower().startswith(("prefetch", "preview"))


def asks_not_to_be_tracked(headers: Mapping[str, str]) -> bool:
    """Return whether a browser carries Global Privacy Control or Do Not Track.

    Source: https://www.w3.org/TR/gpc/ section 3, https://www.w3.org/TR/tracking-dnt/ section 5.
    """
    return "1" in {headers.get("Sec-GPC", "").strip(), headers.get("DNT", "").strip()}
