"""Those who learn tables with their defaults: each is given training rows and test rows, and predicts the latter.

Run as `python -m benchmarks.table_contenders NAME TABLE SEED SECONDS`: prints the error and the seconds as JSON.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.table_sets import TABLE_SETS, divided

__all__ = ["CONTENDERS", "error"]

CORES = 2
Learner = Callable[[pd.DataFrame, pd.Series, pd.DataFrame, bool, float], Any]


def _ikura(ensemble: str) -> Learner:
    def learn(x: pd.DataFrame, y: pd.Series, asked: pd.DataFrame, classes: bool, seconds: float) -> Any:
        import tempfile

        import ikura

        with tempfile.TemporaryDirectory() as folder:
            study = ikura.tune(
                x.assign(target=y), "target", time_limit=seconds, ensemble=ensemble, test_set=False, out=f"{folder}/run"
            )
            return study.model.predict(asked)

    return learn


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Words and booleans as pandas' categories, as LightGBM takes them."""
    words = [name for name in frame if not pd.api.types.is_numeric_dtype(frame[name]) or frame[name].dtype == bool]
    return frame.astype(dict.fromkeys(words, "category"))


def _together(x: pd.DataFrame, asked: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    both = _plain(pd.concat([x, asked], ignore_index=True))
    return both.iloc[: len(x)], both.iloc[len(x) :]


def _lightgbm(x: pd.DataFrame, y: pd.Series, asked: pd.DataFrame, classes: bool, seconds: float) -> Any:
    from lightgbm import LGBMClassifier, LGBMRegressor

    given, asked = _together(x.rename(columns=_safe), asked.rename(columns=_safe))
    model = (LGBMClassifier if classes else LGBMRegressor)(n_jobs=CORES, verbose=-1, random_state=0)
    return model.fit(given, y).predict(asked)


def _safe(name: str) -> str:
    """A name without what LightGBM refuses."""
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def _hist(x: pd.DataFrame, y: pd.Series, asked: pd.DataFrame, classes: bool, seconds: float) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    given, asked = _together(x, asked)
    made = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    return made(random_state=0, categorical_features="from_dtype").fit(given, y).predict(asked)


def _words(series: pd.Series) -> pd.Series:
    """Words in which a gap is one of them, as CatBoost takes them."""
    return series.astype(object).where(series.notna(), "missing").astype(str)


def _catboost(x: pd.DataFrame, y: pd.Series, asked: pd.DataFrame, classes: bool, seconds: float) -> Any:
    from catboost import CatBoostClassifier, CatBoostRegressor

    given, asked = _together(x, asked)
    words = [name for name in given if isinstance(given[name].dtype, pd.CategoricalDtype)]
    given, asked = (part.assign(**{name: _words(part[name]) for name in words}) for part in (given, asked))
    model = (CatBoostClassifier if classes else CatBoostRegressor)(
        thread_count=CORES, verbose=False, random_seed=0, allow_writing_files=False, cat_features=words
    )
    return np.ravel(model.fit(given, y).predict(asked))


def _encoded(x: pd.DataFrame, asked: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Numbers with gaps filled and standardised, words one-hot."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    words = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    number = make_column_selector(dtype_include="number")
    other = make_column_selector(dtype_exclude="number")
    columns = make_column_transformer((numbers, number), (words, other))
    return columns.fit_transform(x), columns.transform(asked)


def _forest(x: pd.DataFrame, y: pd.Series, asked: pd.DataFrame, classes: bool, seconds: float) -> Any:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    given, asked = _encoded(x, asked)
    made = RandomForestClassifier if classes else RandomForestRegressor
    return made(300, n_jobs=CORES, random_state=0).fit(given, y).predict(asked)


def _linear(x: pd.DataFrame, y: pd.Series, asked: pd.DataFrame, classes: bool, seconds: float) -> Any:
    from sklearn.linear_model import LogisticRegressionCV, RidgeCV

    given, asked = _encoded(x, asked)
    model = LogisticRegressionCV(n_jobs=CORES, max_iter=300) if classes else RidgeCV(np.logspace(-3, 3, 13))
    return model.fit(given, y).predict(asked)


def _pytabkit(name: str) -> Learner:
    def learn(x: pd.DataFrame, y: pd.Series, asked: pd.DataFrame, classes: bool, seconds: float) -> Any:
        import pytabkit

        given, asked = _together(x, asked)
        model = getattr(pytabkit, f"{name}_{'Classifier' if classes else 'Regressor'}")
        return model(device="cpu", random_state=0, n_threads=CORES, verbosity=0).fit(given, y).predict(asked)

    return learn


CONTENDERS: dict[str, Learner] = {
    "ikura": _ikura("auto"),
    "ikura one network": _ikura("none"),
    "LightGBM": _lightgbm,
    "CatBoost": _catboost,
    "HistGradientBoosting": _hist,
    "random forest": _forest,
    "RealMLP-TD": _pytabkit("RealMLP_TD"),
    "TabM-D": _pytabkit("TabM_D"),
    "linear": _linear,
}


def error(name: str, table: str, seed: int, seconds: float) -> dict[str, float]:
    """Let one contender learn one table; 1 - accuracy, or 1 - R² on the test rows, and the seconds that it took."""
    one = TABLE_SETS[table]
    train, test = divided(table, seed)
    x, y = train.drop(columns=one.target), train[one.target]
    if one.classes:
        y = y.astype(str)
    begun = time.perf_counter()
    told = np.asarray(CONTENDERS[name](x, y, test.drop(columns=one.target), one.classes, seconds))
    took = time.perf_counter() - begun
    truth = test[one.target]
    if one.classes:
        return {"error": float(np.mean(told.astype(str) != truth.astype(str).to_numpy())), "seconds": took}
    values = truth.to_numpy(float)
    return {"error": float(np.mean((told - values) ** 2) / np.var(values)), "seconds": took}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps(error(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))))
