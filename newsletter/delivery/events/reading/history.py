"""What a person wrote, apart from what their program quotes of the letter before. Pure.

Programs put a line above what they quote ("… wrote:"), or the fields of that mail, or ">" before each line. Words that
stand between quoted lines are an answer to them: then nothing is taken apart.
"""

import re

LINE_MAX = 300  # characters of a line that may introduce a quote
INTRODUCED = re.compile(
    r"(?:wrote|writes|schrieb|a écrit|escribió|寫道|写道|のメール|さんは書きました|來信)\s{0,3}[:：]?\s{0,3}$|"
    r"^(?:On|於|在|Am|Le|El)\s.{5,200}(?:[:：]|<[^<>]{3,100}@[^<>]{3,100}>\s{0,3}[:：]?)\s{0,3}$|"
    r"^\d{4}年\d{1,2}月\d{1,2}日.{0,150}[:：]\s{0,3}$"
)
RULED = re.compile(
    r"^\s{0,9}[-_]{2,20}\s{0,3}(?:Original Message|Original Appointment|Forwarded message|Ursprüngliche Nachricht|"
    r"原始郵件|原始邮件|轉寄|转发|元のメッセージ|Reply to).{0,40}$|^\s{0,9}_{20,80}\s{0,9}$",
    re.IGNORECASE,
)
FROM_FIELD = re.compile(r"^\*{0,2}(?:From|Von|De|寄件者|寄件人|发件人|差出人)\*{0,2}\s{0,3}[:：]\s{0,9}\S")
OTHER_FIELD = re.compile(
    r"^\*{0,2}(?:Sent|Date|To|Subject|Gesendet|An|Betreff|傳送時間|日期|寄件日期|收件者|收件人|主旨|发送时间|主题|送信日時|宛先|件名)"
    r"\*{0,2}\s{0,3}[:：]"
)
BROKEN = ("On ", "於 ", "在 ")  # how lines begin that programs break
FIELDS_WITHIN = 4  # lines below From in which another field stands


def apart(text: str) -> tuple[str, str]:
    """Return what was written, and what was quoted; ("…", "") where they cannot be told apart."""
    lines = text.strip("\n").split("\n")
    begin = next((number for number in range(len(lines)) if _begins_history(lines, number)), None)
    if begin is None:
        return _without_last_quote(lines)
    written, quoted = lines[:begin], lines[begin:]
    if _is_marked(lines, begin):
        end = _end_of_marks(lines, begin)
        quoted, after = lines[begin:end], lines[end:]
        if _says_something(after):  # an answer below, or between what is quoted
            if any(_is_quoted(line) for line in after):
                return _joined(lines), ""
            written = [*written, "", *after] if _says_something(written) else after
    return (_joined(written), _joined(quoted)) if _says_something(written) else (_joined(lines), "")


def _begins_history(lines: list[str], number: int) -> bool:
    line = lines[number].strip()
    if not line or len(line) > LINE_MAX:
        return False
    if RULED.search(line):
        return any(one.strip() for one in lines[number + 1 : number + 6])
    if FROM_FIELD.match(line):
        return any(OTHER_FIELD.match(one.strip()) for one in lines[number + 1 : number + 1 + FIELDS_WITHIN])
    if not INTRODUCED.search(line) and line.startswith(BROKEN) and number + 1 < len(lines):
        line = f"{line} {lines[number + 1].strip()}"[:LINE_MAX]
    return bool(INTRODUCED.search(line)) and _is_followed(lines, number)


def _is_followed(lines: list[str], number: int) -> bool:
    """Return whether a quote comes next: marked lines, or all the rest, if there is enough of it."""
    rest = [line for line in lines[number + 1 :] if line.strip()]
    return bool(rest) and (any(_is_quoted(line) for line in rest[:3]) or len(rest) > 5)


def _is_marked(lines: list[str], begin: int) -> bool:
    return any(_is_quoted(line) for line in lines[begin : begin + 5])


def _end_of_marks(lines: list[str], begin: int) -> int:
    """Return the number of the first line behind the marked ones that has words of its own."""
    first = next(number for number in range(begin, len(lines)) if _is_quoted(lines[number]))
    return next(
        (number for number in range(first, len(lines)) if lines[number].strip() and not _is_quoted(lines[number])),
        len(lines),
    )


def _without_last_quote(lines: list[str]) -> tuple[str, str]:
    """Take off the marked lines at the end, if nothing introduces them."""
    end = len(lines)
    while end and (not lines[end - 1].strip() or _is_quoted(lines[end - 1])):
        end -= 1
    quoted = lines[end:]
    if not _says_something(lines[:end]) or not any(_is_quoted(line) for line in quoted):
        return _joined(lines), ""
    return _joined(lines[:end]), _joined(quoted)


def _is_quoted(line: str) -> bool:
    return line.lstrip().startswith(">")


def _says_something(lines: list[str]) -> bool:
    return any(line.strip() and not _is_quoted(line) for line in lines)


def _joined(lines: list[str]) -> str:
    return "\n".join(lines).strip("\n").rstrip()
