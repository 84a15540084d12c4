"""Churn files as people have them: read as meant, or refused with a word."""

import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks.churn_file import FileError, read_churn_file
from benchmarks.churn_public import MODELS, figures, summary


def written(path: Path, header: str, rows: list[str]) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def telco(tmp_path) -> Path:
    total = [" " if i % 50 == 0 else str(i * 1.5) for i in range(300)]
    rows = [f"{7000 - i}-XY,{i % 70},{total[i]},{'DF'[i % 2]}SL,{['No', 'Yes'][i % 3 == 0]}" for i in range(300)]
    return written(tmp_path / "telco.csv", "customerID,Seconds  of Use,TotalCharges,Internet,Churn", rows)


def test_blanks_are_unknown_and_text_that_is_numbers_becomes_numbers(telco) -> None:
    found = read_churn_file(telco, "churn")
    features = found.training.features
    assert features.schema == {"Seconds of Use": pl.Float64, "TotalCharges": pl.Float64, "Internet": pl.String}
    assert features["TotalCharges"].null_count() == 6
    assert found.training.churned.sum() == 100
    assert any("customerID" in note for note in found.notes)


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_other_separators_and_decimal_commas(tmp_path, separator) -> None:
    decimal = "," if separator == ";" else "."
    rows = [separator.join([f"{i}{decimal}5", "a b"[:: 1 if i % 2 else -1], str(i % 2)]) for i in range(200)]
    found = read_churn_file(written(tmp_path / "f.csv", separator.join([" amount ", "code", "left"]), rows), "left")
    assert found.training.features["amount"].to_list()[:2] == [0.5, 1.5]


@pytest.mark.parametrize(
    ("left", "stayed"),
    [("Yes", "No"), ("1", "0"), ("1.0", "0.0"), (" True.", " False."), ("Churned", "Stayed"), ("1", "-1"),
     ("Attrited Customer", "Existing Customer"), ("Y", "N")],
)  # fmt: skip
def test_labels_in_usual_words(tmp_path, left, stayed) -> None:
    rows = [f"{i % 97},{left if i % 3 == 0 else stayed}" for i in range(300)]
    found = read_churn_file(written(tmp_path / "f.csv", "x,status", rows), "status")
    assert found.training.churned.tolist() == [i % 3 == 0 for i in range(300)]


def test_a_label_in_other_words_needs_the_positive_value(tmp_path) -> None:
    rows = [f"{i % 77},{['gold', 'silver'][i % 2]}" for i in range(200)]
    path = written(tmp_path / "f.csv", "x,grade", rows)
    with pytest.raises(FileError, match=r"gold, silver \(2 values\).*--positive"):
        read_churn_file(path, "grade")
    assert read_churn_file(path, "grade", "Gold").training.churned.sum() == 100
    with pytest.raises(FileError, match="no row has grade = bronze"):
        read_churn_file(path, "grade", "bronze")


def test_a_missing_column_names_the_close_ones(telco) -> None:
    with pytest.raises(FileError, match="no column Chrun; did you mean Churn"):
        read_churn_file(telco, "Chrun")
    with pytest.raises(FileError, match="no column nobody"):
        read_churn_file(telco, "Churn", ids=["nobody"])


def test_too_few_churners_are_refused(tmp_path) -> None:
    rows = [f"{i},{'Yes' if i < 9 else 'No'}" for i in range(200)]
    with pytest.raises(FileError, match="9 of 200 rows churned"):
        read_churn_file(written(tmp_path / "f.csv", "x,churn", rows), "churn")
    with pytest.raises(FileError, match="no such file"):
        read_churn_file(tmp_path / "none.csv", "churn")


def test_numbers_that_identify_are_left_out_and_amounts_that_are_all_different_are_not(tmp_path) -> None:
    shuffled = np.random.default_rng(0).permutation(200)
    rows = [f"{i + 1},{15_000_000 + 7 * j},{j * 13},{i % 2}" for i, j in enumerate(shuffled)]
    path = written(tmp_path / "f.csv", "RowNumber,CustomerId,bytes used,churn", rows)
    assert read_churn_file(path, "churn").training.features.columns == ["bytes used"]


def test_repeated_rows_share_a_group_unless_the_table_is_coarse(tmp_path) -> None:
    rows = [f"{i / 4},{i % 2}" for i in range(200)]
    training = read_churn_file(written(tmp_path / "f.csv", "x,churn", [*rows, rows[3]]), "churn").training
    assert training.groups is not None
    assert training.groups[3] == training.groups[200]
    assert len(set(training.groups.tolist())) == 200
    coarse = read_churn_file(written(tmp_path / "g.csv", "x,churn", [f"{i % 9},{i % 2}" for i in range(200)]), "churn")
    assert coarse.training.groups is None


def test_old_encodings_and_compression(tmp_path) -> None:
    text = "städt,x,churn\n" + "".join(f"{['München', 'Köln'][i % 2]},{i},{i % 2}\n" for i in range(200))
    (tmp_path / "f.csv.gz").write_bytes(gzip.compress(text.encode("cp1252")))
    features = read_churn_file(tmp_path / "f.csv.gz", "churn").training.features
    assert set(features["städt"]) == {"München", "Köln"}


def test_figures_of_known_risks() -> None:
    churned = np.array([True] * 20 + [False] * 80)
    perfect = figures(churned.astype(float), churned)
    assert perfect == {"auc": 1.0, "pr_auc": 1.0, "lift": 5.0, "brier": 0.0, "ece": 0.0}
    flat = figures(np.full(100, 0.5), churned)
    assert flat["brier"] == 0.25
    done = [{"repeat": 0, "rows": np.arange(100), "risks": dict.fromkeys(MODELS, churned.astype(float))}]
    assert summary(done, churned, 1)["tierline"]["auc"] == [1.0, 0.0]
