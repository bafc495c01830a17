# %%% functions
# %%
def greet(name, greeting="Hello"):
    """Greet somebody."""
    return f"{greeting}, {name}!"

greet("World")
# %%
greeting_count = 0
def counted(name):
    global greeting_count
    greeting_count += 1
    return greet(name)
# %%
counted("a"); counted("b")
greeting_count
# %%
def greet(name, greeting="Hi"):
    return f"{greeting} {name}"
counted("c")
# %%
def fact(n):
    return 1 if n < 2 else n * fact(n - 1)
[fact(i) for i in range(7)]
# %%
def is_even(n):
    return n == 0 or is_odd(n - 1)
def is_odd(n):
    return n != 0 and is_even(n - 1)
is_even(10), is_odd(7)
# %%
def make_counter(start=0):
    count = start
    def step(by=1):
        nonlocal count
        count += by
        return count
    return step
counter = make_counter(10)
counter()
# %%
counter(5)
# %%
same_counter = counter
same_counter()
counter()
# %%
def pair():
    n = 0
    def inc():
        nonlocal n
        n += 1
    def get():
        return n
    return inc, get
inc, get = pair()
# %%
inc(); inc()
# %%
get()
# %%
adders = [lambda x, k=k: x + k for k in range(3)]
late = [lambda: k for k in range(3)]
[f(10) for f in adders], [f() for f in late]
# %%
def options(a, /, b, *args, c=3, **kwargs):
    return a, b, args, c, kwargs
options(1, 2, 3, 4, c=5, d=6)
# %%
def remember(item, memory=[]):
    memory.append(item)
    return memory
remember(1)
# %%
remember(2)
# %%
remember.__defaults__
# %%
from functools import lru_cache, partial, wraps, singledispatch
@lru_cache(maxsize=None)
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
fib(50)
# %%
double = partial(operator_mul := (lambda a, b: a * b), 2)
double(21)
# %%
def compose(*fs):
    def run(x):
        for f in fs:
            x = f(x)
        return x
    return run
pipeline = compose(str, len, double)
pipeline(12345)
# %%
greet.author = "me"
greet.author, greet.__doc__, fact.__name__
# %%
def typed(a: int, b: "list[str]" = None) -> dict[str, int]:
    return {"a": a}
typed.__annotations__
# %%
SCALE = 3
def scaled(x):
    return x * SCALE
scaled(2)
# %%
SCALE = 10
scaled(2)
# %%
def change_scale(v):
    global SCALE
    SCALE = v
change_scale(7)
# %%
SCALE, scaled(1)
# %%% decorators
# %%
import functools, time
calls = []
def logged(func):
    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        calls.append(func.__name__)
        return func(*args, **kwargs)
    return wrapper
# %%
@logged
def add(a, b):
    "Add."
    return a + b
add(1, 2), add(3, 4)
# %%
calls
# %%
def repeat(times):
    def decorate(func):
        @functools.wraps(func)
        def wrapper(*args):
            return [func(*args) for _ in range(times)]
        return wrapper
    return decorate
@repeat(3)
@logged
def hello(name):
    return "hello " + name
# %%
hello("x")
# %%
calls, hello.__name__, hello.__wrapped__.__name__
# %%
registry = {}
def register(name):
    def inner(cls):
        registry[name] = cls
        return cls
    return inner
@register("circle")
class Circle:
    area = 3.14
@register("square")
class Square:
    area = 1
sorted(registry)
# %%
registry["circle"] is Circle
# %%
@register("tri")
class Tri:
    pass
len(registry)
# %%
@functools.singledispatch
def show(x):
    return f"thing {x}"
@show.register
def _(x: int):
    return f"int {x}"
show("a"), show(1)
# %%
show.register(list, lambda x: f"list of {len(x)}")
show([1, 2])
# %%
show([1]), show(2.0)
# %%
class CountCalls:
    def __init__(self, func):
        functools.update_wrapper(self, func)
        self.func = func
        self.count = 0
    def __call__(self, *args):
        self.count += 1
        return self.func(*args)
@CountCalls
def square(x):
    return x * x
square(3)
# %%
square(4)
square.count
# %%
from contextlib import contextmanager
events = []
@contextmanager
def section(name):
    events.append(f"enter {name}")
    try:
        yield name.upper()
    finally:
        events.append(f"exit {name}")
with section("a") as label:
    events.append(label)
# %%
events
# %%
@functools.lru_cache
def slow(n):
    events.append(n)
    return n * 2
slow(2)
# %%
slow(2)
events[-1]
# %%
slow.cache_info()
# %%% generators
# %%
def countdown(n):
    while n > 0:
        yield n
        n -= 1
list(countdown(3))
# %%
def chunks(seq, size):
    for i in range(0, len(seq), size):
        yield seq[i:i + size]
[*chunks("abcdefg", 3)]
# %%
def flatten(tree):
    for item in tree:
        if isinstance(item, list):
            yield from flatten(item)
        else:
            yield item
tree = [1, [2, [3, 4]], 5]
list(flatten(tree))
# %%
def averager():
    total, n, avg = 0.0, 0, None
    while True:
        value = yield avg
        if value is None:
            return avg
        total += value
        n += 1
        avg = total / n
g = averager()
next(g)
g.send(10), g.send(20)
# %%
class Countdown:
    def __init__(self, n):
        self.n = n
    def __iter__(self):
        return self
    def __next__(self):
        if self.n <= 0:
            raise StopIteration
        self.n -= 1
        return self.n
cd = Countdown(4)
next(cd)
# %%
list(cd)
# %%
list(cd), cd.n
# %%
sum(x * x for x in range(10) if x % 2)
# %%
import itertools
firsts = list(itertools.islice(itertools.count(5, 2), 4))
firsts
# %%
words = "apple bob cat apple".split()
index = {w: i for i, w in enumerate(words)}
index
# %%
by_letter = {k: list(v) for k, v in itertools.groupby(sorted(words), key=lambda w: w[0])}
by_letter
# %%
matrix = [[i * j for j in range(4)] for i in range(3)]
[list(col) for col in zip(*matrix)]
# %%
any(w == "cat" for w in words), all(len(w) > 2 for w in words)
# %%
it = iter([1, 2, 3])
next(it)
# %%
next(it)
# %%
next(it, "done"), next(it, "done")
# %%% control
# %%
def describe(value):
    match value:
        case 0:
            return "zero"
        case int(n) if n < 0:
            return f"negative {n}"
        case [x, y]:
            return f"pair {x} {y}"
        case {"type": kind, **rest}:
            return f"{kind} {rest}"
        case str() as s:
            return f"text {s}"
        case _:
            return "other"
[describe(v) for v in (0, -3, [1, 2], {"type": "a", "b": 1}, "hi", 2.5)]
# %%
command = "go north".split()
match command:
    case ["go", direction]:
        print("going", direction)
direction
# %%
match {"a": 1, "b": 2}:
    case {"a": aa, **others}:
        pass
aa, others
# %%
n = 27
steps = []
while n != 1:
    n = n // 2 if n % 2 == 0 else 3 * n + 1
    steps.append(n)
    if len(steps) > 200:
        break
else:
    print("reached one in", len(steps))
# %%
for i in range(2, 30):
    for j in range(2, int(i**0.5) + 1):
        if i % j == 0:
            break
    else:
        print(i, end=" ")
# %%
i, j
# %%
total = 0
for value in [1, "2", None, 4]:
    try:
        total += int(value)
    except TypeError as e:
        print("skip", e)
        continue
    finally:
        total += 100
total
# %%
"e" in globals()
# %%
try:
    result = 10 / 2
except ZeroDivisionError:
    result = None
else:
    result += 1
result
# %%
def early(xs):
    for x in xs:
        if x > 2:
            return x
    return None
early([1, 2, 3, 4]), early([])
# %%
x = 5
label = "big" if x > 3 else "small"
label and x or None
# %%
assert label == "big", "never"
print(*range(3), sep=", ")
# %%
global_list = []
for global_list[len(global_list):] in ([1], [2]):
    pass
global_list
# %%
a = b = 3
a -= 1
a, b, a < b <= 3
