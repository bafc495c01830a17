# %%% display
# %%
from IPython.display import display, HTML, Markdown, JSON, clear_output, update_display, Image, Latex, SVG
# %%
display("text", 5)
# %%
HTML("<b>hi</b>")
# %%
display(Markdown("# Title"), metadata={"k": 1})
print("after")
# %%
display({"text/plain": "raw", "text/html": "<i>raw</i>"}, raw=True)
# %%
handle = display("start", display_id="mine")
# %%
update_display("updated", display_id="mine")
# %%
handle.update("by handle")
# %%
for i in range(3):
    clear_output(wait=True)
    print("step", i)
# %%
print("gone")
clear_output()
print("kept")
# %%
h = display("0%", display_id=True)
h.update("100%")
del h
# %%
class Rich:
    def __init__(self, v):
        self.v = v
    def _repr_html_(self):
        return f"<p>{self.v}</p>"
    def __repr__(self):
        return f"Rich({self.v})"
Rich(3)
# %%
rich = Rich(4)
display(rich, Rich(5))
rich
# %%
class Bundle:
    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/plain": "bundle", "application/json": {"a": [1]}}
Bundle()
# %%
class Loud:
    def _ipython_display_(self):
        print("displaying myself")
Loud()
# %%
class BadRepr:
    def __repr__(self):
        raise ValueError("bad repr")
BadRepr()
# %%
Latex("$a$"), 1
# %%
SVG("<svg xmlns='http://www.w3.org/2000/svg'></svg>")
# %%
JSON({"x": 1})
# %%
import sys
print("out 1")
print("err 1", file=sys.stderr)
print("out 2")
# %%
sys.stdout.write("written")
# %%
import pprint
pprint.pprint({f"key{i}": list(range(8)) for i in range(6)})
# %%
list(range(1200))[:5], "x" * 200
# %%
print("\x1b[31mred\x1b[0m")
# %%
for i in range(4):
    print(f"\rprogress {i}/3", end="")
print()
# %%
import io, contextlib
buf = io.StringIO()
with contextlib.redirect_stdout(buf):
    print("captured")
buf.getvalue()
# %%
print("x" * 3000)
# %%
ip = get_ipython()
ip.execution_count, type(ip).__name__ != ""
# %%
ip.run_cell("inner_value = 5")
inner_value
# %%
display()
display(None)
