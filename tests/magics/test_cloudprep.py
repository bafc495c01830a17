"""``%%cloudprep`` in a real kernel, through a real agent and worker."""

from __future__ import annotations

import json

import polars as pl
import pytest


@pytest.fixture(scope="module")
def trips(notebook):
    """A folder of Parquet files in the notebook's directory."""
    folder = notebook.cwd / "trips"
    folder.mkdir()
    for part in range(3):
        ids = range(part * 100, part * 100 + 100)
        frame = pl.DataFrame(
            {
                "id": ids,
                "city": [["Bern", "Genf", None][i % 3] for i in ids],
                "fare": [float(i % 50) for i in ids],
            }
        )
        frame.write_parquet(folder / f"{part}.parquet")
    return folder


def shown(ran) -> str:
    """The text of the profile."""
    texts = [
        content["data"]["text/plain"]
        for kind, content in ran.messages
        if kind == "display_data" and "application/vnd.cloudml.job+json" not in content["data"]
    ]
    return "\n".join(texts)


def test_a_query_is_looked_at(notebook, trips):
    ran = notebook.run(
        "%%cloudprep look --source trips=trips/*.parquet -n 2\nSELECT city, fare FROM trips ORDER BY id"
    )
    assert ran.status == "ok", ran.reply
    assert "only a look" in shown(ran)
    assert "Genf" in shown(ran)
    assert ran.cards[-1]["state"] == "SUCCEEDED"


def test_a_result_comes_home_under_its_name(notebook, trips):
    ran = notebook.run(
        "%%cloudprep --source trips=trips/ -o by_city\n"
        "SELECT city, count(*) AS n FROM trips WHERE city IS NOT NULL GROUP BY city ORDER BY city"
    )
    assert ran.status == "ok", ran.reply
    assert notebook.value("by_city.rows()") == "[('Bern', 100), ('Genf', 100)]"


def test_a_python_cell_speaks_narwhals_and_sees_the_notebook(notebook, trips):
    notebook.run(
        "least = 48\ndef rich(frame): return frame.filter(nw.col('fare') >= least)\nimport narwhals as nw"
    )
    ran = notebook.run(
        "%%cloudprep --source trips=trips/*.parquet -o rich_trips\n"
        "kept = rich(trips)\nkept.select('id', 'fare').sort('id').head(2)"
    )
    assert ran.status == "ok", ran.reply
    assert notebook.value("rich_trips.rows()") == "[(48, 48.0), (49, 49.0)]"
    assert notebook.value("'kept' in globals(), 'trips' in globals()") == "(False, False)"


def test_frames_of_the_notebook_are_tables_by_their_names(notebook, trips):
    notebook.run(
        "import pandas as pd\ncities = pd.DataFrame({'city': ['Bern', 'Genf'], 'canton': ['BE', 'GE']})"
    )
    ran = notebook.run(
        "%%cloudprep --source trips=trips/*.parquet -o joined\n"
        "SELECT c.canton, count(*) AS n FROM trips t JOIN cities c ON t.city = c.city GROUP BY c.canton"
        " ORDER BY c.canton"
    )
    assert ran.status == "ok", ran.reply
    assert notebook.value("joined.rows()") == "[('BE', 100), ('GE', 100)]"
    ran = notebook.run("%%cloudprep -o only\ncities.filter(nw.col('canton') == 'GE')")
    assert ran.status == "ok", ran.reply
    assert notebook.value("only.rows(), len(cities)") == "([('Genf', 'GE')], 2)"


def test_dollar_names_are_values_of_the_notebook(notebook, trips):
    notebook.run("wanted = ['Bern']")
    ran = notebook.run(
        "%%cloudprep --source trips=trips/*.parquet -o n -p top 10\n"
        "SELECT count(*) AS n, '$top' AS s FROM trips WHERE city IN $wanted AND fare < $top"
    )
    assert ran.status == "ok", ran.reply
    assert notebook.value("n.rows()") == "[(20, '$top')]"


def test_sinks_are_written_profiled_and_recorded(notebook, trips):
    ran = notebook.run(
        "%%cloudprep split --source trips=trips/*.parquet --sink train=out/train.parquet"
        " --sink test=out/test.csv\n"
        "train, test = trips.filter(nw.col('id') < 200), trips.filter(nw.col('id') >= 200)"
    )
    assert ran.status == "ok", ran.reply
    assert pl.read_parquet(notebook.cwd / "out/train.parquet").height == 200
    assert pl.read_csv(notebook.cwd / "out/test.csv").height == 100
    assert "train: 200 rows" in shown(ran)
    assert "66" in shown(ran)  # missing cities
    events = [
        json.loads(line)
        for line in notebook.home.job(ran.job).journal("0").read_text().splitlines()
    ]
    datasets = {e["name"]: e for e in events if e["k"] == "dataset"}
    assert datasets.keys() == {"trips", "train", "test"}
    lineage = json.loads(datasets["train"]["source"])
    assert lineage["uri"].endswith("out/train.parquet")
    assert [len(s["files"]) for s in lineage["sources"]] == [3]
    assert any(e["k"] == "progress" and e["n"] == 300 for e in events)


def test_the_same_cell_and_data_are_not_computed_twice(notebook, trips):
    cell = "%%cloudprep --source trips=trips/*.parquet -o total --sink out/total.parquet{}\nSELECT sum(fare) AS s FROM trips"
    first, second = notebook.run(cell.format("")), notebook.run(cell.format(""))
    assert "from the cache" not in shown(first)
    assert "from the cache" in shown(second)
    assert notebook.value("total.rows()") == "[(7350.0,)]"
    assert "from the cache" not in shown(notebook.run(cell.format(" --no-cache")))
    (notebook.cwd / "out/total.parquet").unlink()
    assert "from the cache" not in shown(notebook.run(cell.format("")))
    pl.DataFrame({"id": [1], "city": ["Bern"], "fare": [0.5]}).write_parquet(trips / "9.parquet")
    third = notebook.run(cell.format(""))
    (trips / "9.parquet").unlink()
    assert "from the cache" not in shown(third)
    assert notebook.value("total.rows()") == "[(7350.5,)]"


@pytest.mark.parametrize(
    ("line", "cell", "says"),
    [
        ("--source t=nowhere.parquet", "SELECT 1 FROM t", "t=file:///"),
        ("--source t=trips/*.parquet", "SELECT a b c\nFROM t", "SQL, line 1: syntax error"),
        ("--source t=trips/*.parquet", "SELECT 1 FROM u", "there is no table 'u'"),
        ("--source t=trips/*.parquet --sink x.xls", "SELECT 1 FROM t", ".xls is no format"),
        ("--engine excel", "SELECT 1", "--engine 'excel' is none"),
        ("-o a,b", "SELECT 1", "one result"),
        ("--sink a.csv --sink b.csv", "SELECT 1", "name them"),
        ("--sourze t=x", "SELECT 1", "did you mean --source?"),
        ("", "SELECT $nothing", "no 'nothing' for $nothing"),
    ],
)
def test_a_mistake_is_one_sentence_and_starts_nothing(notebook, trips, line, cell, says):
    ran = notebook.run(f"%%cloudprep {line}\n{cell}")
    assert ran.status == "error"
    assert says in ran.error
    assert len(ran.shown.splitlines()) == 1
    assert not ran.cards


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("SELECT id,\n  nope FROM t", 'SQL, line 2: Referenced column "nope"'),
        ("t.filter(nw.col('nope') > 1)", "line 1: there is no column 'nope'"),
        ("[1, 2]", "the cell's result is list, no frame"),
    ],
)
def test_what_is_wrong_with_the_data_is_one_sentence_from_the_job(notebook, trips, cell, says):
    ran = notebook.run(f"%%cloudprep --source t=trips/*.parquet -o x\n{cell}")
    assert ran.status == "error"
    assert says in ran.error
    assert len(ran.shown.splitlines()) == 1
    assert ran.cards[-1]["state"] == "FAILED"


def test_an_error_in_python_code_has_its_traceback(notebook, trips):
    ran = notebook.run(
        "%%cloudprep --source t=trips/*.parquet -o x\none = 1\nt.filter(1 / (one - 1))"
    )
    assert ran.error.startswith("ZeroDivisionError")
    assert "t.filter(1 / (one - 1))" in ran.shown
    assert "jupyter_cloudml" not in ran.shown


def test_it_is_a_job_like_others(notebook, trips):
    ran = notebook.run("%%cloudprep --dry-run --source t=trips/*.parquet\nt.select('id')")
    assert "nothing was started" in ran.value
    notebook.run("%%cloudprep later --detach --source t=trips/*.parquet -o late\nt.select('id')")
    notebook.run("import jupyter_cloudml as cloudml")
    assert notebook.value("cloudml.get('later').result()['late'].shape") == "(300, 1)"


def test_help_and_completion(notebook, trips):
    (page,) = notebook.run("%%cloudprep?").reply["payload"]
    assert "--partition-by a,b" in page["data"]["text/plain"]
    reply = notebook.client.complete("%%cloudprep --engine po", reply=True, timeout=60)
    assert "polars" in reply["content"]["matches"]
    reply = notebook.client.complete("%%cloudprep --source trips=tri", reply=True, timeout=60)
    assert "trips/" in reply["content"]["matches"]
