# %%% basic
# %%
class Dog:
    """A dog."""
    species = "Canis familiaris"
    count = 0

    def __init__(self, name, age):
        self.name = name
        self.age = age
        Dog.count += 1

    def __repr__(self):
        return f"Dog({self.name!r}, {self.age})"

    def bark(self):
        return f"{self.name} says woof"
# %%
rex = Dog("Rex", 3)
fido = Dog("Fido", 5)
pack = [rex, fido]
pack
# %%
Dog.count
# %%
rex.age += 1
pack[0].age
# %%
isinstance(rex, Dog), type(rex) is Dog, isinstance(pack[1], Dog)
# %%
Dog.species = "dog"
rex.species, fido.species
# %%
fido.species = "wolf"
Dog.species, fido.__dict__
# %%
def speak(self):
    return "I am " + self.name
Dog.speak = speak
rex.speak()
# %%
fido.speak(), Dog.count
# %%
class Puppy(Dog):
    def __init__(self, name):
        super().__init__(name, 0)
        self.toys = []
    def bark(self):
        return super().bark() + " (softly)"
bit = Puppy("Bit")
bit.bark()
# %%
bit.toys.append("ball")
pack.append(bit)
[d.bark() for d in pack]
# %%
Dog.count, issubclass(Puppy, Dog), Puppy.__mro__[1] is Dog
# %%
best = max(pack, key=lambda d: d.age)
best.name = "Max"
pack
# %%
best is fido
# %%
setattr(rex, "color", "brown")
vars(rex)
# %%
del rex.color
hasattr(rex, "color")
# %%
method = rex.bark
method()
# %%
rex.name = "Rexy"
method()
# %%
class Dog:
    pass
isinstance(rex, Dog)
# %%
type(rex).__name__, type(rex) is Dog
# %%% advanced
# %%
from dataclasses import dataclass, field, replace, asdict
@dataclass(order=True)
class Item:
    price: float
    name: str = field(compare=False)
    tags: list = field(default_factory=list, compare=False)
items = [Item(3.5, "pen"), Item(1.0, "clip", ["metal"])]
sorted(items)
# %%
items[0].tags.append("ink")
cheap = min(items)
cheap.price = 0.5
items
# %%
asdict(items[0]), replace(cheap, name="staple"), cheap == Item(0.5, "x")
# %%
@dataclass(frozen=True)
class Vec:
    x: float
    y: float
    def __add__(self, other):
        return Vec(self.x + other.x, self.y + other.y)
    def __mul__(self, k):
        return Vec(self.x * k, self.y * k)
    __rmul__ = __mul__
    def __abs__(self):
        return (self.x**2 + self.y**2) ** 0.5
v = Vec(3, 4)
abs(v), 2 * v + Vec(1, 1)
# %%
v.x = 3
# %%
{v: "a", Vec(3, 4): "b"}
# %%
from enum import Enum, IntEnum, Flag, auto
class Color(Enum):
    RED = 1
    GREEN = 2
    BLUE = 3
    @property
    def pretty(self):
        return self.name.title()
favourite = Color.GREEN
favourite, favourite.pretty
# %%
favourite is Color.GREEN, Color(3), [c.name for c in Color]
# %%
class Perm(Flag):
    R = auto()
    W = auto()
mine = Perm.R | Perm.W
Perm.W in mine, mine
# %%
palette = {Color.RED: "#f00", Color.BLUE: "#00f"}
palette[Color.RED]
# %%
from abc import ABC, abstractmethod
class Shape(ABC):
    @abstractmethod
    def area(self): ...
    def describe(self):
        return f"{type(self).__name__} of area {self.area():.2f}"
class Rect(Shape):
    def __init__(self, w, h):
        self.w, self.h = w, h
    def area(self):
        return self.w * self.h
Rect(2, 3).describe()
# %%
Shape()
# %%
class Disk(Shape):
    def __init__(self, r):
        self.r = r
    def area(self):
        return 3.14159 * self.r ** 2
shapes = [Rect(1, 2), Disk(1)]
[s.describe() for s in shapes]
# %%
isinstance(shapes[1], Shape), sum(s.area() for s in shapes)
# %%
class Celsius:
    def __init__(self, t=0):
        self.temperature = t
    @property
    def temperature(self):
        return self._t
    @temperature.setter
    def temperature(self, value):
        if value < -273.15:
            raise ValueError("below absolute zero")
        self._t = value
    @classmethod
    def from_f(cls, f):
        return cls((f - 32) * 5 / 9)
    @staticmethod
    def boil():
        return 100
temp = Celsius.from_f(212)
temp.temperature
# %%
temp.temperature = 20
temp._t
# %%
temp.temperature = -300
# %%
temp.temperature, Celsius.boil()
# %%
class Slotted:
    __slots__ = ("a", "b")
    def __init__(self, a):
        self.a = a
sl = Slotted(1)
sl.b = [1]
sl.c = 3
# %%
sl.b.append(sl.a)
sl.b
# %%
class Meta(type):
    registry = []
    def __new__(mcls, name, bases, ns):
        cls = super().__new__(mcls, name, bases, ns)
        mcls.registry.append(name)
        return cls
class Base(metaclass=Meta):
    pass
class Child(Base):
    pass
Meta.registry
# %%
class Late(Base):
    pass
Meta.registry, type(Late).__name__
# %%
class Plugin:
    plugins = {}
    def __init_subclass__(cls, key=None, **kw):
        super().__init_subclass__(**kw)
        cls.plugins[key] = cls
class A(Plugin, key="a"): ...
class B(Plugin, key="b"): ...
Plugin.plugins
# %%% structures
# %%
class Node:
    def __init__(self, value, next=None):
        self.value, self.next = value, next
class LinkedList:
    def __init__(self):
        self.head = None
        self.size = 0
    def push(self, value):
        self.head = Node(value, self.head)
        self.size += 1
    def __iter__(self):
        node = self.head
        while node:
            yield node.value
            node = node.next
    def __len__(self):
        return self.size
ll = LinkedList()
# %%
for i in range(4):
    ll.push(i)
list(ll), len(ll)
# %%
ll.head.next.value = 99
head = ll.head
list(ll)
# %%
head.value = "h"
next(iter(ll)), isinstance(head, Node)
# %%
class TreeNode:
    def __init__(self, key, parent=None):
        self.key, self.parent, self.children = key, parent, []
        if parent:
            parent.children.append(self)
root = TreeNode("root")
kid = TreeNode("kid", root)
leaf = TreeNode("leaf", kid)
leaf.parent.parent is root
# %%
leaf.key = "LEAF"
root.children[0].children[0].key
# %%
class Stack(list):
    def push(self, x):
        self.append(x)
        return self
    @property
    def top(self):
        return self[-1]
st = Stack([1]).push(2)
st.label = "mine"
st, st.top
# %%
st.push(3)
st.label, len(st)
# %%
class Matrix:
    def __init__(self, rows):
        self.rows = [list(r) for r in rows]
    def __matmul__(self, o):
        return Matrix([[sum(a * b for a, b in zip(r, c)) for c in zip(*o.rows)] for r in self.rows])
    def __getitem__(self, ij):
        i, j = ij
        return self.rows[i][j]
    def __setitem__(self, ij, v):
        i, j = ij
        self.rows[i][j] = v
    def __eq__(self, o):
        return self.rows == o.rows
    def __repr__(self):
        return "\n".join(map(str, self.rows))
M = Matrix([[1, 2], [3, 4]])
M @ M
# %%
M[0, 1] = 9
M
# %%
class Account:
    def __init__(self, balance=0):
        self.__balance = balance
        self.history = []
    def deposit(self, n):
        self.__balance += n
        self.history.append(("deposit", n))
        return self
    def __bool__(self):
        return self.__balance > 0
    @property
    def balance(self):
        return self.__balance
acc = Account().deposit(10)
acc.balance
# %%
history = acc.history
acc.deposit(5)
history
# %%
class Timer:
    def __enter__(self):
        self.entered = True
        return self
    def __exit__(self, *exc):
        self.exc = exc[0]
        return True
with Timer() as timer:
    raise KeyError("swallowed")
timer.exc
# %%
class Money(int):
    def __str__(self):
        return f"${int(self)}"
cash = Money(5)
print(cash, cash + 1, type(cash).__name__)
# %%
class Descriptor:
    def __set_name__(self, owner, name):
        self.name = "_" + name
    def __get__(self, obj, owner=None):
        return self if obj is None else getattr(obj, self.name, 0)
    def __set__(self, obj, value):
        setattr(obj, self.name, max(0, value))
class Positive:
    amount = Descriptor()
pos = Positive()
pos.amount = -5
pos.amount
# %%
pos.amount = 7
vars(pos)
# %%
from typing import NamedTuple, Protocol, Generic, TypeVar, Optional
T = TypeVar("T")
class Box(Generic[T]):
    def __init__(self, item: T):
        self.item = item
class Pt(NamedTuple):
    x: int
    y: int = 0
bx = Box[Pt](Pt(1))
bx.item
# %%
bx.item = bx.item._replace(y=5)
isinstance(bx.item, Pt), bx.item
# %%
def make_class(name, **attrs):
    return type(name, (), attrs)
Dyn = make_class("Dyn", size=3)
dyn = Dyn()
dyn.size, type(dyn).__name__
# %%
def local_class():
    class Inner:
        def hi(self):
            return "hi from inner"
    return Inner()
obj = local_class()
obj.hi()
# %%
obj.x = 1
obj.hi(), obj.x
