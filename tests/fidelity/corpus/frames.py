# %%% pandas
# %%
import pandas as pd
import numpy as np
df = pd.DataFrame({"city": ["Rome", "Oslo", "Lima"], "pop": [2.8, 0.7, 10.0], "cap": [True, True, True]})
df
# %%
df["dense"] = df["pop"] > 1
df
# %%
alias = df
df.loc[len(df)] = ["Cairo", 9.5, True, True]
alias.shape
# %%
alias.rename(columns={"pop": "population"}, inplace=True)
df.columns.tolist()
# %%
df.sort_values("population", inplace=True)
df.index.tolist(), alias is df
# %%
limit = 2
df.query("population > @limit")
# %%
def big(frame, threshold=5):
    return frame[frame.population > threshold]
big(df)
# %%
df.groupby("dense")["population"].agg(["mean", "count"])
# %%
grouped = {k: g for k, g in df.groupby("dense")}
len(grouped[True])
# %%
df.describe().round(2)
# %%
df.dtypes
# %%
s = df["population"]
s.iloc[0] = 99
df["population"].iloc[0], s.iloc[0]
# %%
df["nope"]
# %%
df.drop(columns="cap", inplace=True)
df.head(2)
# %%
dates = pd.date_range("2024-01-01", periods=6, freq="D")
ts = pd.Series(np.arange(6.0), index=dates, name="v")
ts.rolling(2).mean()
# %%
ts.resample("2D").sum()
# %%
ts.iloc[2] = np.nan
ts.interpolate().tolist()
# %%
cat = pd.Series(["a", "b", "a"], dtype="category")
cat.cat.categories.tolist(), cat.value_counts().to_dict()
# %%
left = pd.DataFrame({"k": [1, 2, 3], "l": list("abc")})
right = pd.DataFrame({"k": [2, 3, 4], "r": [0.2, 0.3, 0.4]})
merged = left.merge(right, on="k", how="outer", indicator=True)
merged
# %%
mi = df.set_index(["city", "dense"])
mi.index.names
# %%
pivot = merged.pivot_table(index="k", values="r", aggfunc="sum")
pivot
# %%
df.to_csv("cities.csv", index=False)
pd.read_csv("cities.csv").equals(df.reset_index(drop=True))
# %%
!head -2 cities.csv
# %%
df.attrs["source"] = "made up"
df.attrs
# %%
df.apply(lambda row: f"{row.city[:2]}-{row.population:.0f}", axis=1).tolist()
# %%
pd.set_option("display.max_rows", 4)
pd.DataFrame({"n": range(10)})
# %%
pd.DataFrame({"n": range(9)})
# %%
df.style.format({"population": "{:.1f}"}).set_uuid("fixed")
# %%
df.at[0, "city"] = "Roma"
df.loc[df.city == "Oslo", "population"] *= 2
df
# %%
nullable = pd.DataFrame({"i": pd.array([1, None, 3], dtype="Int64"), "s": pd.array(["x", None, "z"], dtype="string")})
nullable.isna().sum()
# %%
nullable.loc[1, "i"] = 5
nullable
# %%
df.insert(0, "id", range(len(df)))
df.pop("dense").tolist()
# %%
del df["id"]
df.columns.tolist()
# %%
frames = {"main": df, "other": left}
frames["main"]["extra"] = 1
"extra" in df.columns, frames["main"] is df
# %%
styled = df.melt(id_vars="city").head(3)
styled
# %%
pd.concat([left, right], axis=1).fillna(0)
# %%
pd.to_datetime(["2024-01-05", "bad"], errors="coerce")
# %%
pd.to_datetime("not a date")
# %%% polars
# %%
import polars as pl
df = pl.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "x"]})
df
# %%
df = df.with_columns((pl.col("a") * 2).alias("c"))
df
# %%
df.group_by("b").agg(pl.col("a").sum()).sort("b")
# %%
lazy = df.lazy().filter(pl.col("a") > 1)
lazy.collect().rows()
# %%
s = pl.Series("v", [1.5, None])
s.is_null().sum()
# %%
expr = pl.col("a").mean()
df.select(expr).item()
# %%
pl.sql("select b, sum(a) as t from df group by b order by b").collect()
# %%
df[0, "a"] = 50
df["a"].to_list()
# %%
df.select("missing")
# %%
df.write_csv("p.csv")
pl.read_csv("p.csv").equals(df)
# %%% attrs
# %%
import pandas as pd
df = pd.DataFrame({"x": [1, 2]})
df.attrs["meta"] = {"units": ["m"]}
# %%
df.attrs["meta"]["units"].append("s")
# %%
df.attrs
# %%
s = pd.Series([1]); s.attrs["a"] = [1]
# %%
s.attrs["a"].append(2)
# %%
s.attrs
