"""``%load_ext jupyter_cloudml``: register everything at once, warm everything up in the background."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

from ..client.job import Job
from ..client.session import current_session
from ..core.errors import CloudMLError
from .card import bundle
from .complete import matcher
from .train import CloudMagics


def load(shell: Any) -> CloudMagics:
    """Register magics, completion and the card of `Job`; safe to repeat. Warming goes on in a daemon thread."""
    magics = CloudMagics(shell)
    shell.register_magics(magics)
    shell.Completer.custom_matchers[:] = [
        known
        for known in shell.Completer.custom_matchers
        if getattr(known, "matcher_identifier", "") != "cloudml_matcher"
    ]
    shell.Completer.custom_matchers.append(matcher(shell))
    shell.display_formatter.mimebundle_formatter.for_type(Job, _job_bundle)
    threading.Thread(target=_warm, name="cloudml-warm", daemon=True).start()
    return magics


def unload(shell: Any) -> None:
    """Take the completion away; IPython itself keeps registered magics."""
    shell.Completer.custom_matchers[:] = [
        known
        for known in shell.Completer.custom_matchers
        if getattr(known, "matcher_identifier", "") != "cloudml_matcher"
    ]


def _job_bundle(job: Job, **_: Any) -> dict[str, Any]:
    return bundle(job.snapshot())


def _warm() -> None:
    """Start the agent and its zygote ahead of the first cell. A failure is silent here: the first launch reports it."""
    with contextlib.suppress(CloudMLError):
        current_session().warm()
