"""Code is taken out of a text before any mark is looked for, and put back as it was. Pure."""

import re

CODE = re.compile(
    r"^(?P<before>[ \t]*)(?P<block>(?P<fence>```+|~~~+).*?(?:^[ \t]*(?P=fence)[`~]*[ \t]*$|\Z))"
    r"|(?P<ticks>`+)[^`\n](?:[^`\n]|\n(?![ \t]*\n)|`(?!(?P=ticks)))*?(?P=ticks)",
    re.DOTALL | re.MULTILINE,
)
_HIDDEN = re.compile(r"(?P<before>^[ \t>]*)?\0(?P<number>\d+)\0", re.MULTILINE)


class Code:
    """Takes code out of a text, so that no rule has to know where it stands."""

    def __init__(self) -> None:
        self._kept: list[str] = []

    def hide(self, code: str) -> str:
        self._kept.append(self.put_back(code))
        return f"\0{len(self._kept) - 1}\0"

    def hide_block(self, before: str, block: str) -> str:
        """Hide a fence, and keep its indent."""
        lines = block.split("\n")
        if any(line.strip() and not line.startswith(before) for line in lines[1:]):
            return self.hide(before + block)
        return before + self.hide("\n".join(line.removeprefix(before) for line in lines))

    def take_out(self, text: str) -> str:
        def hidden(found: re.Match[str]) -> str:
            return self.hide_block(found["before"], found["block"]) if found["fence"] else self.hide(found[0])

        return CODE.sub(hidden, text)

    def put_back(self, text: str) -> str:
        def shown(found: re.Match[str]) -> str:
            before, code = found["before"] or "", self._kept[int(found["number"])]
            lines = code.split("\n") if code.startswith(("```", "~~~")) else [code]
            return "\n".join((before + line) if line else before.rstrip() for line in lines)

        return _HIDDEN.sub(shown, text)
