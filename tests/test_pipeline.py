"""The files that start the checks elsewhere start these, and nothing of their own."""

import yaml

from tests.support.product import ROOT


def read(path):
    return yaml.safe_load((ROOT / path).read_text())


def test_what_runs_on_github_is_the_one_script():
    (job,) = read(".github/workflows/ci.yml")["jobs"].values()

    assert job["steps"][-1] == {"run": ".ci/run"}
    assert job["container"] == "debian:13"
    assert read(".github/workflows/ci.yml")["permissions"] == {"contents": "read"}


def test_each_check_before_a_commit_is_one_of_the_script():
    script = (ROOT / ".ci" / "run").read_text()
    hooks = [hook for repo in read(".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]]

    assert {repo["repo"] for repo in read(".pre-commit-config.yaml")["repos"]} == {"local"}, "nothing is fetched"
    for hook in hooks:
        tool = hook["entry"].removeprefix("uv run --frozen --dev ").split()[0]
        assert f"tool {tool}" in script, hook["id"]


def test_each_kind_of_dependency_is_looked_after():
    kinds = {one["package-ecosystem"] for one in read(".github/dependabot.yml")["updates"]}

    assert kinds == {"uv", "github-actions", "docker", "docker-compose"}
