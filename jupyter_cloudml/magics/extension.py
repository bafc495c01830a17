"""``%load_ext jupyter_cloudml``: register everything at once, warm everything up in the background."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

from ..core.errors import CloudMLError
from .complete import matcher
from .tracebacks import install, uninstall
from .train import CloudMagics

if TYPE_CHECKING:
    from ..client.job import Job


def load(shell: Any) -> CloudMagics:
    """Register magics, completion and the card of `Job`; safe to repeat. Warming goes on in a daemon thread."""
    magics = CloudMagics(shell)
    shell.register_magics(magics)
    install(shell)
    shell.Completer.custom_matchers[:] = [
        known
        for known in shell.Completer.custom_matchers
        if getattr(known, "matcher_identifier", "") != "cloudml_matcher"
    ]
    shell.Completer.custom_matchers.append(matcher(shell))
    formatter = shell.display_formatter.mimebundle_formatter
    formatter.for_type_by_name("jupyter_cloudml.client.job", "Job", _job_bundle)
    threading.Thread(target=_warm, name="cloudml-warm", daemon=True).start()
    return magics


def unload(shell: Any) -> None:
    """Take the completion away; IPython itself keeps registered magics."""
    uninstall(shell)
    shell.Completer.custom_matchers[:] = [
        known
        for known in shell.Completer.custom_matchers
        if getattr(known, "matcher_identifier", "") != "cloudml_matcher"
    ]


def _job_bundle(job: Job, **_: Any) -> dict[str, Any]:
    from .card import bundle

    return bundle(job.snapshot())


def _warm() -> None:
    """Load what the first cell needs, start the agent and its zygote. A failure is silent: the first launch reports it."""
    from ..client.session import current_session
    from . import verbs

    del verbs
    with contextlib.suppress(CloudMLError):
        current_session().warm()
