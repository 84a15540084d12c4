"""Model files: what was written comes back, and nothing else is ever built."""

import hashlib
import io
import json
import operator
import pickle
import zipfile
from collections.abc import Callable

import pytest
import skops.io
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

from segmentation.churn import model_file
from segmentation.churn.model_file import ModelError, golden_rows, read_model, write_model


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(scope="module")
def content(trees) -> bytes:
    return write_model(trees)


def rewritten(content: bytes, change: Callable[[dict], None]) -> bytes:
    """The file with its JSON changed, and a digest that would match."""
    loaded = skops.io.loads(content, trusted=skops.io.get_untrusted_types(data=content))
    about = json.loads(loaded["about"])
    change(about)
    return skops.io.dumps({**loaded, "about": json.dumps(about)}, compression=zipfile.ZIP_DEFLATED)


def test_a_model_comes_back_as_it_was(trees, content, customers) -> None:
    frame, _ = customers(300, seed=4)
    again = read_model(content, digest(content))
    assert again.digest == trees.digest
    assert again.features == trees.features
    assert again.predict(frame).equals(trees.predict(frame))


def test_golden_rows_cover_nulls_and_extremes_and_are_nobodys(trees, customers) -> None:
    frame, _ = customers(900)
    rows = golden_rows(trees)
    assert rows.height >= 18
    assert all(rows[name].null_count() for name in rows.columns)
    assert rows["bill"].max() > 1e5
    assert rows.join(frame.cast(rows.schema), on=rows.columns, how="inner").is_empty()


def test_a_turned_bit_is_noticed(content) -> None:
    for place in (10, len(content) // 2, len(content) - 10):
        wrong = bytearray(content)
        wrong[place] ^= 1
        with pytest.raises(ModelError, match="SHA-256"):
            read_model(bytes(wrong), digest(content))


def test_a_pickle_is_never_opened(tmp_path) -> None:
    class Opened:
        def __reduce__(self):
            return (open, (str(tmp_path / "opened"), "w"))

    for wrong in (pickle.dumps(Opened()), b"", b"nothing of the kind"):
        with pytest.raises(ModelError, match="nothing was loaded"):
            read_model(wrong, digest(wrong))
    assert not (tmp_path / "opened").exists()


def test_a_pickle_within_the_archive_is_never_opened(content, tmp_path) -> None:
    class Opened:
        def __reduce__(self):
            return (open, (str(tmp_path / "opened"), "w"))

    wrong = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(wrong, "w") as target:
        for member in source.namelist():
            target.writestr(member, pickle.dumps(Opened()) if member.endswith(".npy") else source.read(member))
    with pytest.raises(ModelError, match="can't be read"):
        read_model(wrong.getvalue(), digest(wrong.getvalue()))
    assert not (tmp_path / "opened").exists()


@pytest.mark.parametrize(
    ("foreign", "named"),
    [
        (DummyClassifier(), "sklearn.dummy.DummyClassifier"),
        (operator.methodcaller("upper"), "operator.methodcaller"),
        (str.upper, "builtins.method_descriptor"),
        (print, "builtins.print"),
        ({1, 2}, "builtins.set"),
    ],
    ids=["an estimator not ours", "methodcaller", "a method", "a function", "a set"],
)
def test_a_foreign_type_is_named_and_not_built(trees, foreign, named) -> None:
    loaded = {"about": "{}", "parts": [{"components": [foreign], "calibration": trees.parts[0].calibration}]}
    wrong = skops.io.dumps(loaded)
    with pytest.raises(ModelError, match=named):
        read_model(wrong, digest(wrong))


def test_a_trusted_name_under_another_loader_is_refused(content) -> None:
    wrong = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(wrong, "w") as target:
        for member in source.namelist():
            text = source.read(member)
            target.writestr(member, text.replace(b'"TupleNode"', b'"PartialNode"') if member == "schema.json" else text)
    with pytest.raises(ModelError, match=r"builtins\.tuple"):
        read_model(wrong.getvalue(), digest(wrong.getvalue()))


def test_another_skops_file_is_no_model() -> None:
    wrong = skops.io.dumps({"about": "{}", "parts": [LogisticRegression()]})
    with pytest.raises(ModelError, match="can't be read as a churn model"):
        read_model(wrong, digest(wrong))


def test_a_truncated_file_is_refused(content) -> None:
    for length in (1, len(content) // 2, len(content) - 1):
        with pytest.raises(ModelError, match="nothing was loaded"):
            read_model(content[:length], digest(content[:length]))


def test_a_bomb_is_not_unpacked(monkeypatch) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("schema.json", bytes(model_file.MAX_BYTES + 1))
    assert len(bomb.getvalue()) < 1 << 20
    with pytest.raises(ModelError, match="unpacks to"):
        read_model(bomb.getvalue(), digest(bomb.getvalue()))
    monkeypatch.setattr(model_file, "MAX_BYTES", 1000)
    with pytest.raises(ModelError, match="1001 bytes, more than 1000"):
        read_model(bytes(1001), digest(bytes(1001)))


def test_other_golden_predictions_are_noticed(content) -> None:
    def change(about: dict) -> None:
        about["golden"]["risk"][3] += 1

    wrong = rewritten(content, change)
    with pytest.raises(ModelError, match=r"predicts 1 of its \d+ golden rows"):
        read_model(wrong, digest(wrong))


def test_no_golden_rows_are_no_proof(content) -> None:
    wrong = rewritten(content, lambda about: about.update(golden={"rows": {}, "texts": [], "risk": []}))
    with pytest.raises(ModelError):
        read_model(wrong, digest(wrong))


def test_another_scikit_learn_and_another_version_are_named(content) -> None:
    for change, words in (({"sklearn": "1.8.0"}, "made by scikit-learn 1.8.0"), ({"version": "x-9"}, "version x-9")):
        wrong = rewritten(content, lambda about, change=change: about.update(change))
        with pytest.raises(ModelError, match=words):
            read_model(wrong, digest(wrong))


def test_a_tree_that_leads_outside_itself_is_refused(content) -> None:
    loaded = skops.io.loads(content, trusted=skops.io.get_untrusted_types(data=content))
    boosting = loaded["parts"][0]["components"][1]
    boosting._predictors[0][0].nodes["left"][0] = 10_000
    wrong = skops.io.dumps(loaded)
    with pytest.raises(ModelError, match="can't be read"):
        read_model(wrong, digest(wrong))
