"""Who we are to Google: the default chain, a named profile, or nobody for emulators.

Imports google-auth at use."""

from __future__ import annotations

import configparser
import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ...core.errors import BadInput, Unauthorised, Unavailable
from ..http import Ask
from .refusals import LOGIN

SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
_KEY_FILE = "GOOGLE_APPLICATION_CREDENTIALS"


class Tokens:
    """Bearer tokens, renewed when they are about to end. Safe for threads; talks to nobody before ``bearer``."""

    def __init__(
        self,
        endpoint: str,
        profile: str | None,
        environ: Mapping[str, str],
        *,
        nobody: bool = False,
    ) -> None:
        self._endpoint = endpoint
        self._profile = profile
        self._nobody = nobody
        self._environ = environ
        self._lock = threading.Lock()
        self._credentials: Any = None

    @property
    def is_anonymous(self) -> bool:
        """So it was told; or no profile and no key file are named and the endpoint is not Google's: such a one gets no
        token of Google's."""
        host = urlsplit(self._endpoint).hostname or ""
        is_googles = host == "googleapis.com" or host.endswith(".googleapis.com")
        is_named = self._profile or self._environ.get(_KEY_FILE)
        return self._nobody or not (is_googles or is_named)

    def signed(self, ask: Ask, address: str, *, refused: bool) -> Mapping[str, str]:  # noqa: ARG002
        """See ``http.Identity``. Raises as ``bearer``."""
        token = self.bearer(refused=refused)
        return {} if token is None else {"Authorization": f"Bearer {token}", **self._charged()}

    def query(self) -> Mapping[str, str]:
        return {}

    def can_renew(self) -> bool:
        return not self.is_anonymous

    def bearer(self, *, refused: bool = False) -> str | None:
        """A token that is good for some minutes, None for nobody; a new one after ``refused``.

        Raises:
            Unauthorised: there are no credentials, or Google does not renew them.
            Unavailable: who renews them does not answer.
        """
        if self.is_anonymous:
            return None
        with self._lock:
            found = self._found()
            if not found.valid or refused:
                _renew(found)
            return str(found.token)

    def expiry(self) -> Any:
        """When the present token ends, UTC; None when it does not say."""
        from datetime import timezone

        found = self.credentials().expiry
        return found and found.replace(tzinfo=timezone.utc)

    def credentials(self) -> Any:
        """google-auth's object, for those who sign. Raises as ``bearer``."""
        with self._lock:
            return self._found()

    def key_file(self) -> Path:
        """Where the credentials lie. Raises ``BadInput`` when they do not lie in a file."""
        if self._profile:
            return _profile_file(self._profile, self._environ)
        named = self._environ.get(_KEY_FILE)
        if not named:
            raise BadInput(
                f"engines that read {self._endpoint} by themselves need a key file",
                hint=f'set {_KEY_FILE}, or profile = "key.json" in [stores.NAME]',
            )
        return Path(named)

    def _charged(self) -> dict[str, str]:
        """Whom the requests are charged to, where the credentials say so."""
        quota = self.credentials().quota_project_id
        return {"x-goog-user-project": quota} if quota else {}

    def _found(self) -> Any:
        if self._credentials is None:
            self._credentials = _find(self._profile, self._environ)
        return self._credentials


def _find(profile: str | None, environ: Mapping[str, str]) -> Any:
    import google.auth
    from google.auth import exceptions

    if profile:
        return _of_file(_profile_file(profile, environ))
    try:
        return google.auth.default(scopes=[SCOPE])[0]
    except exceptions.DefaultCredentialsError as exc:
        named = environ.get(_KEY_FILE)
        where = f"in {named}" if named else "on this machine"
        raise Unauthorised(f"there are no usable Google credentials {where}", hint=LOGIN) from exc


def _of_file(path: Path) -> Any:
    """A service account's key or a person's login.

    Raises:
        Unauthorised: the file is not there, or neither.
    """
    from google.oauth2 import credentials, service_account

    makers: dict[str, Any] = {
        "service_account": service_account.Credentials.from_service_account_info,
        "authorized_user": credentials.Credentials.from_authorized_user_info,
    }
    try:
        said = json.loads(path.read_text())
        return makers[said["type"]](said, scopes=[SCOPE])
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise Unauthorised(
            f"{path} holds no Google credentials ({type(exc).__name__})",
            hint="it must be a service account's key, or what gcloud wrote at login",
        ) from exc


def _profile_file(profile: str, environ: Mapping[str, str]) -> Path:
    """A profile is the path of a key file, or a configuration of gcloud whose account has logged in.

    Raises:
        BadInput: there is no such file or configuration.
    """
    if profile.endswith(".json") or os.sep in profile:
        return Path(profile).expanduser()
    home = Path(environ.get("CLOUDSDK_CONFIG") or Path.home() / ".config" / "gcloud")
    file = home / "configurations" / f"config_{profile}"
    parser = configparser.ConfigParser()
    if not parser.read(file):
        known = sorted(path.name[7:] for path in (home / "configurations").glob("config_*"))
        raise BadInput(
            f"profile {profile!r} is no configuration of gcloud",
            hint=f"there are: {', '.join(known)}" if known else "or name a key file: key.json",
        )
    account = parser.get("core", "account", fallback="")
    found = home / "legacy_credentials" / account / "adc.json"
    if not account or not found.exists():
        raise Unauthorised(
            f"profile {profile!r}: its account has not logged in",
            hint=f"gcloud auth login --configuration={profile}",
        )
    return found


def _renew(credentials: Any) -> None:
    from google.auth import exceptions
    from google.auth.transport.requests import Request

    try:
        credentials.refresh(Request())
    except exceptions.TransportError as exc:
        raise Unavailable("Google's token server does not answer", hint="try again") from exc
    except (exceptions.GoogleAuthError, ValueError) as exc:
        raise Unauthorised("Google does not renew the credentials", hint=LOGIN) from exc
