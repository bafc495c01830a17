# %%% arrays
# %%
import numpy as np
a = np.arange(12).reshape(3, 4)
a
# %%
view = a[1:, ::2]
view[:] = -1
a
# %%
view is a, np.shares_memory(view, a)
# %%
a[0, 0] = 100
a += 1
view
# %%
row = a[1]
row *= 2
a
# %%
b = a.copy()
b[:] = 0
a.sum(), b.sum()
# %%
a.T[0], a.flat[5], a[a > 5]
# %%
a[a < 0] = 0
a
# %%
names = np.array(["ann", "bob"], dtype=object)
names[0] = [1, 2]
names
# %%
names[0].append(3)
names
# %%
rec = np.array([(1, 2.5, "x"), (2, 3.5, "y")], dtype=[("id", "i4"), ("v", "f8"), ("s", "U4")])
rec["v"] *= 2
rec
# %%
np.nan_to_num(np.array([np.nan, np.inf])), np.float32(1.5), np.int64(3) + 1
# %%
x = np.linspace(0, 1, 5, dtype=np.float32)
y = np.sin(x)
np.round(y, 3)
# %%
1 / np.array([0.0, 1.0])
# %%
np.array([1, 2]) + np.array([1, 2, 3])
# %%
m = np.ma.masked_array([1, 2, 3], mask=[0, 1, 0])
m.mean(), m
# %%
frozen = np.ones(3)
frozen.flags.writeable = False
frozen
# %%
frozen[0] = 5
# %%
frozen.flags.writeable
# %%
f_order = np.asfortranarray(np.eye(3))
f_order.flags["F_CONTIGUOUS"], f_order.strides
# %%
f_order[0, 1] = 7
f_order.flags["F_CONTIGUOUS"]
# %%
out = np.empty(4)
np.multiply([1, 2, 3, 4], 2.0, out=out)
out
# %%
np.save("arr.npy", a)
np.load("arr.npy").sum()
# %%
np.set_printoptions(precision=2, suppress=True)
np.array([1.23456, 1e-9])
# %%
np.array([3.14159])
# %%
parts = np.split(np.arange(6), 3)
parts[0][0] = 50
parts
# %%
class Tagged(np.ndarray):
    tag = None
tagged = np.zeros(2).view(Tagged)
tagged.tag = "t"
tagged
# %%
tagged[0] = 4
tagged.tag, type(tagged).__name__
# %%
arr_list = [a, a]
arr_list[0][0, 0] = -5
arr_list[1][0, 0], a[0, 0], arr_list[0] is a
# %%
d64 = np.array(["2024-01-01", "NaT"], dtype="datetime64[D]")
d64 + np.timedelta64(1, "D")
# %%% random
# %%
import numpy as np, random
np.random.seed(42)
random.seed(7)
# %%
np.random.rand(3).round(4)
# %%
np.random.randint(0, 10, 5), random.random()
# %%
random.choice("abcdef"), random.sample(range(100), 3)
# %%
rng = np.random.default_rng(0)
rng.normal(size=3).round(4)
# %%
rng.integers(0, 100, 4)
# %%
same = rng
same.random(), rng.random()
# %%
rng2 = np.random.default_rng(0)
rng2.normal(size=3).round(4)
# %%
r1 = random.Random(5)
r1.random()
# %%
r1.randint(1, 6), r1.gauss(0, 1)
# %%
deck = list(range(8))
random.shuffle(deck)
deck
# %%
def noise(n):
    return np.random.normal(size=n)
noise(2).round(4)
# %%
noise(2).round(4)
# %%
state = np.random.get_state()
first = np.random.rand()
np.random.set_state(state)
first == np.random.rand()
# %%
class Sampler:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
    def draw(self):
        return int(self.rng.integers(1000))
sampler = Sampler(3)
sampler.draw()
# %%
sampler.draw(), sampler.draw()
# %%
rs = np.random.RandomState(1)
rs.permutation(5)
# %%
rs.permutation(5)
# %%
children = rng.spawn(2)
children[0].random(), children[1].random()
# %%
rng.bit_generator.state["bit_generator"]
# %%
inside = sum(1 for _ in range(500) if np.random.rand() ** 2 + np.random.rand() ** 2 < 1)
4 * inside / 500
# %%% masked
# %%
import numpy as np, numpy.ma as ma
a = ma.array([1, 2, 3])
a.mask is ma.nomask, a
# %%
a += 1
a.mask is ma.nomask
# %%
a
# %%
b = ma.masked_array([1., 2., -999.], mask=[0, 0, 1], fill_value=-999)
b.mean(), b.filled()
# %%
b[0] = ma.masked
b
# %%
c = b * 2
c.mask, c.fill_value
# %%
a.mask is ma.nomask, a.mask
# %%
a[1] = ma.masked
# %%
a, a.mask
# %%
d = ma.masked_where(np.arange(5) > 3, np.arange(5))
e = d[1:]
d, e
# %%
e[0] = 99
d, e
