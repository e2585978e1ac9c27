"""A newsletter in containers, with the words by which tests/flows speak to one that runs as processes."""

import json
import os
import shlex
import signal
from dataclasses import dataclass, field
from typing import Any

from benchmarks.compose.machine import Tree, inspected
from benchmarks.image import Engine

OURS = {"single": ["newsletter"], "standard": ["web", "worker", "clock"]}
OURS["large"] = [*OURS["standard"], "worker-2", "worker-3"]
MARK = "the answer: "


@dataclass
class Site:
    """A profile of compose.yaml; `url` is where it answers."""

    engine: Engine
    tree: Tree
    profile: str
    url: str
    running: dict[str, None] = field(default_factory=lambda: {"up": None})

    @property
    def ours(self) -> list[str]:
        return OURS[self.profile]

    @property
    def container(self) -> str:
        """The one in which docs/deploy.md has every command."""
        return "newsletter" if self.profile == "single" else "worker"

    def compose(self, *words: str, typed: str | None = None, may_fail: bool = False, **variables: str) -> str:
        line = shlex.join(["docker", "compose", "--profile", self.profile, *words])
        return self.tree.paste(line, typed=typed, may_fail=may_fail, **variables)

    def manage(self, *words: str, typed: str | None = None) -> str:
        return self.compose("exec", "-T", self.container, "python", "manage.py", *words, typed=typed)

    def shell(self, code: str) -> Any:
        """Run Python inside Django; return what the variable `answer` holds."""
        program = f"import json\nanswer = None\n{code}\nprint({MARK!r} + json.dumps(answer))"
        said = self.manage("shell", "--no-imports", "-v", "0", "-c", program)
        return json.loads(said.rpartition(MARK)[2])

    def status(self, number: int) -> dict[str, Any]:
        """Return the answer of `mailing_status NUMBER --json`."""
        found: dict[str, Any] = json.loads(self.manage("mailing_status", str(number), "--json"))
        return found

    def type_in(self, path: str, text: str) -> None:
        """Write a file in the container."""
        self.compose("exec", "-T", self.container, "sh", "-c", f"cat >{path}", typed=text)

    def output(self, _name: str) -> str:
        return self.compose("logs", *self.ours)

    def crash(self, service: str) -> None:
        """Kill everything of a container at once, from outside."""
        found = inspected(self.engine, f"newsletter-{service}-1")
        os.kill(found["State"]["Pid"], signal.SIGKILL)
        print(f"         the first process of {service} is killed")
