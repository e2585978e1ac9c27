"""The files that start the checks elsewhere start these, and nothing of their own."""

import re

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


def test_an_image_is_built_for_two_machines_if_its_tag_is_the_version_and_needs_no_secret():
    text = (ROOT / ".github/workflows/image.yml").read_text()
    (job,) = read(".github/workflows/image.yml")["jobs"].values()
    steps = {step["uses"].split("@")[0]: step for step in job["steps"] if "uses" in step}

    assert steps["docker/build-push-action"]["with"]["platforms"] == "linux/amd64,linux/arm64"
    assert 'test "$GITHUB_REF_NAME" = "v$version"' in text
    assert "secrets." not in text
    assert read(".github/workflows/image.yml")["permissions"] == {"contents": "read", "packages": "write"}


def test_a_form_for_a_fault_asks_what_a_maintainer_asks_first_in_both_languages():
    forms = [read(f".github/ISSUE_TEMPLATE/{name}.yml") for name in ("fault", "wish")]
    labels = [one["attributes"]["label"] for form in forms for one in form["body"] if "label" in one["attributes"]]

    assert [label for label in labels if not (re.search("[a-z] ", label) and re.search("[一-鿿]", label))] == []
    assert {one["id"] for one in forms[0]["body"] if "id" in one} >= {"happened", "version", "doctor"}


def test_ci_builds_the_site_of_the_documents_so_that_a_dead_link_stops_it():
    script = (ROOT / ".ci" / "run").read_text()
    (command,) = re.findall(r"mkdocs build .+", script)

    assert "--strict" in command
    assert "--quiet" not in command, "without its warnings nothing is strict"
    assert (ROOT / re.search(r"-f (\S+)", command)[1]).exists()
