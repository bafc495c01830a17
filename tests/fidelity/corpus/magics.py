# %%% timing
# %%
xs = list(range(1000))
# %%
%time total = sum(xs)
total
# %%
%time print("timed")
# %%
%timeit -n1 -r1 sum(xs)
# %%
res = %timeit -n1 -r1 -o -q sum(xs)
type(res).__name__
# %%
del res
# %%
%%time
squares = [x * x for x in xs]
print(len(squares))
# %%
squares[-1]
# %%
%%timeit -n1 -r1
inner = [x + 1 for x in xs]
# %%
"inner" in globals()
# %%
%%capture captured
print("hidden")
shown = 3
# %%
captured.stdout, shown
# %%
%%capture
print("never shown")
quiet = True
# %%
quiet
# %%
%%capture cap --no-stderr
import sys
print("out")
print("err", file=sys.stderr)
# %%
print(cap.stdout)
# %%
%%time
1 / 0
# %%
%time undefined_thing
# %%
%%prun -q -T prof.txt
sorted(xs)
profiled = 1
# %%
profiled
# %%
%%time
def timed_function(x):
    return x + total
timed_function(1)
# %%
timed_function(2)
# %%% environment
# %%
%env FIDELITY_A=hello
# %%
import os
os.environ["FIDELITY_A"]
# %%
os.environ["FIDELITY_B"] = "b"
%env FIDELITY_B
# %%
value = "from python"
%env FIDELITY_C={value}
# %%
!echo $FIDELITY_A $FIDELITY_C
# %%
del os.environ["FIDELITY_B"]
os.environ.get("FIDELITY_B")
# %%
%pwd
# %%
%mkdir sub
%cd sub
# %%
os.path.basename(os.getcwd())
# %%
open("here.txt", "w").write("x")
# %%
%cd ..
# %%
os.listdir("sub")
# %%
os.chdir("sub")
os.path.exists("here.txt")
# %%
os.chdir("..")
%ls sub
# %%
%precision 3
# %%
3.14159265
# %%
%precision
# %%
%matplotlib inline
# %%
a_name, b_name = 1, "two"
%who_ls str
# %%
%who int
# %%
%whos
# %%
%xmode Minimal
# %%
1 / 0
# %%
%lsmagic_nothing
# %%
%%nothing_magic
x = 1
# %%
%reset -f
# %%
"a_name" in dir()
# %%% shell
# %%
!echo hello
# %%
name = "world"
n = 3
!echo $name {n + 1} $$HOME
# %%
out = !printf 'a\nb\nc\n'
out
# %%
out[1], len(out), out.s
# %%
!ls no_such_file
# %%
_exit_code
# %%
files = ["x.txt", "y.txt"]
for f in files:
    !touch {f}
!ls *.txt
# %%
%%bash
for i in 1 2; do echo "line $i"; done
# %%
%%bash --out captured --err errors
echo to-out
echo to-err >&2
# %%
captured, errors
# %%
%%sh
echo from sh
# %%
%%bash -s "$name" {n}
echo "args $1 $2"
# %%
%%bash
exit 3
# %%
%sx echo sx
# %%
words = %sx echo one two
words
# %%
!python -c "print(6 * 7)"
# %%
import subprocess
done = subprocess.run(["echo", "sub"], capture_output=True, text=True)
done.stdout
# %%
import time
status = subprocess.run("echo direct; sleep 0.2", shell=True).returncode
time.sleep(0.3)
# %%
os_out = __import__("os").system("echo via-os-system; sleep 0.2")
time.sleep(0.3)
os_out
# %%
%%writefile notes.md
# Title
text
# %%
!cat notes.md
# %%
%%writefile -a notes.md
more
# %%
print(open("notes.md").read())
# %%
%%html
<b>bold</b>
# %%
%%markdown
*emphasis*
# %%
%%latex
$x^2$
# %%
%%javascript
console.log(1)
# %%% history
# %%
3 + 4
# %%
_ * 2
# %%
_, __
# %%
Out[1]
# %%
sorted(Out)
# %%
_1 + _2
# %%
In[1]
# %%
None
# %%
_
# %%
x = _2
x
# %%
[Out[1], Out[2]]
# %%
_[0] = 70
_
# %%
_11
# %%
len(In)
# %%
10; 20
# %%
"quiet";
# %%
_
# %%
%%time
_2 + 1
# %%
_
# %%
x?
# %%
len?
# %%
def documented(a, b=2):
    """Says something."""
documented?
# %%
documented??
