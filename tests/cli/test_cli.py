"""The command line, as somebody at a terminal meets it."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from models import dense

import automl_explain
from automl_explain.adapters import adapter_for
from automl_explain.cli import _run, main
from automl_explain.cli._data import Column, ReadOptions, Table, read_table, split
from automl_explain.cli._quiet import quiet
from automl_explain.cli._report import start_name
from automl_explain.cli._split import SplitRule
from automl_explain.datasets import make_mixed_table
from automl_explain.exceptions import AlreadyExistsError, DataError, InputError, NotFoundError, StorageError
from automl_explain.reading import DECISION, WARNING, TypeOptions

WriteCsv = Callable[..., Path]


@pytest.fixture
def write_csv(tmp_path: Path) -> WriteCsv:
    """Write columns (or a text) as a CSV file and give its path."""

    def write(columns: dict[str, object] | str, name: str = "table.csv") -> Path:
        path = tmp_path / name
        if isinstance(columns, str):
            path.write_text(columns, encoding="utf-8")
        else:
            pd.DataFrame(columns).to_csv(path, index=False)
        return path

    return write


def numbers(n: int = 60) -> list[float]:
    return [i / 7 for i in range(n)]


def said(table: Table) -> str:
    """All notes of a table as one text."""
    return "; ".join(note.text for note in table.notes)


def classes(n: int = 60) -> list[str]:
    return ["yes" if i % 3 else "no" for i in range(n)]


# Usage


def test_help_has_examples_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    text = capsys.readouterr().out
    assert "automl-explain explain customers.csv --target churned" in text
    assert "exit codes: 0 success, 1 error" in text
    assert "demo" in text


@pytest.mark.parametrize("command", ["demo", "explain"])
def test_help_of_each_command_says_what_is_written_where(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    text = capsys.readouterr().out
    assert all(word in text for word in ("raw/", "engineered/", "scoring/", "--time-budget", "pickle"))


def test_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out.strip() == f"automl-explain {automl_explain.__version__}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "COMMAND"),
        (["explain", "x.csv"], "--target"),
        (["explain", "x.csv", "--target", "y", "--test-size", "1.5"], "'1.5' is not a share between 0 and 1"),
        (["explain", "x.csv", "--target", "y", "--time-budget", "-1"], "'-1' is not a number of seconds above 0"),
        (["explain", "x.csv", "--target", "y", "--time-budget", "nan"], "'nan' is not a number of seconds above 0"),
        (["explain", "x.csv", "--target", "y", "--task", "ranking"], "invalid choice"),
        (["explain", "x.csv", "--target", "y", "--max-rows", "ten"], "'ten' is not a whole number of rows"),
        (["explain", "x.csv", "--target", "y", "--raw-method", "mixed"], "invalid choice"),
        (["explain", "x.csv", "--target", "y", "--header", "0"], "'0' is neither a line number from 1 nor none"),
        (["explain", "x.csv", "--target", "y", "--types", "zip"], "'zip' is not COLUMN=TYPE"),
        (["explain", "x.csv", "--target", "y", "--day-first", "--month-first"], "not allowed with"),
        (["explain", "x.csv", "--target", "y", "--split", "day"], "'day' is not random, time:COLUMN or group:COLUMN"),
        (["demo", "--seed", "-3"], "'-3' is not a whole number from 0"),
        (["demo", "--rows", "7"], "50 or more"),
    ],
)
def test_wrong_usage_leaves_with_2(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert said in capsys.readouterr().err


# Errors


def test_an_error_is_one_line_on_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(tmp_path / "none.csv"), "--target", "y"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("automl-explain: error: There is no file '")
    assert err.count("\n") == 1


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="There is no file"):
        main(["explain", str(tmp_path / "none.csv"), "--target", "y", "--debug"])


def test_an_interrupt_leaves_with_130(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_run, "run", interrupt)
    assert main(["demo", "--out", str(tmp_path)]) == 130
    assert capsys.readouterr().err == "automl-explain: interrupted\n"


def test_an_unforeseen_error_is_told_with_its_kind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr(_run, "run", fail)
    assert main(["demo", "--out", str(tmp_path)]) == 1
    expected = "automl-explain: error: RuntimeError: first line second line (--debug shows where)\n"
    assert capsys.readouterr().err == expected


def test_a_file_with_a_similar_name_is_suggested(write_csv: WriteCsv) -> None:
    path = write_csv({"a": numbers(), "y": classes()}, "houses.csv")
    with pytest.raises(NotFoundError, match=r"did you mean '.*houses\.csv'\?"):
        read_table(path.with_name("house.csv"), ReadOptions("y"))


def test_a_folder_is_no_csv_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        read_table(tmp_path, ReadOptions("y"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"%PDF-1.7 report", "is a PDF document"),
        (b"a,b\n1,\0\1\2", "holds binary data"),
        (b'a,b\n1,"open\n', "does not end"),
    ],
)
def test_what_is_no_table_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_table(path, ReadOptions("b"))


@pytest.mark.parametrize(("content", "said"), [("", "is empty"), ("a,b\n", "has column names but no rows")])
def test_an_empty_file_is_refused(content: str, said: str, write_csv: WriteCsv) -> None:
    with pytest.raises(DataError, match=said):
        read_table(write_csv(content), ReadOptions("b"))


def test_a_target_that_is_not_there_names_the_nearest(write_csv: WriteCsv) -> None:
    path = write_csv({"age": numbers(), "churned": classes()})
    with pytest.raises(
        InputError, match=r"no column 'Churn'\. Did you mean 'churned'\? The columns are 'age', 'churned'"
    ):
        read_table(path, ReadOptions("Churn"))


@pytest.mark.parametrize(
    "options",
    [
        {"ignore": ("agee",)},
        {"keep": ("agee",)},
        {"types": TypeOptions(dates=("agee",))},
        {"types": TypeOptions(types={"agee": "text"})},
    ],
)
def test_columns_of_options_must_be_there(options: dict[str, object], write_csv: WriteCsv) -> None:
    path = write_csv({"age": numbers(), "y": classes()})
    with pytest.raises(InputError, match="no column 'agee'"):
        read_table(path, ReadOptions("y", **options))


def test_a_target_in_a_file_without_names_is_told_how_columns_are_called(write_csv: WriteCsv) -> None:
    path = write_csv("".join(f"{i},{i % 7}.5,{'yes' if i % 3 else 'no'}\n" for i in range(60)))
    with pytest.raises(InputError, match="no column 'y'. The file has no line of names; .* 'column 3'"):
        read_table(path, ReadOptions("y"))


def test_what_may_mislead_is_said_of_columns_that_are_left_out_too(write_csv: WriteCsv) -> None:
    prices = [f"{'$€'[i % 2]}{i * i}.50" for i in range(60)]
    path = write_csv({"age": numbers(), "price": prices, "y": classes()})
    assert "kept 'price' as text: its numbers have different units" in said(read_table(path, ReadOptions("y")))
    assert "price" not in said(read_table(path, ReadOptions("y", ignore=("price",))))


def test_a_few_rows_of_classes_without_another_row_are_left_out_and_said(write_csv: WriteCsv) -> None:
    path = write_csv({"age": numbers(300), "y": ["fog", *["snow", "rain"] * 149, "hail"]})
    table = read_table(path, ReadOptions("y"))
    assert (len(table.X), len(table.y), set(table.y)) == (298, 298, {"snow", "rain"})
    note = table.notes[0]
    assert "left out 2 rows of classes of 'y' that have no other row: 'fog', 'hail'" in note.text
    assert note.weight == WARNING


def test_whole_numbers_of_which_one_stands_once_are_a_regression_target(write_csv: WriteCsv) -> None:
    path = write_csv({"weight": numbers(), "height": [70, 71, 72, 73, 74] * 11 + [75, 75, 76, 76, 87]})
    assert read_table(path, ReadOptions("height")).task == "regression"


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ([np.nan] * 60, "is empty in every row"),
        (["same"] * 60, "has the value 'same' in every row"),
        (["a"] * 40 + ["b"] * 19 + ["rare"], r"Class 'rare' of column 'y' has a single row; two are needed"),
        ([f"id{i // 2}" for i in range(300)], "has 150 different values; up to 100 classes"),
        (classes(30) + [None] * 30, "Only 30 rows with a target; at least 50"),
    ],
)
def test_targets_that_cannot_be_learnt_are_refused(target: list[object], said: str, write_csv: WriteCsv) -> None:
    path = write_csv({"a": numbers(len(target)), "y": target})
    with pytest.raises(DataError, match=said):
        read_table(path, ReadOptions("y"))


def test_text_cannot_be_regressed_on(write_csv: WriteCsv) -> None:
    with pytest.raises(DataError, match="'no', which is no number; use --task classification"):
        read_table(write_csv({"a": numbers(), "y": classes()}), ReadOptions("y", task="regression"))


def test_an_infinite_target_is_no_value_and_it_is_said(write_csv: WriteCsv) -> None:
    table = read_table(write_csv({"a": numbers(), "y": [*numbers(59), np.inf]}), ReadOptions("y"))
    assert (len(table.y), float(table.y.max())) == (59, 58 / 7)
    assert "read 'y' as numbers; 'inf' is missing (1 cell)" in said(table)
    assert "left out 1 row without a value in 'y'" in said(table)


def test_a_table_of_the_target_alone_is_refused(write_csv: WriteCsv) -> None:
    with pytest.raises(DataError, match="No column is left"):
        read_table(write_csv({"y": classes()}), ReadOptions("y"))


def test_repeated_column_names_are_refused(write_csv: WriteCsv) -> None:
    rows = "\n".join(f"{i},{i % 5},{c}" for i, c in enumerate(classes()))
    with pytest.raises(InputError, match="columns 1 and 2 are both called 'a', and hold different values"):
        read_table(write_csv("a,a,y\n" + rows), ReadOptions("y"))


def test_a_copy_of_the_target_under_its_own_name_is_left_out(write_csv: WriteCsv) -> None:
    rows = "\n".join(f"{c},{i / 7},{c}" for i, c in enumerate(classes()))
    table = read_table(write_csv("y,a,y\n" + rows), ReadOptions("y"))
    assert list(table.X.columns) == ["a"]
    assert (
        table.notes[0].text == "left out column 3: it has the name 'y' and the values of column 1, so it is there twice"
    )
    assert table.notes[0].weight == WARNING


def test_too_few_test_rows_for_the_classes_are_refused() -> None:
    table = Table(pd.DataFrame({"a": range(60)}), pd.Series([i % 20 for i in range(60)], name="y"), "classification")
    with pytest.raises(DataError, match="leaves 6 rows on one side, fewer than the 20 needed"):
        split(table, test_size=0.1, seed=0)


# Reading


def test_a_mixed_table_keeps_its_types_and_says_what_was_done(write_csv: WriteCsv) -> None:
    n = 60
    path = write_csv(
        {
            "customer": [f"c{i}" for i in range(n)],
            "joined": [f"2024-01-{i % 28 + 1:02d}" for i in range(n - 1)] + [None],
            "seen": [f"2024-02-03 04:05:{i:02d}+01:00" for i in range(n)],
            "kind": ["a", "b", None] * 20,
            "flag": [True, False] * 30,
            "nothing": [None] * n,
            "ratio": [np.inf, *numbers(n - 1)],
            "y": [*classes(n - 2), None, None],
        }
    )
    table = read_table(path, ReadOptions("y", keep=("seen",)))
    assert list(table.X.columns) == ["joined", "seen", "kind", "flag", "ratio"]
    assert pd.api.types.is_datetime64_any_dtype(table.X["joined"])
    assert table.X["seen"].iloc[0] == pd.Timestamp("2024-02-03 04:05:00")  # the clock of the place
    assert set(table.X["flag"]) == {"True", "False"}
    assert table.X["kind"].isna().sum() == 19
    assert table.X["ratio"].isna().iloc[0]
    assert table.X.index[0] == 2  # the line of the file
    assert len(table.y) == 58
    assert table.task == "classification"
    for part in (
        "left out 2 rows without a value in 'y'",
        "left out 'nothing': it is empty in every row",
        "left out 'customer': it is an identifier",
        "read 'joined' as dates",
        "kept 'seen' as asked, although its dates only count the rows",
        "'inf' is missing (1 cell)",
        "task: classification, because 'y' holds 2 values that are no numbers",
    ):
        assert part in said(table)


def test_every_column_of_the_file_is_told(write_csv: WriteCsv) -> None:
    n = 60
    columns = {
        "id": [f"c{i}" for i in range(n)],
        "a": [None, *numbers(n - 1)],
        "seen": ["2024-01-31", "2024-02-01"] * 30,
        "b": ["x", "z"] * 30,
        "y": classes(n),
    }
    table = read_table(write_csv(columns), ReadOptions("y", ignore=("b",)))
    assert [(c.name, c.n_missing, c.n_values) for c in table.columns] == [
        ("id", 0, 60), ("a", 1, 59), ("seen", 0, 2), ("b", 0, 2), ("y", 0, 2)
    ]  # fmt: skip
    uses = {c.name: c.use for c in table.columns}
    assert (uses["a"], uses["b"], uses["y"]) == ("feature", "left out: as asked (--ignore)", "target")
    assert uses["id"].startswith("left out: it is an identifier")
    assert isinstance(table.columns[0], Column)


def test_notes_come_once_in_the_order_of_their_weight(write_csv: WriteCsv) -> None:
    path = write_csv({"day": ["01/02/2024", "03/04/2024"] * 30, "a": numbers(), "y": classes()})
    weights = [note.weight for note in read_table(path, ReadOptions("y")).notes]
    assert weights == sorted(weights, reverse=True)
    assert set(weights) == {WARNING, DECISION}


def test_another_file_is_read_by_the_recipe_of_the_first(write_csv: WriteCsv) -> None:
    from automl_explain.reading import read_cells

    columns = {"a": numbers(), "id": range(900, 960), "plan": ["gold", "basic"] * 30, "y": classes()}
    table = read_table(write_csv(columns), ReadOptions("y"))
    cells, _ = read_cells(write_csv({"plan": ["gold", "none"], "more": [1, 2], "a": [1, None]}, "next.csv"))
    frame, notes = table.recipe.read(cells)
    assert frame.to_dict("list") == {"a": [1.0, pytest.approx(np.nan, nan_ok=True)], "plan": ["gold", "none"]}
    assert [note.text for note in notes] == ["did not use 'more', which the model does not know"]


@pytest.mark.parametrize(
    ("target", "task", "why"),
    [
        (numbers(), "regression", "holds numbers"),
        ([i % 20 for i in range(60)], "classification", "only 20 different whole numbers"),
        ([i % 21 for i in range(60)], "regression", "holds numbers"),
        ([True, False] * 30, "classification", "2 values that are no numbers"),
        ([1.0, 2.0, None] * 20 + [1.0] * 20, "classification", "only 2 different whole numbers"),
    ],
)
def test_the_task_is_guessed_and_the_guess_explained(
    target: list[object], task: str, why: str, write_csv: WriteCsv
) -> None:
    table = read_table(write_csv({"a": numbers(len(target)), "y": target}), ReadOptions("y"))
    assert table.task == task
    assert why in said(table)


def test_whole_number_classes_with_gaps_stay_whole(write_csv: WriteCsv) -> None:
    path = write_csv({"a": numbers(80), "y": [1.0, 2.0, None] * 20 + [1.0] * 20})
    assert read_table(path, ReadOptions("y")).y.dtype == np.int64


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_other_separators_are_found(separator: str, write_csv: WriteCsv) -> None:
    rows = "\n".join(f"{i / 7}{separator}{c}" for i, c in enumerate(classes()))
    table = read_table(write_csv(f'"a, b"{separator}y\n{rows}'), ReadOptions("y"))
    assert list(table.X.columns) == ["a, b".replace(",", "_")]
    shown = "tab" if separator == "\t" else repr(separator)
    assert f"columns are separated by {shown}" in said(table)


def test_a_byte_order_mark_and_compression_are_no_matter(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": numbers(), "y": classes()})
    frame.to_csv(tmp_path / "bom.csv", index=False, encoding="utf-8-sig")
    frame.to_csv(tmp_path / "packed.csv.gz", index=False)
    for name in ("bom.csv", "packed.csv.gz"):
        assert list(read_table(tmp_path / name, ReadOptions("y")).X.columns) == ["a"]


def test_a_column_that_numbers_the_rows_is_left_out(tmp_path: Path) -> None:
    pd.DataFrame({"a": numbers(), "y": classes()}).to_csv(tmp_path / "t.csv")
    table = read_table(tmp_path / "t.csv", ReadOptions("y"))
    assert list(table.X.columns) == ["a"]
    assert "left out 'column 1': it numbers the rows, as a saved index does" in said(table)


def test_dates_in_other_forms_are_read_when_named(write_csv: WriteCsv) -> None:
    path = write_csv({"day": ["31 Jan 2024", "1 Feb 2024"] * 30, "code": [20240131, 20240201] * 30, "y": classes()})
    table = read_table(path, ReadOptions("y", types=TypeOptions(dates=("day", "code"))))
    for column in ("day", "code"):
        assert table.X[column].iloc[0] == pd.Timestamp("2024-01-31")


@pytest.mark.parametrize(
    ("cells", "order", "first"),
    [
        (["01/02/2024", "31/01/2024"], "day before month", "2024-02-01"),
        (["01/02/2024", "01/31/2024"], "month before day", "2024-01-02"),
        (["01/02/2024", "03/04/2024"], "month before day", "2024-01-02"),
        (["01.02.2024", "03.04.2024"], "day before month", "2024-02-01"),
    ],
)
def test_all_dates_of_a_column_are_read_in_one_order_and_it_is_said(
    cells: list[str], order: str, first: str, write_csv: WriteCsv
) -> None:
    table = read_table(write_csv({"day": cells * 30, "y": classes()}), ReadOptions("y"))
    assert table.X["day"].iloc[0] == pd.Timestamp(first)
    assert f"read 'day' as dates, {order}" in said(table)
    assert ("cannot tell whether day or month comes first" in said(table)) == (cells[1] == "03/04/2024")


def test_cells_that_are_no_dates_are_named_with_their_lines(write_csv: WriteCsv) -> None:
    path = write_csv({"day": ["2024-01-31"] * 58 + ["soon", "later"], "y": classes()})
    note = read_table(path, ReadOptions("y", types=TypeOptions(dates=("day",)))).notes[0]
    assert note.text == "2 cells of 'day' are no dates and taken as missing"
    assert (note.details, note.weight) == (("line 60: 'soon'", "line 61: 'later'"), WARNING)


def test_ignored_columns_are_left_out_and_rows_can_be_fewer(write_csv: WriteCsv) -> None:
    path = write_csv({"a": numbers(90), "b": numbers(90), "y": classes(90)})
    table = read_table(path, ReadOptions("y", ignore=("b",), max_rows=60, seed=3))
    assert table.X.shape == (60, 1)
    assert "took 60 of 90 rows at random" in said(table)
    again = read_table(path, ReadOptions("y", ignore=("b",), max_rows=60, seed=3))
    pd.testing.assert_frame_equal(table.X, again.X)


def test_names_that_model_libraries_refuse_are_changed_and_said(write_csv: WriteCsv) -> None:
    table = read_table(write_csv({"income [k]": numbers(), "y": classes()}), ReadOptions("y"))
    assert list(table.X.columns) == ["income _k_"]
    assert "renamed 'income [k]' to 'income _k_'" in said(table)


def test_splits_keep_the_shares_of_the_classes_and_the_seed() -> None:
    y = pd.Series(["a"] * 80 + ["b"] * 20, name="y")
    table = Table(pd.DataFrame({"x": range(100)}), y, "classification")
    _, X_test, _, y_test = split(table, test_size=0.25, seed=1)
    assert (y_test == "b").sum() == 5
    assert X_test.equals(split(table, test_size=0.25, seed=1)[1])


def test_columns_are_left_out_by_their_form_and_kept_on_demand(write_csv: WriteCsv) -> None:
    columns = {"number": range(7000, 7060), "a": numbers(), "y": classes()}
    table = read_table(write_csv(columns), ReadOptions("y"))
    assert list(table.X.columns) == ["a"]
    assert table.aside is not None
    assert list(table.aside.columns) == ["number"]
    assert "left out 'number': it numbers the rows" in said(table)
    assert list(read_table(write_csv(columns), ReadOptions("y", keep=("number",))).X.columns) == ["number", "a"]
    with pytest.raises(DataError, match="Use one that was left out, as with --keep number"):
        read_table(write_csv({c: columns[c] for c in ("number", "y")}), ReadOptions("y"))


def test_the_column_of_groups_is_no_feature_and_splits_the_rows(write_csv: WriteCsv) -> None:
    rule = SplitRule("group", "patient")
    path = write_csv({"patient": [f"p{i // 3}" for i in range(90)], "a": numbers(90), "y": classes(90)})
    table = read_table(path, ReadOptions("y", split=rule))
    assert list(table.X.columns) == ["a"]
    X_train, X_test, *_ = split(table, test_size=0.25, seed=0, rule=rule)
    patients = table.column("patient")
    assert not set(patients[X_train.index]) & set(patients[X_test.index])
    with pytest.raises(InputError, match="There is no column 'patent'. Did you mean 'patient'"):
        read_table(path, ReadOptions("y", split=SplitRule("group", "patent")))


# The output folder


def test_a_full_folder_is_only_written_to_with_overwrite(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    with pytest.raises(AlreadyExistsError, match="pass --overwrite, or another folder"):
        _run.prepare_folder(_run.RunOptions(out=tmp_path))
    _run.prepare_folder(_run.RunOptions(out=tmp_path, overwrite=True))


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here")
    with pytest.raises(AlreadyExistsError, match="is a file"):
        _run.prepare_folder(_run.RunOptions(out=tmp_path / "file"))
    with pytest.raises(StorageError, match="cannot be made"):
        _run.prepare_folder(_run.RunOptions(out=tmp_path / "file" / "below"))


def test_a_bad_folder_is_found_out_before_a_model_is_fitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_run, "_fit", lambda *_: pytest.fail("fitted"))
    (tmp_path / "mine.txt").write_text("here")
    assert main(["demo", "--out", str(tmp_path)]) == 1
    assert "--overwrite" in capsys.readouterr().err


def test_an_amount_has_no_probability_and_no_model_is_fitted_for_it(
    write_csv: WriteCsv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_run, "_fit", lambda *_: pytest.fail("fitted"))
    path = write_csv({"a": numbers(), "y": numbers()})
    out = tmp_path / "out"
    assert main(["explain", str(path), "--target", "y", "--output-unit", "probability", "--out", str(out)]) == 1
    assert "`--output-unit` is 'probability', but a regression has a target" in capsys.readouterr().err
    assert not out.exists()


# Quiet


def test_quiet_holds_inside_its_block_only(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("flaml.automl.logger")
    before, filters = logger.level, list(warnings.filters)
    with quiet():
        print("chatter")
        warnings.warn("noise", UserWarning, stacklevel=1)
        assert logger.level == logging.CRITICAL
    assert capsys.readouterr() == ("", "")
    assert (logger.level, list(warnings.filters)) == (before, filters)


# The whole way, on real FLAML models with a small budget


def run_command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    root = Path(automl_explain.__file__).parent.parent
    environment = os.environ | {"PYTHONPATH": str(root), "PYTHONIOENCODING": "utf-8", "COLUMNS": "100"}
    command = [sys.executable, "-m", "automl_explain.cli", *arguments]
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    folder = tmp_path_factory.mktemp("demo")
    return run_command("demo", "--time-budget", "3", "--rows", "1500", cwd=folder), folder / "automl-explain-demo"


Demo = tuple[subprocess.CompletedProcess[str], Path]


def test_the_demo_prints_a_report_and_nothing_else(demo: Demo) -> None:
    done, _ = demo
    assert (done.returncode, done.stderr) == (0, "")
    words = ["data ", "model ", "fidelity ", "What drives churned = yes", "contract", "Known truth", "rank correlation"]
    for word in (*words, "One row"):
        assert word in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_the_demo_finds_the_strongest_true_effect_first(demo: Demo) -> None:
    lines = demo[0].stdout.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("What drives"))
    ranked = next(line for line in lines[start + 1 :] if any(c in line for c in make_mixed_table(50).true_effects))
    assert ranked.split()[0] == "contract"


def test_the_demo_writes_what_can_be_loaded_again(demo: Demo) -> None:
    _, folder = demo
    raw = automl_explain.Explanation.load(folder / "raw")
    engineered = automl_explain.Explanation.load(folder / "engineered")
    assert (raw.is_raw, engineered.is_engineered, raw.method) == (True, True, "mimic.lightgbm")
    assert set(raw.features) == set(make_mixed_table(50).true_effects)
    scoring = automl_explain.load(folder / "scoring")
    again = scoring.explain(engineered.eval_data, get_raw=True)
    np.testing.assert_allclose(np.asarray(again), np.asarray(raw.local_importance_values), atol=1e-9)
    assert not (folder / "model.joblib").exists()


def test_a_second_run_needs_overwrite(demo: Demo) -> None:
    done = run_command("demo", "--out", str(demo[1]), cwd=demo[1].parent)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("automl-explain: error: The folder")


def test_the_example_row_adds_up(demo: Demo) -> None:
    lines = demo[0].stdout.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("average "))
    stop = next(i for i, line in enumerate(lines) if line.startswith("sum "))
    shown = [float(line.split()[-1].replace(",", "")) for line in lines[start : stop + 1]]
    # Eight numbers rounded to three digits.
    assert sum(shown[:-1]) == pytest.approx(shown[-1], abs=0.005)
    beside = {line.rsplit(None, 1)[0]: float(line.split()[-1].replace(",", "")) for line in lines[stop + 1 : stop + 3]}
    assert beside["the model's own"] - shown[-1] == pytest.approx(beside["residual"], abs=0.002)  # three such numbers


@pytest.mark.parametrize(("unit", "name"), [("log-odds", "average"), ("probability", "at average log-odds")])
def test_what_an_example_row_starts_from_is_no_average_probability(unit: str, name: str) -> None:
    assert start_name(unit) == name


@pytest.mark.parametrize("task", ["regression", pytest.param("multiclass", marks=pytest.mark.slow)])
def test_a_csv_file_is_explained(task: str, tmp_path: Path) -> None:
    made = make_mixed_table(800, task=task)
    made.X.assign(target=made.y).to_csv(tmp_path / "table.csv", index=False)
    unit = "target" if task == "regression" else "probability"
    options = ["--target", "target", "--time-budget", "2", "--save-model", "--raw-method", "grouped"]
    options += [] if task == "regression" else ["--output-unit", unit]
    done = run_command("explain", "table.csv", *options, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"task: {'regression' if task == 'regression' else 'classification'}, because 'target'" in done.stdout
    assert "read 'last_contact' as dates" in done.stdout
    assert "What drives target" in done.stdout
    assert (tmp_path / "automl-explain-out" / "model.joblib").exists()
    raw = automl_explain.Explanation.load(tmp_path / "automl-explain-out" / "raw")
    assert (raw.method, raw.output_unit) == ("mimic.lightgbm.grouped", unit)
    scoring = automl_explain.load(tmp_path / "automl-explain-out" / "scoring")
    engineered = automl_explain.Explanation.load(tmp_path / "automl-explain-out" / "engineered")
    again = dense(scoring.explain(engineered.eval_data, get_raw=True))
    np.testing.assert_allclose(again, dense(raw.local_importance_values), atol=1e-9)


def test_a_candidate_is_explained_in_the_place_of_the_best_model(tmp_path: Path) -> None:
    """A learner that FLAML does not come to within the budget gets a search of its own."""
    made = make_mixed_table(400, task="regression")
    made.X.assign(target=made.y).to_csv(tmp_path / "table.csv", index=False)
    options = ("--target", "target", "--time-budget", "1.5", "--candidate", "rf", "--list-candidates", "--save-model")
    done = run_command("explain", "table.csv", *options, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    told = " ".join(done.stdout.split())
    assert "explained is rf, " in told
    assert "candidate" in told
    assert "(chosen)" in told
    assert "--candidate NAME explains another candidate" in told
    assert max(map(len, done.stdout.splitlines())) <= 100


@pytest.mark.parametrize(
    ("task", "name", "close"), [("regression", "lrl1", ""), ("classification", "xgbost", "xgboost")]
)
def test_an_unknown_candidate_costs_no_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: str, name: str, close: str
) -> None:
    """Refused before FLAML is called, with the names that would do; learners of the other task are unknown too."""

    def fit(*_: object, **__: object) -> None:
        raise AssertionError("FLAML was called")

    monkeypatch.setattr(_run, "_fit", fit)
    made = make_mixed_table(100, "regression")
    table = Table(made.X, made.y if task == "regression" else made.y > made.y.median(), task, ())
    options = _run.RunOptions(out=tmp_path / "out", candidate=name)
    with pytest.raises(InputError, match=f"{name!r} is no learner that FLAML can try for {task}") as refused:
        _run.run(table, options, _run.Phases())
    assert "Choose one of " in str(refused.value)
    assert "'rf'" in str(refused.value)
    assert not close or f"did you mean {close!r}?" in str(refused.value)


def test_the_named_candidate_is_chosen_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """FLAML's own choice needs no refit; a learner never tried is searched for alone; both are said."""
    from flaml import AutoML

    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(120, 2)), columns=["a", "b"])
    fitted: list[list[str]] = []

    def fit(X: object, y: object, task: str, options: object, estimator_list: list[str] | None = None) -> AutoML:
        automl = AutoML()
        fitted.append(estimator_list or ["lgbm"])
        settings = {"max_iter": 2, "n_jobs": 1, "verbose": 0, "estimator_list": fitted[-1]}
        with quiet():
            automl.fit(X, y, task=task, **settings)
        return automl

    monkeypatch.setattr(_run, "_fit", fit)
    automl = fit(X, X["a"], "regression", None)
    for name, said in (("lgbm", "explained is lgbm, as FLAML chose it"), ("rf", "rf, found by a search of its own")):
        chosen = _run._chosen(automl, X, X["a"], "regression", _run.RunOptions(out=Path(), candidate=name))
        assert chosen.name == name
        assert said in _run._model_name(automl, chosen)
    assert fitted == [["lgbm"], ["rf"]]
    assert _run._chosen(automl, X, X["a"], "regression", _run.RunOptions(out=Path())) is automl
    assert _run._model_name(automl, automl) == "FLAML chose lgbm (best of 1 kind of learner)"


def test_a_terminal_without_unicode_gets_a_report_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from automl_explain.cli._main import _write_any_text

    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    _write_any_text()
    print("bar █", flush=True)
    assert stream.buffer.getvalue() == b"bar ?\n"  # type: ignore[attr-defined]


def test_overwriting_leaves_the_users_own_files_alone(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "measurements.txt").write_text("mine")
    with pytest.raises(AlreadyExistsError, match="holds files that are no explanation; choose another folder"):
        _run.prepare_folder(_run.RunOptions(out=tmp_path, overwrite=True))
    assert (tmp_path / "raw" / "measurements.txt").read_text() == "mine"


def test_free_text_is_explained_as_one_column_by_groups_and_from_a_saved_model(
    write_csv: WriteCsv, tmp_path: Path
) -> None:
    random = np.random.RandomState(0)
    n = 300
    good = random.rand(n) < 0.5
    words = {True: ["great", "lovely", "tasty"], False: ["awful", "cold", "rude"]}
    others = ["the", "place", "near", "our", "hotel", "was", "and", "we", "went", "there"]
    texts = [" ".join(random.permutation([*random.choice(others, 9), *random.choice(words[g], 2)])) for g in good]
    columns = {"review": texts, "price": random.randint(5, 50, n), "guest": [i // 2 for i in range(n)]}
    columns["vip"] = [("x", None)[i % 2] for i in range(n)]
    columns["stars"] = np.where(good, "five", "one")
    path = write_csv(columns)
    options = ["--time-budget", "2", "--save-model", "--split", "group:guest"]
    done = run_command("explain", str(path), "--target", "stars", *options, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    folder = tmp_path / "automl-explain-out"
    raw = automl_explain.Explanation.load(folder / "raw")
    found = raw.get_feature_importance_dict()
    assert next(iter(found)) == "review"
    assert set(found) == {"review", "price", "vip"}
    assert "read 'review' as free text" in " ".join(done.stdout.split())
    model = joblib.load(folder / "model.joblib")
    rows = pd.DataFrame(columns)[["review", "price", "vip"]]
    assert (model.predict(rows) == columns["stars"]).mean() > 0.9
    assert np.array_equal(model.predict_proba(rows.iloc[:1]), model.predict_proba(rows)[:1])
    scored = automl_explain.load(folder / "scoring").explain(adapter_for(model).transform(rows), get_raw=True)
    assert np.shape(scored)[-2:] == (n, 3)


def test_columns_are_named_as_in_the_file_or_as_in_the_report(tmp_path):
    path = tmp_path / "t.csv"
    rows = "".join(f"{i % 7},{i * 7919 % 1000},{'yn'[i % 2]}\n" for i in range(60))
    path.write_text('"size [m]",visits,bought\n' + rows)
    for name in ("size [m]", "size _m_"):
        assert list(read_table(path, ReadOptions("bought", ignore=(name,))).X) == ["visits"]
