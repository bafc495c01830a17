# %%% matplotlib
# %%
import matplotlib.pyplot as plt
import numpy as np
%matplotlib inline
# %%
x = np.linspace(0, 6, 50)
plt.plot(x, np.sin(x))
plt.title("sine")
plt.show()
# %%
fig, ax = plt.subplots(figsize=(4, 2))
ax.bar(["a", "b"], [1, 2])
ax.set_ylabel("count");
# %%
ax.set_title("later title")
fig
# %%
fig.axes[0] is ax, ax.get_title()
# %%
plt.hist([1, 1, 2, 3], bins=3)
# %%
def plot_line(slope, ax=None):
    ax = ax or plt.gca()
    ax.plot(x, slope * x, label=f"{slope}x")
    return ax
for k in (1, 2):
    plot_line(k)
plt.legend();
# %%
fig2, axes = plt.subplots(1, 2)
axes[0].scatter([1, 2], [3, 4])
axes[1].imshow(np.eye(3))
plt.close(fig2)
# %%
fig2.get_size_inches().tolist(), len(fig2.axes)
# %%
plt.rcParams["figure.figsize"] = (3, 2)
plt.plot([1, 2]);
# %%
plt.plot([2, 1]); plt.xlabel("small");
# %%
plt.style.use("ggplot")
plt.plot([1, 3])
plt.show()
# %%
import pandas as pd
pd.DataFrame({"a": [1, 2, 3], "b": [3, 1, 2]}).plot(title="frame")
# %%
plt.savefig("empty.png")
import os
os.path.exists("empty.png")
# %%
plt.figure()
print("text and figure")
plt.plot([0, 1])
1 / 0
# %%
for i in range(2):
    plt.figure(figsize=(2, 1))
    plt.plot([i, 1])
    plt.show()
    print("figure", i)
# %%
import matplotlib as mpl
mpl.rcParams["lines.linewidth"], plt.get_fignums()
# %%
plt.rcdefaults()

# %%% formats
# %%
%matplotlib inline
%config InlineBackend.figure_format = "retina"
# %%
import matplotlib.pyplot as plt
plt.plot([1, 2]);
# %%
plt.plot([1, 3]);
# %%
%config InlineBackend.figure_format = "svg"
plt.rcParams["svg.hashsalt"] = "a"
# %%
import pandas as pd
pd.set_option("display.float_format", lambda x: "%.1f" % x)
# %%
pd.DataFrame({"a": [1 / 3]})
