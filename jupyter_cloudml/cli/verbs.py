"""What each verb does: one call of the client, and its answer as text or JSON."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import sys
import time
from pathlib import Path
from typing import Any

from ..client.administration import Removed, agent_status, prune_jobs, stop_agent, ui_command
from ..client.doctor import check_all
from ..client.follow import Pace, batches
from ..client.job import Job, texts
from ..client.lookup import HEADER, get, row_json, row_line
from ..client.lookup import jobs as list_jobs
from ..client.programs import submit_program
from ..client.session import configuration, current_session
from ..client.text import one_line, size, table
from ..core.errors import BadInput
from ..core.states import JobState
from ..journal.disk import unavailable
from ..targets.registry import names as target_names
from ..tracking.config import without_userinfo

OK, FAILED = 0, 1


def jobs(*, as_json: bool, limit: str = "20", **conditions: Any) -> int:
    if not limit.isdigit():
        raise BadInput(f"-n {limit!r} is not a number")
    rows = list_jobs(**conditions, limit=int(limit))
    if as_json:
        _print_json([row_json(row) for row in rows])
    else:
        now = time.time()
        print(table(HEADER, [row_line(row, now=now) for row in rows]) if rows else "no jobs")
    return OK


def logs(*, as_json: bool, job: str, follow: bool = False) -> int:
    found = get(job)
    if as_json:
        if follow:
            found.wait()
        _print_json({"id": found.id, "outputs": found.outputs()})
        return OK
    for piece in found.live_text() if follow else [found.text()]:
        sys.stdout.write(piece)
        sys.stdout.flush()
    return OK


def attach(*, as_json: bool, job: str) -> int:
    return _follow(get(job), as_json)


def pull(*, as_json: bool, job: str, outputs: tuple[str, ...] = (), to: str = "") -> int:
    found = get(job)
    values = found.pull(*outputs)
    if to:
        _write_values(Path(to), values)
    shown = {name: repr(value)[:200] for name, value in values.items()}
    if as_json:
        _print_json({"id": found.id, "values": shown, "file": to or None})
    else:
        heads = [[name, (text.splitlines() or [""])[0]] for name, text in shown.items()]
        print(table(["name", "value"], heads))
    return OK


def cancel(*, as_json: bool, job: str) -> int:
    found = get(job)
    asked = found.cancel()
    if as_json:
        _print_json({"id": found.id, "asked": asked, "state": found.state.value})
    else:
        print(
            f"job {found.id} "
            + ("was asked to stop" if asked else f"has ended already: {found.state}")
        )
    return OK


def retry(*, as_json: bool, job: str) -> int:
    found = get(job).retry()
    if as_json:
        _print_json(found.snapshot())
    else:
        print(f"job {found.id} is queued again, attempt {found.row.attempt}")
    return OK


def run(
    *,
    as_json: bool,
    arguments: list[str],
    file: str = "",
    code: str = "",
    output: str = "",
    **words: Any,
) -> int:
    job = submit_program(file=file, code=code, output=output, arguments=arguments, words=words)
    if words.get("detach"):
        if as_json:
            _print_json(job.snapshot())
        else:
            print(job.id)
        return OK
    return _follow(job, as_json)


def targets(*, as_json: bool) -> int:
    config = configuration()
    names = target_names(config)
    if as_json:
        _print_json({"targets": names, "files": [str(path) for path in config.files]})
    else:
        print("\n".join(names))
    return OK


def doctor(*, as_json: bool) -> int:
    checks = check_all(os.environ)
    if as_json:
        _print_json([check.to_json() for check in checks])
    else:
        signs = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}
        for check in checks:
            print(f"{signs[check.level]}  {check.name}: {check.message}")
            if check.hint:
                print(f"      → {check.hint}")
    return FAILED if any(check.level == "fail" for check in checks) else OK


def prune(*, as_json: bool, older_than: str = "", max_size: str = "", dry_run: bool = False) -> int:
    removed = prune_jobs(
        current_session(),
        older_than=older_than,
        max_size=max_size,
        dry_run=dry_run,
        now=time.time(),
    )
    if as_json:
        _print_json({"dry_run": dry_run, "removed": [_removed_json(item) for item in removed]})
        return OK
    for item in removed:
        print(
            f"{item.job_id or f'packages {item.environment[:12]}'}  {size(item.freed_bytes)}  {item.reason}"
        )
    verb = "would be freed" if dry_run else "freed"
    count = sum(bool(item.job_id) for item in removed)
    print(f"{count} jobs, {size(sum(item.freed_bytes for item in removed))} {verb}")
    return OK


def ui(*, as_json: bool, port: str = "5000") -> int:
    if not port.isdigit():
        raise BadInput(f"--port {port!r} is not a number")
    argv, environ, url = ui_command(current_session(), os.environ, int(port))
    if as_json:
        _print_json({"argv": [without_userinfo(word) for word in argv], "url": url})
        return OK
    print(f"MLflow at {url}; Ctrl-C ends it")
    sys.stdout.flush()
    os.execve(argv[0], argv, environ)  # noqa: S606 - a list of words, no shell


def agent(*, as_json: bool, action: str) -> int:
    session = current_session()
    if action == "stop":
        stopped = stop_agent(session)
        if as_json:
            _print_json({"stopped": stopped})
        else:
            print("the agent ends; jobs go on" if stopped else "no agent runs")
        return OK
    if action != "status":
        raise BadInput(f"agent {action!r} is neither status nor stop")
    status = agent_status(session)
    if as_json:
        _print_json(status)
    elif not status.get("running"):
        print("no agent runs; it starts with the next job")
    else:
        print(table(["what", "value"], [[key, json.dumps(value)] for key, value in status.items()]))
    return OK


def _follow(job: Job, as_json: bool) -> int:
    """Show a job to its end; the exit code tells how it ended. Ctrl-C stops looking, the job goes on."""
    follower = job.from_start()
    try:
        for batch in batches(follower, Pace()):
            if not as_json:
                for name, piece in texts(batch):
                    stream = sys.stderr if name == "stderr" else sys.stdout
                    stream.write(piece)
                    stream.flush()
    except KeyboardInterrupt:
        print(f"\njob {job.id} goes on: jupyter cloudml attach {job.id}", file=sys.stderr)
        raise
    snapshot = job.snapshot_of(follower)
    if as_json:
        _print_json(snapshot)
    else:
        print(one_line(snapshot), file=sys.stderr)
    return OK if follower.final is JobState.SUCCEEDED else FAILED


def _write_values(path: Path, values: dict[str, Any]) -> None:
    """Put ``values`` under ``path``, whole or not at all; what was there stays when it raises.

    Raises:
        BadInput: a value cannot be pickled, or ``path`` is a folder.
        Unavailable: the disk refuses.
    """
    import cloudpickle

    if path.is_dir():
        raise BadInput(f"--to {str(path)!r} is a folder", hint="name a file")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            cloudpickle.dump(values, file)
        temporary.replace(path)
    except OSError as exc:
        raise unavailable(path, exc) from exc
    except (pickle.PicklingError, TypeError, AttributeError, ValueError, RecursionError) as exc:
        raise BadInput(
            f"the values cannot be written to {str(path)!r}: {exc}", hint="name others with -o"
        ) from exc
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _removed_json(item: Removed) -> dict[str, Any]:
    known = {"id": item.job_id, "freed_bytes": item.freed_bytes, "reason": item.reason}
    return {**known, "environment": item.environment} if item.environment else known


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, default=str))
