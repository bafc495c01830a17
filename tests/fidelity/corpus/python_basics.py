# %%% bindings
# %%
x = 1
y = 2.5
name = "Ada"
x, y, name
# %%
a, (b, *c), d = 1, (2, 3, 4), [5]
print(a, b, c, d)
# %%
x += 10
x *= 2
x
# %%
p = q = r = []
q.append(1)
p, r is q
# %%
a, b = b, a
a, b
# %%
z: float = 3.0
w: int
"w" in dir()
# %%
if (n := len(name)) > 2:
    print(f"{n=}")
# %%
del y
"y" in globals()
# %%
y
# %%
first, *middle, last = range(6)
middle
# %%
matrix = [[0] * 3 for _ in range(3)]
matrix[1][2] = 5
matrix
# %%
for i, ch in enumerate(name):
    pass
i, ch
# %%
squares = {k: k**2 for k in range(5)}
evens = {s for s in squares.values() if s % 2 == 0}
squares, sorted(evens)
# %%
[last_seen := v for v in (3, 1, 2)]
last_seen
# %%
def f():
    global created
    created = "by f"
f()
created
# %%
import math as m, os.path
from collections import Counter as C, deque
C("hello").most_common(2)
# %%
from math import *
round(sin(pi / 2) + tau, 6)
# %%
x = None
x
# %%
big = 10**30
text = "línea ñ 日本 🎉"
raw = b"\x00\xff"
big, text, raw, 1j, ...
# %%
with open("note.txt", "w") as handle:
    handle.write("one\ntwo\n")
handle.closed
# %%
with open("note.txt") as handle:
    lines = [line.strip() for line in handle]
lines
# %%
print("a", "b", sep="-", end="!\n")
print()
print("no newline", end="")
# %%
"first"
"second"
# %%
x = 5;
x;
# %%
True if x else False
# %%% collections
# %%
shopping = ["milk", "eggs"]
basket = shopping
prices = {"milk": 1.2, "eggs": 2.5, "bread": 3.0}
# %%
shopping.append("bread")
# %%
basket
# %%
basket is shopping
# %%
prices["eggs"] = 2.75
prices.update(tea=4, milk=prices["milk"] + 0.1)
prices
# %%
total = sum(prices[item] for item in basket)
print(f"total: {total:.2f}")
# %%
nested = {"items": shopping, "prices": prices}
nested["items"].insert(0, "tea")
shopping
# %%
prices.pop("bread")
del shopping[0]
nested
# %%
shopping[:] = sorted(shopping, reverse=True)
basket
# %%
shopping = shopping + ["jam"]
basket, shopping
# %%
from collections import defaultdict, OrderedDict, deque, Counter, namedtuple, ChainMap
groups = defaultdict(list)
for word in "the quick brown fox jumps over the lazy dog".split():
    groups[len(word)].append(word)
groups
# %%
groups[99]
len(groups)
# %%
recent = deque(maxlen=3)
for i in range(5):
    recent.append(i)
recent
# %%
recent.rotate(1)
recent.appendleft(9)
list(recent)
# %%
counts = Counter("mississippi")
counts.subtract("miss")
counts
# %%
counts["p"] += 5
counts.most_common()
# %%
Point = namedtuple("Point", "x y")
origin = Point(0, 0)
corner = origin._replace(x=3)
origin, corner
# %%
corner.x + corner.y, corner._asdict()
# %%
seen = {1, 2, 3}
alias = seen
seen |= {4}
seen.discard(1)
alias
# %%
seen = seen - {2}
seen, alias
# %%
od = OrderedDict(b=1, a=2)
od.move_to_end("b")
list(od)
# %%
cm = ChainMap({"a": 1}, {"a": 2, "b": 3})
cm["c"] = 4
dict(cm)
# %%
loop = [1, 2]
loop.append(loop)
loop
# %%
loop[2][2][0]
# %%
buf = bytearray(b"abc")
view = buf
buf[0] = ord("z")
buf += b"!"
view
# %%
t = ([], {})
t[0].append(1)
t
# %%
inner = t[0]
inner.append(2)
t
# %%
grid = [[0] * 2] * 2
grid[0][0] = 1
grid
# %%
grid[1].append(7)
grid, grid[0] is grid[1]
# %%% strings_numbers
# %%
s = "The Zen of Python"
s.lower().split(), s[::-1], s.find("Zen")
# %%
f"{s!r:>30}|{3.14159:.2f}|{1234567:,}|{255:#x}"
# %%
import re
m = re.search(r"(?P<w>Z\w+)", s)
m
# %%
m.group("w"), m.span()
# %%
pattern = re.compile(r"\b\w")
pattern.sub(lambda k: k.group().upper(), s)
# %%
from decimal import Decimal, getcontext
getcontext().prec = 6
Decimal(1) / Decimal(7)
# %%
from fractions import Fraction
half = Fraction(1, 2)
half + Fraction(1, 3)
# %%
from datetime import date, datetime, timedelta, timezone
start = date(2024, 2, 28)
days = [start + timedelta(days=i) for i in range(3)]
days
# %%
moment = datetime(2024, 1, 1, 12, tzinfo=timezone.utc)
moment.isoformat(), moment.strftime("%A %d %B %Y")
# %%
import json, textwrap
payload = json.dumps({"a": [1, 2, {"b": None}]}, indent=2)
print(payload)
# %%
json.loads(payload)["a"][2]
# %%
print(textwrap.fill("lorem ipsum " * 10, width=40))
# %%
from pathlib import Path
here = Path("data") / "x.csv"
here, here.suffix, here.exists()
# %%
here.parent.mkdir(exist_ok=True)
here.write_text("a,b\n1,2\n")
sorted(p.name for p in Path("data").iterdir())
# %%
import csv
rows = list(csv.DictReader(here.open()))
rows
# %%
import itertools, functools, operator
list(itertools.accumulate([1, 2, 3, 4], operator.mul))
# %%
product = functools.reduce(operator.mul, range(1, 6))
product
# %%
pairs = sorted(zip("cab", [3, 1, 2]), key=lambda kv: kv[1])
pairs
# %%
import statistics
statistics.mean([1, 2, 3, 4]), statistics.stdev([1, 2, 3, 4])
# %%
import struct, hashlib, base64
digest = hashlib.sha256(b"abc").hexdigest()[:12]
struct.pack("<Hf", 1, 2.5), digest, base64.b64encode(b"hi")
