"""A warm process for tests: forks a worker per line on stdin, answers its pid and then its exit code."""

import json
import os
import sys

from jupyter_cloudml.worker import main
from jupyter_cloudml.worker.warm import warm_imports


def run() -> None:
    warm_imports()
    for name in sys.argv[1:]:
        __import__(name)
    print("ready", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            log = os.open(request["folder"] + "/worker.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.setsid()
            told = main.Handover(
                rank=request["rank"], secrets=request["secrets"], env=request["env"]
            )
            main.run_and_exit(request["folder"], told)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


run()
