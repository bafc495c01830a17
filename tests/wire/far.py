"""The far end of a trip, in a process of its own: reads requests on stdin, forks a fresh child for each."""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path


def run(request: dict) -> dict:
    """Decode the bundle, run the cell in its namespace, write the delta."""
    from jupyter_cloudml.wire import BlobStore, Limits, decode, encode_delta

    folder = Path(request["folder"])
    namespace = {"__name__": "__main__", "__builtins__": __builtins__}
    manifest = json.loads((folder / "bundle.json").read_text())
    decoded = decode(manifest, namespace=namespace, blobs=BlobStore(folder / "bundle"))
    before = dict(namespace)
    error = None
    try:
        exec(compile(request["cell"], "<cell>", "exec"), namespace)
    except BaseException as exc:
        error = exc
    bound = {k: v for k, v in namespace.items() if k not in before or before[k] is not v}
    delta = encode_delta(
        decoded,
        namespace,
        bound=bound,
        deleted=[name for name in before if name not in namespace],
        only=request.get("only"),
        exception=error,
        extra={},
        blobs=BlobStore(folder / "result"),
        limits=Limits(max_bytes=request.get("max_bytes", 0)),
    )
    (folder / "result.json").write_text(json.dumps(delta))
    return {"ok": True}


def main() -> None:
    for line in sys.stdin:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                answer = run(json.loads(line))
            except BaseException:
                answer = {"ok": False, "error": traceback.format_exc()}
            os.write(writing, json.dumps(answer).encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            answer = pipe.read()
        os.waitpid(child, 0)
        print(answer.decode() or '{"ok": false, "error": "died"}', flush=True)


if __name__ == "__main__":
    for package in sys.argv[1:]:
        __import__(package)
    main()
