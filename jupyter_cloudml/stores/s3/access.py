"""Who asks, and where: boto3's own chain (environment, profiles, SSO, containers, instances), made on first use."""

from __future__ import annotations

import os
import threading
import weakref
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..config import StoreOptions
from .errors import s3_errors
from .gets import Gets
from .listing import swap_listing
from .sockets import Sockets

if TYPE_CHECKING:
    import boto3
    import obstore.store

_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_PAST_URLLIB3 = ("GetObject", "PutObject", "UploadPart")
_CREDENTIALS_S = 300


class Access:
    """The clients of one bucket. Safe for threads; a forked child gets its own."""

    def __init__(self, root: str, options: StoreOptions) -> None:
        self.root, self.options = root, options
        self.bucket = root.partition("://")[2]
        self._lock = threading.RLock()
        self._made_by = os.getpid()
        self._made: dict[str, Any] = {}
        self._sockets: list[Sockets] = []

    @property
    def client(self) -> Any:
        """The boto3 client, for all that ``gets`` does not answer; its large bodies go through ``Sockets``."""
        return self._get("client", self._new_client)

    @property
    def gets(self) -> Gets | None:
        """What asks this bucket past boto3; None where requests go through a proxy, or to a host of the bucket's own."""
        found: Gets | None = self._get("gets", self._new_gets)
        return found

    @property
    def many(self) -> obstore.store.S3Store:
        """The obstore of this bucket: same endpoint, region, credentials and encryption."""
        found: obstore.store.S3Store = self._get("many", self._new_many)
        return found

    def engine_options(self) -> dict[str, str]:
        """For engines that read by themselves, in the words of Polars' ``storage_options``. Secrets."""
        with s3_errors(self.root):
            found = {"aws_region": self.region}
            if self.endpoint:
                found["aws_endpoint_url"] = self.endpoint
                found["aws_virtual_hosted_style_request"] = "false"
                if self.endpoint.startswith("http://"):
                    found["aws_allow_http"] = "true"
            if self.options.anonymous:
                return {**found, "aws_skip_signature": "true"}
            keys = self._credentials().get_frozen_credentials()
        found |= {
            "aws_access_key_id": keys.access_key,
            "aws_secret_access_key": keys.secret_key,
        }
        return {**found, "aws_session_token": keys.token} if keys.token else found

    @property
    def endpoint(self) -> str | None:
        """The address of an object store of one's own; None for AWS itself."""
        url: str = self.client.meta.endpoint_url
        return (
            None
            if url.split("?", maxsplit=1)[0]
            .rstrip("/")
            .endswith((".amazonaws.com", ".amazonaws.com.cn"))
            else url
        )

    @property
    def region(self) -> str:
        """Where the bucket lies. AWS is asked once, because only boto3 follows a bucket to its region by itself."""
        named = self.client.meta.region_name or "us-east-1"
        if self.endpoint:
            return str(named)
        found = self._get("region", self._ask_region)
        return str(found or named)

    def adopt(self) -> None:
        """In a forked child: go on with the client that the parent made, which costs a tenth of a new one; connections
        are the child's own. Only where no other thread used this when the parent forked."""
        self._lock, self._made_by = threading.RLock(), os.getpid()
        self._made.pop("many", None)
        self._made.pop("gets", None)
        for sockets in self._sockets:
            sockets.forget()
        if "client" in self._made:
            self._made["client"].close()

    def _get(self, name: str, make: Any) -> Any:
        with self._lock:
            if self._made_by != os.getpid():
                self._made, self._made_by = {}, os.getpid()
            if name not in self._made:
                self._made[name] = make()
            return self._made[name]

    @cached_property
    def _is_custom(self) -> bool:
        """Whether an endpoint is named anywhere: such servers seldom have a host name for every bucket."""
        profile = self._core.get_scoped_config()
        named = any(os.environ.get(name) for name in _ENDPOINTS)
        return bool(self.options.endpoint or named or "endpoint_url" in profile)

    @property
    def _core(self) -> Any:
        import botocore.session

        return self._get(
            "core", lambda: botocore.session.Session(profile=self.options.profile or None)
        )

    @property
    def _session(self) -> boto3.session.Session:
        found: boto3.session.Session = self._get("session", self._new_session)
        return found

    def _new_session(self) -> boto3.session.Session:
        """One for one core: each hangs its handlers on it, and clients of a core that has them twice cannot be made."""
        import boto3

        return boto3.session.Session(botocore_session=self._core, region_name=self.options.region)

    def _new_client(self) -> Any:
        from botocore import UNSIGNED
        from botocore.config import Config

        s3: dict[str, Any] = {"payload_signing_enabled": False}
        if self._is_custom and "s3" not in self._core.get_scoped_config():
            s3["addressing_style"] = "path"
        signature = UNSIGNED if self.options.anonymous else "s3v4"
        config = Config(
            connect_timeout=10,
            read_timeout=60,
            max_pool_connections=32,
            retries={"mode": "standard", "total_max_attempts": 4},
            s3=s3,
            user_agent_extra="jupyter-cloudml",
            signature_version=signature,
        )
        session = self._session
        region = None if session.region_name else "us-east-1"
        client = session.client(
            "s3", endpoint_url=self.options.endpoint, region_name=region, config=config
        )
        sockets = Sockets(self._ca_bundle())
        self._sockets = [sockets]
        weakref.finalize(client, sockets.close)
        for operation in _PAST_URLLIB3:
            client.meta.events.register(f"before-send.s3.{operation}", sockets.send)
        client.meta.events.register("before-parse.s3.ListObjectsV2", swap_listing)
        return client

    def _ca_bundle(self) -> str:
        from botocore.httpsession import where

        return self._core.get_config_variable("ca_bundle") or str(where())

    def _new_many(self) -> obstore.store.S3Store:
        from obstore.store import S3Store

        config: dict[str, Any] = {"region": self.region, "virtual_hosted_style_request": False}
        client: Any = {"connect_timeout": "10s", "timeout": "120s"}
        if self.endpoint:
            config["endpoint"] = self.endpoint
            client["allow_http"] = self.endpoint.startswith("http://")
        if self.options.anonymous:
            config["skip_signature"] = True
        else:
            config["credential_provider"] = self._told_to_obstore
        if bundle := self._core.get_config_variable("ca_bundle"):
            with open(bundle, "rb") as file:  # noqa: PTH123
                client["root_certificate"] = file.read()
        encrypt = self.options.encrypt
        if encrypt is not None:
            config["server_side_encryption"] = encrypt.kind
            if encrypt.key:
                config["sse_kms_key_id"] = encrypt.key
        retry: Any = {"max_retries": 4, "retry_timeout": timedelta(seconds=60)}
        return S3Store(self.bucket, client_options=client, retry_config=retry, **config)

    def _new_gets(self) -> Gets | None:
        meta = self.client.meta
        if not self._is_custom and self.region != meta.region_name:
            meta = self._session.client("s3", region_name=self.region).meta
        (sockets,) = self._sockets
        by_host_name = (meta.config.s3 or {}).get("addressing_style") == "virtual"
        if by_host_name or not sockets.is_direct(meta.endpoint_url):
            return None
        credentials = None if self.options.anonymous else self._credentials()
        return Gets(meta.endpoint_url, self.bucket, self.region, credentials, sockets)

    def _ask_region(self) -> str:
        """The bucket's region from AWS; empty where the credentials may not ask."""
        from botocore.exceptions import ClientError

        try:
            answer = self.client.head_bucket(Bucket=self.bucket)
        except ClientError as exc:
            answer = exc.response
        headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        return str(headers.get("x-amz-bucket-region", ""))

    def _credentials(self) -> Any:
        """botocore's, which refresh themselves when they run out."""
        from botocore.exceptions import NoCredentialsError

        found = self._core.get_credentials()
        if found is None:
            raise NoCredentialsError
        return found

    def _told_to_obstore(self) -> Any:
        """What obstore asks for, anew every five minutes."""
        keys = self._credentials().get_frozen_credentials()
        return {
            "access_key_id": keys.access_key,
            "secret_access_key": keys.secret_key,
            "token": keys.token,
            "expires_at": datetime.now(timezone.utc) + timedelta(seconds=_CREDENTIALS_S),
        }
