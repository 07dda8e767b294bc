"""What courses and other libraries call things leads to what it is called here."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ikura
from ikura.cli import main
from ikura.space import CONVOLUTIONAL, HYPERPARAMETERS, Space, when
from ikura.space.terms import ARGUMENTS as ARGUMENT_NAMES
from ikura.space.terms import TERMS, option_of, plain_name, suggest_name, term_of
from ikura.study.chosen_space import check_space
from ikura.study.record.prior_trials import trials_of_prior

DOCS = Path(__file__).parents[2] / "docs" / "hyperparameters.md"
EVERY = [(name, term) for term in TERMS for name in term.names]

# Not read off the table: what the names mean in Ng's course, scikit-learn, Keras and PyTorch.
MEANT = {
    "alpha": "learning_rate", "lr": "learning_rate", "eta": "learning_rate", "α": "learning_rate", "η": "learning_rate",
    "beta": "momentum", "β": "momentum", "mu": "momentum", "β₁": "beta1", "beta_2": "beta2", "eps": "epsilon",
    "keep_prob": "dropout", "dropout_rate": "dropout", "lambda": "l2", "lambd": "l2", "λ": "l2", "reg": "l2",
    "weight decay": "weight_decay", "hidden_units": "units", "n_hidden": "units", "width": "units",
    "num_layers": "layers",
    "depth": "layers", "n_layers": "layers", "hidden_layer_sizes": "units", "decay_rate": "learning_rate_decay",
    "batch_norm": "normalisation", "weight_init": "initialisation", "initializer": "initialisation",
    "init": "initialisation", "update_rule": "optimizer", "solver": "optimizer", "mini_batch_size": "batch_size",
    "batchsize": "batch_size", "miniBatchSize": "batch_size", "learning_rate_init": "learning_rate",
    "clipnorm": "clip_norm", "max_grad_norm": "clip_norm", "nesterovs_momentum": "optimizer", "gamma": "step_factor",
    "Learning-Rate": "learning_rate", "BatchSize": "batch_size",
}  # fmt: skip
ARGUMENTS = {
    "epochs": "epochs", "num_epochs": "epochs", "num_iterations": "epochs", "max_iter": "epochs", "n_epochs": "epochs",
    "random_state": "seed", "n_trials": "trials", "n_jobs": "jobs", "scoring": "metric", "timeout": "time_limit",
    "finalists": "finalists",
}  # fmt: skip


@pytest.mark.parametrize(("name", "here"), MEANT.items())
def test_a_space_says_what_a_name_is_called_here(name: str, here: str) -> None:
    with pytest.raises(ikura.UsageError, match=f"'{here}'") as refused:
        check_space(Space(**{name: 0.1}), "mlp")
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(("name", "here"), ARGUMENTS.items())
def test_a_space_says_that_a_name_is_an_argument(name: str, here: str) -> None:
    with pytest.raises(
        ikura.UsageError, match=re.escape(f"argument of tune: {here}=… in Python, {option_of(here)} on")
    ):
        check_space(Space(**{name: 3}), "mlp")


def test_every_term_leads_to_something_that_exists() -> None:
    arguments = inspect.signature(ikura.tune).parameters
    assert set(ARGUMENT_NAMES) <= set(arguments)
    spelled = [plain_name(name).replace("_", "") for name, _ in EVERY]
    assert len(spelled) == len(set(spelled))
    for name, term in EVERY:
        assert plain_name(name) == name
        assert term.here in (arguments if term.argument else HYPERPARAMETERS | CONVOLUTIONAL)
        assert term_of(name) == term
        assert name not in HYPERPARAMETERS | CONVOLUTIONAL


@given(st.sampled_from(EVERY), st.sampled_from(["upper", "-", " ", "camel", "trailing"]))
def test_capitals_hyphens_and_blanks_do_not_matter(term: tuple[str, object], how: str) -> None:
    name = term[0]
    first, *rest = name.split("_")
    written = {
        "upper": name.upper(),
        "-": f"--{name.replace('_', '-')}",
        " ": name.replace("_", " "),
        "camel": first + "".join(word.capitalize() for word in rest),
        "trailing": f"{name}_",
    }[how]
    assert term_of(written) == term[1]


def test_a_name_that_nobody_knows_gets_no_list_of_forty() -> None:
    assert len(suggest_name("zzz", HYPERPARAMETERS)) < 200
    assert suggest_name("learning_rat", HYPERPARAMETERS) == ", did you mean 'learning_rate'?"
    assert "'units', which this network does not have" in suggest_name("n_hidden", ["learning_rate"])


@pytest.mark.parametrize("name", ["n_units_l0", "units1", "layer_2_units", "hidden_units_1", "fc1_units", "n_hidden_3"])
def test_names_of_single_layers_lead_to_ours(name: str) -> None:
    assert suggest_name(name, HYPERPARAMETERS) == ": the units of single layers are units_1, units_2, …"
    assert suggest_name(name.replace("hidden_units", "units"), ["learning_rate"]).startswith(": this network has")


@pytest.mark.parametrize("name", ["pool_size", "test_size", "n_splits", "devices", "augmentation", "initial_epoch"])
def test_what_nothing_here_is_leads_to_no_name_that_is_written_alike(name: str) -> None:
    assert suggest_name(name, HYPERPARAMETERS).startswith(": this network has learning_rate")


@pytest.mark.parametrize("name", ["activation", "units", "initialisation", "dropout", "pretrained_rate", "ghost_size"])
def test_a_name_of_another_network_leads_to_no_name_that_is_written_alike(name: str) -> None:
    known = ["rotation", "noise", "initial_share", "normalisation", "dropconnect", "learning_rate", "batch_size"]
    assert suggest_name(name, known).startswith(": this network has rotation, noise")


def test_conditions_and_constraints_say_it_too() -> None:
    with pytest.raises(ikura.UsageError, match="unknown parameter 'solver': here it is 'optimizer'"):
        Space(when(solver="adam", beta1=ikura.linear(0.8, 0.9)), optimizer=ikura.choice("adam", "sgd"))
    with pytest.raises(ikura.UsageError, match="'lr' is not in the space: here it is 'learning_rate'"):
        Space(ikura.constraint("lr < 0.1"), learning_rate=ikura.log(1e-3, 1))


@pytest.mark.parametrize("function", [ikura.tune, ikura.check])
def test_an_unknown_argument_in_python_says_where_it_is_written(function: object) -> None:
    holder = "space" if function is ikura.tune else "hyperparameters"
    with pytest.raises(
        ikura.UsageError, match=f"'learning_rate' is a hyperparameter, write it as {holder}="
    ) as refused:
        function("iris", lr=0.1)  # type: ignore[operator]
    assert isinstance(refused.value, TypeError)
    with pytest.raises(TypeError, match="here it is seed="):
        function("iris", random_state=1)  # type: ignore[operator]
    with pytest.raises(TypeError, match="did you mean 'target'"):
        function("iris", taget="kind")  # type: ignore[operator]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["tune", "iris", "--lr", "0.1"], "'learning_rate' is a hyperparameter, write it into a space file, [learning"),
        (["tune", "iris", "--batch-size", "8"], "[batch_size] and below it value = …"),
        (["tune", "iris", "--keep-prob", "8"], "'dropout' is a hyperparameter"),
        (["tune", "iris", "--num-epochs", "8"], "here it is --epochs"),
        (["tune", "iris", "--n-trials", "8"], "here it is --trials"),
        (["tune", "iris", "--random-state", "8"], "here it is --seed"),
        (["check", "iris", "--lr", "0.1"], "write --set learning_rate=VALUE"),
        (["check", "iris", "--set", "alpha=0.1"], "here it is 'learning_rate'"),
        (["check", "iris", "--set", "momentum=0.5"], '[momentum] has no effect: it acts only with optimizer'),
        (["check", "diabetes", "--set", "label_smoothing=0.5"], "[label_smoothing] has no effect: it needs classes"),
        (["tune", "iris", "--trails", "8"], "did you mean '--trials'?"),
    ],
)  # fmt: skip
def test_the_command_line_says_where_it_is_written(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    complaint = capsys.readouterr().err
    assert told in complaint
    assert len([line for line in complaint.splitlines() if "error" in line]) == 1
    assert not list(tmp_path.iterdir())


def test_a_space_file_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = tmp_path / "space.toml"
    space.write_text("[hidden_units]\nvalue = 8\n")
    assert main(["tune", "iris", "--space", str(space), "--out", str(tmp_path / "run")]) == 2
    assert "[hidden_units] unknown hyperparameter: here it is 'units'" in capsys.readouterr().err


def test_a_prior_says_what_its_hyperparameters_are_called_here() -> None:
    trials = pd.DataFrame({"number": [0], "state": ["complete"], "lr": [0.1], "score": [0.9]})
    prior = ikura.Prior(Space(lr=ikura.log(1e-3, 1)), trials, True)
    from ikura.metric import METRICS

    with pytest.raises(ikura.UsageError, match="lr \\(here 'learning_rate'\\)"):
        trials_of_prior(prior, Space(learning_rate=ikura.log(1e-3, 1)), METRICS["accuracy"])
    known = trials_of_prior(prior, Space(learning_rate=0.1), METRICS["accuracy"])
    assert "lr (here 'learning_rate')" in known.notes[1]


def test_the_table_of_the_docs_is_that_of_the_code() -> None:
    """Each line of it: names of others, what it is here, how the values go over."""
    text = DOCS.read_text(encoding="utf-8").split("## What others call it", 1)[1].split("\n## ", 1)[0]
    lines = [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    told = {name: re.findall(r"`([^`]+)`", cells[1]) for cells in lines for name in re.findall(r"`([^`]+)`", cells[0])}
    for name, here in told.items():
        term = term_of(name)
        assert term is not None
        assert here[0] == term.here
    assert len([name for name in MEANT | ARGUMENTS if name in told]) > 20
    assert {term.here for term in TERMS} == {here[0] for here in told.values()}
