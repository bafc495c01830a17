# %%% builtin
# %%
data = {"a": 1}
items = [1, 2, 3]
# %%
data["missing"]
# %%
items[10]
# %%
int("abc")
# %%
"a" + 1
# %%
undefined_name
# %%
items.nothing
# %%
1 / 0
# %%
import no_such_module_xyz
# %%
from math import no_such_name
# %%
open("missing.txt")
# %%
assert len(items) == 4, f"have {len(items)}"
# %%
a, b = [1, 2, 3]
# %%
items.remove(99)
# %%
def deep(n):
    if n == 0:
        raise RuntimeError("bottom")
    deep(n - 1)
deep(3)
# %%
def forever():
    return forever()
forever()
# %%
next(iter([]))
# %%
x = 1
y = x +
# %%
if True:
print("bad indent")
# %%
def f(:
    pass
# %%
return 5
# %%
print("unclosed
# %%
raise KeyboardInterrupt
# %%
items.append(4)
changed = True
raise ValueError("after a change")
# %%
items, changed
# %%
"é".encode("ascii")
# %%
b"\xff".decode("utf-8")
# %%
float("nan") == float("nan"), 2.0 ** 10000
# %%
raise NotImplementedError
# %%
raise StopIteration("stop")
# %%
eval("1 +")
# %%
[1, 2][“0”]
# %%% custom
# %%
class AppError(Exception):
    """Base."""
class NotReady(AppError):
    def __init__(self, what, code=42):
        super().__init__(f"{what} is not ready")
        self.what, self.code = what, code
# %%
raise NotReady("engine")
# %%
try:
    raise NotReady("car", code=7)
except AppError as err:
    caught = err
caught.code, str(caught)
# %%
isinstance(caught, NotReady), caught.what
# %%
def load(path):
    try:
        return open(path).read()
    except OSError as exc:
        raise AppError(f"cannot load {path}") from exc
load("nowhere.cfg")
# %%
try:
    load("nowhere.cfg")
except AppError as exc:
    cause = type(exc.__cause__).__name__
cause
# %%
try:
    try:
        1 / 0
    except ZeroDivisionError:
        {}["k"]
except KeyError as exc:
    context = repr(exc.__context__)
context
# %%
def cleanup():
    log = []
    try:
        log.append("try")
        return log
    finally:
        log.append("finally")
cleanup()
# %%
e = ValueError("noted")
e.add_note("look here")
raise e
# %%
raise ExceptionGroup("several", [ValueError(1), TypeError("two")])
# %%
try:
    raise ExceptionGroup("several", [ValueError(1), TypeError("two")])
except* ValueError as eg:
    print("values:", eg.exceptions)
except* TypeError as eg:
    print("types:", eg.exceptions)
# %%
class Validator:
    errors = []
    def check(self, v):
        if v < 0:
            self.errors.append(v)
            raise AppError("negative")
        return v
val = Validator()
[val.check(v) for v in (1, -2, 3)]
# %%
Validator.errors
# %%
import sys
sys.exit(3)
# %%
print("still alive")
# %%
raise SystemExit
# %%
import warnings
warnings.warn("careful")
# %%
warnings.warn("old thing", DeprecationWarning)
# %%
warnings.simplefilter("error")
# %%
warnings.warn("now an error")
# %%
warnings.resetwarnings()
with warnings.catch_warnings(record=True) as w:
    warnings.simplefilter("always")
    warnings.warn("recorded")
len(w), str(w[0].message)
# %%
del w
import traceback
try:
    int("x")
except ValueError:
    print(traceback.format_exc().splitlines()[-1])
# %%
sys.stderr.write("to stderr\n")
print("also", file=sys.stderr)
# %%
import logging
logging.basicConfig(level=logging.INFO, format="%(levelname)s:%(message)s", stream=sys.stdout, force=True)
logging.info("hello log")
# %%
logging.getLogger("app").warning("again")
# %%
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
args = parser.parse_args(["--lr", "0.5"])
args, parser.prog
