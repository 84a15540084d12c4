"""A churn model as the bytes of one file, and back without ever unpickling.
Does not belong here: where files lie, which of them is in use (pipelines/training)."""

# skops keeps scikit-learn's objects without pickle, but trusts every estimator there is. So the file's own list of
# types is held to ours before anything is built, by name and by how skops would load it.

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl
import sklearn
import skops.io
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from segmentation.churn.boosting import Boosting
from segmentation.churn.curves import Curves
from segmentation.churn.encode import EncodedFeature, Encoding
from segmentation.churn.examples import KIND
from segmentation.churn.predict import MILLION, MODEL_VERSION, ChurnModel, Part

MAX_BYTES = 64 << 20
"""Of a file, and of its content unpacked: some hundred times a model of 300 trees."""
MAX_MEMBERS = 50_000

_TREE = "sklearn.ensemble._hist_gradient_boosting"
# Types, and how skops may load each. Nothing in here runs code that comes with the file.
TRUSTED = frozenset(
    {
        ("builtins.dict", "DictNode"),
        ("builtins.list", "ListNode"),
        ("builtins.tuple", "TupleNode"),
        ("builtins.str", "JsonNode"),
        ("builtins.str", "TypeNode"),
        ("numpy.ndarray", "NdArrayNode"),
        ("numpy.float64", "NdArrayNode"),
        ("numpy.int64", "NdArrayNode"),
        ("numpy.uint64", "NdArrayNode"),
        ("numpy.random._generator.Generator", "RandomGeneratorNode"),
        ("sklearn.linear_model._logistic.LogisticRegression", "ObjectNode"),
        (f"{_TREE}.gradient_boosting.HistGradientBoostingClassifier", "ObjectNode"),
        (f"{_TREE}.binning._BinMapper", "ObjectNode"),
        (f"{_TREE}.predictor.TreePredictor", "ObjectNode"),
        ("sklearn.preprocessing._label.LabelEncoder", "ObjectNode"),
        ("sklearn._loss.loss.HalfBinomialLoss", "ObjectNode"),
        ("sklearn._loss._loss.CyHalfBinomialLoss", "LossNode"),
        ("sklearn._loss.link.LogitLink", "ObjectNode"),
        ("sklearn._loss.link.Interval", "ObjectNode"),
    }
)
# What skops does not trust by itself and we do.
_OURS = (f"{_TREE}.predictor.TreePredictor",)
_GOLDEN_ROWS = 20


class ModelError(ValueError):
    """A model file that must not be used; the message says what is wrong and the cure."""


def write_model(model: ChurnModel) -> bytes:
    """The bytes of the model's file: scikit-learn's objects by skops, the rest as JSON in it.

    Golden rows and their predictions are in it too, and are predicted again whenever it is read. Two files of one model
    differ in bytes; compare `ChurnModel.digest`.
    """
    rows = golden_rows(model)
    about = {
        **model.to_json(),
        "sklearn": sklearn.__version__,
        "golden": {
            "rows": rows.to_dict(as_series=False),
            "texts": [name for name in rows.columns if rows[name].dtype == pl.String],
            "risk": _millionths(model, rows),
        },
    }
    parts = [
        {
            "components": [component.estimator for _, component in part.components],
            "calibration": part.calibration,
        }
        for part in model.parts
    ]
    content = skops.io.dumps({"about": json.dumps(about), "parts": parts}, compression=zipfile.ZIP_DEFLATED)
    return bytes(content)


def read_model(content: bytes, sha256: str, name: str = "the model file") -> ChurnModel:
    """The model that these bytes hold, `sha256` being the digest noted when they were written.

    Raises ModelError: another digest, not a model file of ours, a type that isn't trusted, too large, made by another
    scikit-learn, or golden rows that come out otherwise.
    """
    if len(content) > MAX_BYTES:
        raise ModelError(f"{name} has {len(content)} bytes, more than {MAX_BYTES}; it is no churn model, fit one anew")
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ModelError(
            f"{name} has SHA-256 {found[:12]}…, {sha256[:12]}… was noted when it was written; restore it from a "
            "copy, or fit a model anew"
        )
    _audit(content, name)
    try:
        loaded = skops.io.loads(content, trusted=list(_OURS))
        about = json.loads(loaded["about"])
        if about["version"] != MODEL_VERSION:
            raise ModelError(f"{name} is of version {about['version']}, this is {MODEL_VERSION}; fit a model anew")
        if about["sklearn"].split(".")[:2] != sklearn.__version__.split(".")[:2]:
            raise ModelError(
                f"{name} was made by scikit-learn {about['sklearn']}, here is {sklearn.__version__}; fit a model anew"
            )
        model = ChurnModel([_part(*both) for both in zip(about["parts"], loaded["parts"], strict=True)])
        golden = about["golden"]
        schema = {column: pl.String if column in golden["texts"] else pl.Float64 for column in golden["rows"]}
        again = _millionths(model, pl.DataFrame(golden["rows"], schema=schema))
    except ModelError:
        raise
    except Exception as error:
        # Whatever a damaged file brings about: the digest matched, so this is what was written.
        raise ModelError(f"{name} can't be read as a churn model ({type(error).__name__}); fit one anew") from error
    differing = sum(was != now for was, now in zip(golden["risk"], again, strict=True))
    if differing or not golden["risk"]:
        raise ModelError(
            f"{name} predicts {differing} of its {len(golden['risk'])} golden rows otherwise than when it was written; "
            "libraries or hardware have changed, fit a model anew"
        )
    return model


def golden_rows(model: ChurnModel) -> pl.DataFrame:
    """Rows through the range of each feature by quantile, each in an order of its own, so that no row is a person's;
    one of nulls, two beyond the range. A row within a thousandth of a rounding's edge is left out.
    """
    draw = np.random.default_rng(0)
    columns: dict[str, pl.Series] = {}
    for feature in (feature for part in model.parts for feature in part.encoding.features):
        order = draw.permutation(_GOLDEN_ROWS)
        if feature.levels is None:
            values = [feature.spread[i % len(feature.spread)] for i in order]
            beyond = [None, min(values) - 1e6, max(values) + 1e6]
            columns[feature.name] = pl.Series(feature.name, [*values, *beyond], dtype=pl.Float64)
        else:
            texts = [feature.levels[i % len(feature.levels)] for i in order]
            columns[feature.name] = pl.Series(
                feature.name, [*texts, None, *["a value never seen"] * 2], dtype=pl.String
            )
    if model.parts[0].kind is not None:
        kinds = [model.parts[i % len(model.parts)].kind for i in range(_GOLDEN_ROWS + 3)]
        columns[KIND] = pl.Series(KIND, kinds, dtype=pl.String)
    rows = pl.DataFrame(list(columns.values()))
    logit = model.predict(rows)["churn_logit"]
    edge = (1e6 / (1 + (-logit).exp()) + 0.5) % 1
    return rows.filter(edge.is_between(0.001, 0.999))


def _millionths(model: ChurnModel, rows: pl.DataFrame) -> list[int]:
    return [int(risk * MILLION) for risk in model.predict(rows)["churn_risk"].to_list()]


def _part(about: Mapping[str, Any], loaded: Mapping[str, Any]) -> Part:
    features = tuple(
        EncodedFeature(name, None if levels is None else tuple(levels), tuple(spread))
        for name, levels, spread in about["features"]
    )
    components: list[tuple[float, Curves | Boosting]] = []
    for one, estimator in zip(about["components"], loaded["components"], strict=True):
        of = Curves if one["name"] == Curves.name else Boosting
        wanted = LogisticRegression if of is Curves else HistGradientBoostingClassifier
        if type(estimator) is not wanted:
            raise TypeError(f"a component is {type(estimator).__name__}")
        components.append((one["weight"], of.from_json(one, estimator)))
    encoding = Encoding(features, tuple(about["ignored"]))
    return Part(about["kind"], encoding, tuple(components), loaded["calibration"])


def _audit(content: bytes, name: str) -> None:
    """Raises ModelError unless the file is a skops archive of trusted types alone; builds nothing."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            unpacked = sum(member.file_size for member in members)
            if unpacked > MAX_BYTES or len(members) > MAX_MEMBERS:
                raise ModelError(
                    f"{name} unpacks to {unpacked} bytes in {len(members)} members, more than {MAX_BYTES} or "
                    f"{MAX_MEMBERS}; it is no churn model, fit one anew"
                )
            schema = json.loads(archive.read("schema.json"))
        found = set(_types(schema))
    except (zipfile.BadZipFile, KeyError, ValueError, RecursionError, EOFError, NotImplementedError, OSError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"{name} is not a churn model (no skops archive); nothing was loaded. Fit one anew") from error
    foreign = sorted(kind for kind, loader in found - TRUSTED)
    if foreign:
        raise ModelError(
            f"{name} holds {', '.join(foreign)}, which no churn model of ours does; nothing was loaded. Fit one anew"
        )
    untrusted = sorted(set(skops.io.get_untrusted_types(data=content)) - set(_OURS))
    if untrusted:
        raise ModelError(f"{name} holds {', '.join(untrusted)}, not trusted; nothing was loaded. Fit one anew")


def _types(node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        if "__class__" in node or "__loader__" in node or "__module__" in node:
            yield f"{node.get('__module__')}.{node.get('__class__')}", str(node.get("__loader__"))
        for value in node.values():
            yield from _types(value)
    elif isinstance(node, list):
        for value in node:
            yield from _types(value)
