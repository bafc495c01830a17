"""Every route and verb: described, and closed to whom it is not open."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jupyter_server.auth import Authorizer
from openapi_spec_validator import validate
from tornado.httpclient import HTTPClientError

from jupyter_cloudml.core.spec import JobSpec
from jupyter_cloudml.server.places import DESCRIPTION
from jupyter_cloudml.server.routes import PAGES, REST

JOB = "0123456789ab"
VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
WITHOUT_BODY = ("GET", "HEAD", "OPTIONS", "TRACE", "DELETE")
UNSET = "0" * 12


def described() -> dict[str, Any]:
    return yaml.safe_load(DESCRIPTION.read_text())


def implemented(handler: type) -> set[str]:
    return {verb for verb in VERBS if verb.lower() in vars(handler)}


def real_paths() -> Iterator[tuple[str, type, str]]:
    """Every route of the description as a path that exists, its handler, and the path as the description has it."""
    for pattern, handler in REST:
        for tool in ("mlflow", "tensorboard") if "tools" in pattern else ("",):
            said = pattern.replace("([^/]+)", "{id}").replace("(mlflow|tensorboard)", "{tool}")
            yield said.replace("{id}", JOB).replace("{tool}", tool), handler, said


Leave = tuple[str, str]


def every_route() -> Iterator[tuple[str, type, dict[str, Leave]]]:
    """Every path that there is, its handler, and what its verbs need: the routes of the description, and tools' pages."""
    for path, handler, said in real_paths():
        verbs = {v.upper(): words for v, words in described()["paths"][said].items()}
        needs = {v: (verbs[v]["x-resource"], verbs[v]["x-action"]) for v in VERBS if v in verbs}
        yield path, handler, needs
    for pattern, handler in PAGES:
        for page in ("", "ajax-api/2.0/mlflow/experiments/search"):
            path = pattern.replace("([a-z]+-[0-9a-f]+)", "mlflow-0123456789").replace("(.*)", page)
            yield path, handler, dict.fromkeys(implemented(handler), ("cloudml:tools", "execute"))


def test_the_description_is_valid_and_says_every_route_and_verb():
    spec = described()
    validate(spec)
    in_words = {
        (path, verb.upper())
        for path, item in spec["paths"].items()
        for verb in item
        if verb.upper() in VERBS
    }
    in_truth = {(said, verb) for _, handler, said in real_paths() for verb in implemented(handler)}
    assert in_words == in_truth


@pytest.fixture
def one_job(session: Any) -> str:
    """A job that waits, and that nobody starts: no agent runs."""
    paths = session.paths(JOB).create()
    spec = JobSpec(id=JOB, source="1 + 1")
    paths.spec.write_text(json.dumps(spec.to_json()))
    session.registry.insert(spec, 1.0)
    return JOB


def everything(home: Path) -> dict[str, bytes]:
    """Every file of the data directory that tells what is."""
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in sorted(home.rglob("*"))
        if path.is_file() and not path.name.startswith("registry.db")
    }


@pytest.fixture
def knock(server: Any, http_server_client: Any, jp_base_url: str, jp_auth_header: Any) -> Any:
    """The status of a request: with the server's token, unless other headers are given."""

    async def call(path: str, verb: str, headers: dict[str, str] = jp_auth_header) -> int:
        body = None if verb in WITHOUT_BODY else "{}"
        try:
            answer = await http_server_client.fetch(
                jp_base_url + path.lstrip("/"),
                method=verb,
                headers=headers,
                body=body,
                follow_redirects=False,
                allow_nonstandard_methods=True,
            )
        except HTTPClientError as exc:
            return exc.code
        return answer.code

    return call


@pytest.mark.parametrize("who", [{"Authorization": "token wrong"}, {}])
async def test_without_a_token_every_route_and_verb_is_closed(knock, one_job, session, who):
    before, rows = everything(session.home.root), session.registry.list_jobs()
    codes = {
        (path, verb): await knock(path, verb, who) for path, _, _ in every_route() for verb in VERBS
    }
    assert {key: code for key, code in codes.items() if code != 403} == {}
    assert everything(session.home.root) == before
    assert session.registry.list_jobs() == rows


class Deny(Authorizer):
    """Grants nothing of ours."""

    asked: list[tuple[str, str]]

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        del handler, user
        self.asked.append((resource, action))
        return not resource.startswith("cloudml:")


async def test_without_leave_every_route_and_verb_is_closed(server, knock, one_job, session):
    deny = Deny(parent=server)
    deny.asked = []
    server.web_app.settings["authorizer"] = deny
    before, rows = everything(session.home.root), session.registry.list_jobs()
    for path, _, needs in every_route():
        for verb in VERBS:
            deny.asked.clear()
            assert (path, verb, await knock(path, verb)) == (path, verb, 403)
            (asked,) = deny.asked
            assert asked in ([needs[verb]] if verb in needs else needs.values())
    assert everything(session.home.root) == before
    assert session.registry.list_jobs() == rows


async def test_a_verb_that_a_route_does_not_have_is_said_so_to_whom_it_is_open(knock, one_job):
    for path, handler, _ in every_route():
        for verb in set(VERBS) - implemented(handler):
            assert (path, verb, await knock(path, verb)) == (path, verb, 405)


async def test_a_browser_may_ask_whether_another_site_may_send_a_token(
    server, http_server_client, jp_base_url
):
    asks = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "GET"}
    answer = await http_server_client.fetch(
        f"{jp_base_url}cloudml/jobs", method="OPTIONS", headers=asks
    )
    assert (answer.code, answer.body) == (200, b"")


async def test_an_authorizer_may_grant_to_read_and_not_to_execute(server, knock, one_job, session):
    class ReadOnly(Authorizer):
        def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
            del handler, user, resource
            return action == "read"

    server.web_app.settings["authorizer"] = ReadOnly(parent=server)
    assert await knock("cloudml/jobs", "GET") == 200
    assert await knock(f"cloudml/jobs/{JOB}/cancel", "POST") == 403
    assert session.registry.get(JOB).intent == "run"


@pytest.mark.parametrize(
    "odd",
    [
        "..%2f..%2fetc",
        "%2e%2e",
        "0123456789AB",
        "0123456789abc",
        "x",
        "%00",
        "0123",
        "..%5c..",
        "é",
    ],
)
async def test_an_id_that_is_none_is_refused_before_any_path_is_made(ask, one_job, odd):
    for part in ("", "/outputs", "/metrics", "/resources", "/details"):
        code, said = await ask(f"jobs/{odd}{part}")
        assert code in (400, 404)
        assert set(said) == {"message", "hint", "code"}
    for part in ("/cancel", "/retry"):
        code, _ = await ask(f"jobs/{odd}{part}", method="POST")
        assert code in (400, 404)


@pytest.mark.parametrize("odd", ["..%2f..%2fetc", "%2e%2e%2f%2e%2e", "%00", "..%5c"])
async def test_an_escaped_path_for_an_id_leads_nowhere(
    server, http_server_client, jp_base_url, jp_auth_header, odd
):
    with pytest.raises(HTTPClientError) as refused:
        await http_server_client.fetch(
            f"{jp_base_url}cloudml/jobs/{odd}/outputs", headers=jp_auth_header
        )
    assert refused.value.code in (400, 404)


async def test_a_job_that_is_not_there_is_said_so(ask, home):
    code, said = await ask(f"jobs/{UNSET}")
    assert (code, said["code"]) == (404, "not-found")


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("jobs", {"state": "HAPPY"}),
        ("jobs", {"limit": "0"}),
        ("jobs", {"limit": "many"}),
        ("jobs", {"offset": "-1"}),
        ("jobs", {"offset": "9" * 30}),
        ("runs", {"sort": "colour"}),
        ("runs", {"order": "sideways"}),
        ("runs/curves", {"metric": "loss"}),
        (f"jobs/{JOB}/outputs", {"offset": "²"}),
    ],
)
async def test_wrong_words_are_the_askers_mistake(ask, one_job, path, params):
    code, said = await ask(path, **params)
    assert (code, said["code"]) == (400, "bad-input")
    assert said["message"]


@pytest.mark.parametrize("body", ["[]", "{", "1", '{"path": 3}', '{"path": "a\\u0000.ipynb"}'])
async def test_a_body_that_is_none_is_the_askers_mistake(server, jp_fetch, body):
    with pytest.raises(HTTPClientError) as refused:
        await jp_fetch("cloudml", "jobs", "run-notebook", method="POST", body=body)
    assert refused.value.code == 400
