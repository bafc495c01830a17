# %%% local_modules
# %%
%%writefile helpers.py
"""Helpers."""
FACTOR = 3
cache = []
def scale(x):
    cache.append(x)
    return x * FACTOR
class Thing:
    made = 0
    def __init__(self, v):
        self.v = v
        Thing.made += 1
    def __repr__(self):
        return f"Thing({self.v})"
# %%
import helpers
helpers.scale(2)
# %%
helpers.cache
# %%
helpers.FACTOR = 10
# %%
helpers.scale(2), helpers.cache
# %%
from helpers import scale, Thing
t = Thing(1)
t
# %%
isinstance(t, helpers.Thing), Thing.made
# %%
t.v = scale(4)
t
# %%
%%writefile helpers.py
FACTOR = 100
def scale(x):
    return x * FACTOR
# %%
import importlib
importlib.reload(helpers)
helpers.scale(2), scale(2)
# %%
import os
os.makedirs("pkg", exist_ok=True)
open("pkg/__init__.py", "w").write("from .core import run\n")
open("pkg/core.py", "w").write("def run(n):\n    return list(range(n))\n")
importlib.invalidate_caches()
# %%
import pkg
pkg.run(3)
# %%
from pkg import core as c
c.run(2)
# %%
import sys
sys.path.insert(0, "lib")
os.makedirs("lib", exist_ok=True)
with open("lib/mathx.py", "w") as fh:
    fh.write("def cube(x):\n    return x ** 3\n")
importlib.invalidate_caches()
# %%
from mathx import cube
cube(3)
# %%
%%writefile script.py
result = [i * i for i in range(4)]
print("script ran", __name__)
# %%
%run script.py
# %%
result
# %%
base = 5
open("script2.py", "w").write("derived = base * 2\n")
%run -i script2.py
derived
# %%
import types
mod = types.ModuleType("made_up")
mod.x = 1
mod.x
# %%% edited_modules
# %%
%%writefile edited.py
import functools
RATE = 2
def area(x):
    return RATE * x
@functools.lru_cache
def cached(x):
    return x + 1
class Shape:
    kind = "old"
    def name(self):
        return "old shape"
    @property
    def sides(self):
        return 3
# %%
import edited
edited.area(2)
# %%
shape = edited.Shape()
shape.name(), shape.sides
# %%
%%writefile edited.py
import functools
RATE = 50
def area(x):
    return RATE * x * x + 1
def perimeter(x):
    return 4 * x
@functools.lru_cache
def cached(x):
    return x + 100
class Shape:
    kind = "new"
    def name(self):
        return "new shape, other text"
    @property
    def sides(self):
        return 4
# %%
edited.area(3), edited.RATE, edited.cached(1), hasattr(edited, "perimeter")
# %%
shape.name(), shape.sides, type(shape) is edited.Shape
# %%
import importlib
importlib.reload(edited)
edited.area(3)
# %%
edited.area(3), edited.perimeter(2), edited.RATE, edited.cached(1)
# %%
edited.Shape().name(), edited.Shape.kind
# %%
open("edited.py", "a").write("\ndef broken(:\n")
# %%
edited.area(4)
# %%
from pathlib import Path
Path("edited.py").unlink()
# %%
edited.area(5), edited.Shape().sides
# %%
import os
os.makedirs("boxes", exist_ok=True)
Path("boxes/__init__.py").write_text("from .inner import size\n")
Path("boxes/inner.py").write_text("def size():\n    return 'small'\n")
importlib.invalidate_caches()
import boxes
boxes.size()
# %%
_ = Path("boxes/inner.py").write_text("def size():\n    return 'very large'\n")
boxes.size(), boxes.inner.size()
# %%
boxes.size(), boxes.inner.size()
# %%
importlib.reload(boxes.inner)
boxes.size(), boxes.inner.size()
# %%
boxes.inner.size()
# %%% autoreload
# %%
%load_ext autoreload
%autoreload 2
# %%
open("auto.py", "w").write("def f():\n    return 1\n")
import auto
auto.f()
# %%
import time, os
_ = open("auto.py", "w").write("def f():\n    return 2222\n")
os.utime("auto.py", (time.time() + 5, time.time() + 5))
# %%
auto.f()
# %%
auto.f()
# %%
%autoreload 0
# %%% extensions
# %%
%%writefile myext.py
from IPython.core.magic import register_line_magic
def load_ipython_extension(ip):
    ip.register_magic_function(lambda line: line.upper(), "line", "shout")
# %%
%load_ext myext
# %%
%shout hello
# %%
x = %shout world
x
# %%
%alias hi echo hi there
# %%
%hi
# %%
%cd /tmp
# %%
%cd -
# %%
import os
os.getcwd().startswith("/tmp/fid")
# %%% dynamic
# %%
exec("dyn = 1 + 1")
dyn
# %%
alpha, beta = 3, 4
eval("alpha * beta")
# %%
globals()["gamma"] = 12
gamma
# %%
for k in range(3):
    globals()[f"var_{k}"] = k * 10
var_2
# %%
"{alpha} and {gamma}".format(**globals())
# %%
exec("def made(x):\n    return x + gamma")
made(1)
# %%
ns = {}
exec("inside = alpha = 99", ns)
ns["inside"], alpha
# %%
def lookup(name):
    return globals()[name]
lookup("beta")
# %%
def setter(name, value):
    globals()[name] = value
setter("beta", 44)
beta
# %%
del globals()["gamma"]
"gamma" in globals()
# %%
made(1)
# %%
code = compile("alpha ** 2", "<s>", "eval")
eval(code)
# %%
import __main__
__main__.alpha
# %%
__main__.delta = "set through main"
# %%
delta
# %%
__name__, made.__module__
# %%
locals() is globals()
# %%
sorted(n for n in dir() if n.startswith("var_"))
# %%
import pickle, copy
class Pet:
    def __init__(self, name):
        self.name = name
    def __eq__(self, o):
        return self.name == o.name
pet = Pet("Tom")
blob = pickle.dumps(pet)
# %%
clone = pickle.loads(blob)
clone == pet, clone is pet, type(clone) is Pet
# %%
with open("pet.pkl", "wb") as fh:
    pickle.dump({"pet": pet}, fh)
# %%
back = pickle.load(open("pet.pkl", "rb"))
back["pet"].name, isinstance(back["pet"], Pet)
# %%
deep = copy.deepcopy([pet, pet])
deep[0] is deep[1], deep[0] is pet
# %%
import inspect
print(inspect.getsource(lookup))
# %%
str(inspect.signature(setter)), inspect.isfunction(setter)
# %%
from timeit import timeit
timeit("made2()", setup="made2 = lambda: 1", number=3) >= 0
# %%
Pet.speak = lambda self: self.name + "!"
pet.speak(), clone.speak()
# %%
import sqlite3
with sqlite3.connect("shop.db") as con:
    con.execute("create table t(a, b)")
    con.executemany("insert into t values(?, ?)", [(1, "x"), (2, "y")])
con.close()
del con
# %%
import sqlite3
con = sqlite3.connect("shop.db"); rows = con.execute("select * from t").fetchall(); con.close(); del con
rows
# %%
import threading
box = []
th = threading.Thread(target=lambda: box.append("from thread"))
th.start(); th.join()
del th
box
# %%
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(2) as ex:
    doubled = list(ex.map(lambda v: v * 2, range(4)))
del ex
doubled
# %%
import tempfile
with tempfile.TemporaryDirectory() as tmp:
    made_dir = os.path.isdir(tmp) if "os" in globals() else None
made_dir

# %%% databases
# %%
import sqlite3
con = sqlite3.connect(":memory:")
cur = con.cursor()
cur.execute("create table t (a int, b text)");
# %%
cur.executemany("insert into t values (?, ?)", [(1, "x"), (2, "y")])
con.commit()
# %%
con.execute("select * from t").fetchall()
# %%
db = sqlite3.connect("x.db")
db.execute("create table if not exists t (a)")
db.commit()
# %%
db.execute("insert into t values (3)"); db.commit()
db.execute("select * from t").fetchall()
# %%
db.close()
