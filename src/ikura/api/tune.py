"""Tune: from data to a chosen, tested, saved network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from ikura.api.notebook import usual_progress
from ikura.api.run import begin_run
from ikura.api.study import Study
from ikura.api.study_plan import Network, planned
from ikura.engine.workplace import EngineOptions, workplace_for
from ikura.errors import UsageError
from ikura.exchange.prior import Prior
from ikura.space import Space
from ikura.space.argument_names import refuses_unknown
from ikura.study.record.address import check_name, parse_url
from ikura.study.record.database import check_store
from ikura.study.record.decision import Ask
from ikura.study.record.progress import Logged, Progress
from ikura.study.run_folder import alone, clear_run, new_folder, run_folder

__all__ = ["tune"]


@refuses_unknown
def tune(
    data: Any = None,
    target: str | Sequence[str] | None = None,
    *,
    train: Any = None,
    task: str = "auto",
    network: Network = None,
    space: Space | Mapping[str, Any] | None = None,
    trials: int | None = None,
    epochs: int | None = None,
    time_limit: float | None = None,
    search: str = "coarse-to-fine",
    schedule: str = "early-stopping",
    finalists: int | None = None,
    ensemble: int | str = "auto",
    folds: int | None = None,
    repeats: int = 1,
    calibration: str = "auto",
    baselines: bool | None = None,
    loss: Any = None,
    class_weight: Mapping[Any, float] | str | None = None,
    sample_weight: Any = None,
    metric: Any = None,
    metrics: Sequence[Any] | None = None,
    stop_on: Any = None,
    callbacks: Sequence[Any] | None = None,
    training_step: Any = None,
    optimizer: Any = None,
    objectives: Sequence[str] | None = None,
    prefer: str | None = None,
    within: float | None = None,
    max_parameters: int | None = None,
    seed: int = 0,
    jobs: int | None = None,
    engine: str = "auto",
    address: str | None = None,
    workers: int | None = None,
    device: str = "auto",
    dtype: str = "float32",
    out: str | Path | None = None,
    overwrite: bool = False,
    store: str | None = None,
    name: str | None = None,
    report_script: str = "inline",
    group: str | None = None,
    time: str | None = None,
    kinds: Mapping[str, str] | None = None,
    image_size: int | None = None,
    broken: str = "refuse",
    channels: str | None = None,
    dev: Any = None,
    test: Any = None,
    test_set: bool = True,
    positive: Any = None,
    standardise: bool | None = None,
    missing: Sequence[str] | None = None,
    decimal: str | None = None,
    dates: str | None = None,
    copies: str = "together",
    prior: Prior | Study | None = None,
    auto: bool = False,
    ask: Ask | None = None,
    bayes_error: float | None = None,
    human_error: float | None = None,
    checks: bool = True,
    progress: Progress | None = None,
) -> Study:
    """Search hyperparameters with populations of networks, choose the best on the dev set, test it once, and save it.

    Args:
        data: path of a table (CSV, TSV, Parquet), folder of images by class (or of MNIST's or CIFAR's files), .npz
            file, name of a bundled data set, pandas frame, or (x, y) arrays of shapes (rows, ...) and (rows,); an x of
            bytes and of shape (rows, 1 or 3, height, width) is images. For a network of your own x may also be a tuple
            or a dictionary of arrays, which forward gets by place or by name, a list of sequences of different lengths,
            or an array mapped from a file; and the data a torch `Dataset` or `DataLoader` (docs/own_networks.md).
        target: the column to predict; not needed when one is called target, label, class or y. Several, as a list or
            with commas between them, are predicted by one network: values, or columns of two classes each
            (docs/tables.md).
        train: the training set, in place of data, where dev and test sets are given too.
        task: "auto", "binary", "multiclass", "multilabel", "regression", or "own" where a loss of your own says what is
            learned.
        network: name of a network: mlp (fully connected), cnn (small convolutional) or one of `ikura.nn.zoo.NETWORKS`;
            or the factory of a network from its hyperparameters. By default cnn for images, (x, y) with x of shape
            (rows, channels, height, width), and mlp for everything else. A factory reads what the space names
            (`hp.units` if it names units) and always `hp.inputs`, `hp.outputs` and `hp.shape` (of one example). The
            module maps (rows, inputs) to (rows, outputs): one logit for binary classes, one a class, or one value.
        space: what to search; by default chosen by the number of trials.
        trials: configurations to try; by default 128, with `auto` and a time limit as many as the time holds.
        epochs: passes over the training set of a trial at most; by default 100, and 15 for the network cnn.
        time_limit: seconds; three quarters of them go to the search, the rest to the finalists. A trial in work when
            its time is over keeps its best weights so far.
        search: "coarse-to-fine", "random", "halton", "sobol", "grid", "tpe", "gp" or "cma-es".
        schedule: "early-stopping", "none" (every trial trains all its epochs), "successive-halving", "hyperband",
            "asha", "racing" (who is worse than the leader beyond chance ends), or "pbt" (population-based training:
            there the best trial's own network is kept, without finalists, because its hyperparameters changed on the
            way).
        finalists: configurations that are trained again in full, with three other seeds each; 0 for none; by default 4,
            and 1 for the network cnn.
        ensemble: how many networks at most are averaged: networks of the finalists, selected on the dev set and trained
            again on all rows but the test set. "auto" does so for the fully connected network on tables and arrays,
            where the corrected dev score is not worse than that of one network; "none" keeps one (docs/ensembles.md).
        folds: for the ensemble, train each finalist's configuration on so many folds of training and dev set, and
            select by out-of-fold predictions (docs/ensembles.md); by default it is of the finalists' own networks.
        repeats: how often the rows are divided into folds.
        calibration: "auto" takes the probabilities of classes at the temperature, and answers of two classes from the
            threshold, that the dev set asks for beyond chance, and predicts values no further than those that were
            given, where the dev set does not speak against it; "none" leaves them as the network gives them
            (docs/probabilities.md).
        baselines: whether gradient boosting and a linear model as they come are measured on the test rows beside the
            network; by default in studies that take ten seconds or more.
        loss: what training makes small (docs/own_networks.md): a name, cross_entropy, binary_cross_entropy, focal,
            hinge, mse, mae, huber, quantile, poisson or gaussian_nll; `ikura.loss("quantile", q=0.9)`; or a function of
            (outputs, target) or (outputs, target, weight). By default cross-entropy for classes, mse for values.
        class_weight: class to the weight of its examples in the loss, or "balanced".
        sample_weight: weights of the examples in the loss: name of a column, or an array with one for each row.
        metric: what trials are compared by, accuracy for classes and r2 for regression by default: a name, also of a
            scorer of scikit-learn, or what `ikura.metric.own_metric` takes.
        metrics: what else is measured of the trials and of the test set, likewise.
        stop_on: by what an epoch's weights are kept, and trials stop early: a metric, as for `metrics`, of the dev set;
            by default the dev loss.
        callbacks: functions that are called with an `ikura.EpochRecord` after each epoch of each trial; one that
            returns True stops the trial (docs/own_networks.md).
        training_step: for a network of your own, a function of (module, batch, hyperparameters) that returns the loss
            which training makes small; batch has x, codes, y and weights (docs/own_networks.md).
        optimizer: for a network of your own, in place of ikura's update rules: a class of torch.optim, whose arguments
            take the hyperparameters of their names (`lr` learning_rate, `eps` epsilon, `betas` beta1 and beta2); a
            function of (module, hyperparameters) that returns an optimizer, or (optimizer, scheduler); or a name,
            adafactor, adamax, asgd, nadam, radam or rprop (docs/own_networks.md).
        objectives: what else a network should have little of: "parameters", "inference_seconds" (of 64 examples),
            "training_seconds". `study.pareto` holds the trials that nothing is better than in all of them and the dev
            score; finalists come from there.
        prefer: one of these objectives: of the configurations whose dev score is nearly that of the best, choose the
            one with the least of it. By default the best dev score is chosen.
        within: how much worse a dev score "nearly" allows; by default one standard error of the best.
        max_parameters: weights beyond which a configuration is infeasible; it is recorded and never trained.
        seed: the same seed gives the same study: to the bit for the built-in network; networks of your own are stacked
            in tiles of a size that is measured, and rounding depends on it.
        jobs: tiles that train at once; by default one for each core.
        engine: where tiles train: "auto" on this machine, "ray" on the nodes of a Ray cluster (docs/cluster.md); the
            study is the same.
        address: of the cluster: "auto" for the one that `ray start` began here, "HOST:PORT" or "ray://HOST:PORT" for
            another machine's, "local" for one of this machine that ends with the study; by default "local".
        workers: with "ray", how many tiles train at once on each node; by default one for each core, or each GPU.
        device: "auto", "cpu" or "cuda"; auto is a GPU for networks of your own if there is one, the CPU otherwise.
        dtype: "float32" or "float64".
        out: the run folder; by default a new one under runs/.
        overwrite: whether a run that is there is replaced, once the arguments have been understood: what ikura wrote
            is removed, and nothing else.
        store: URL of a PostgreSQL database that the study is recorded in, postgresql://USER@HOST/DATABASE, where a team
            sees and steers it (docs/stores.md); everything else lies in the run folder all the same. By default an
            SQLite file in the run folder.
        name: the study's name there; by default that of the run folder.
        report_script: where the report has the script that draws its charts, 4.6 MB: "inline" in the page, "shared" in
            one file beside the run folders, "none" where charts are left out and said in words.
        group: column whose groups stay together in one part of the split.
        time: column by which the oldest rows train and the newest test.
        kinds: column -> numeric, category, boolean, datetime or ignore, where its kind is to be another.
        image_size: side of the square in pixels that the images of a folder are scaled and cut to; needed where their
            sizes differ.
        broken: "refuse" image files that cannot be read, or "skip" and count them.
        channels: "first" or "last": where arrays of four dimensions have their channels. Bytes, as images, show it by
            their shape, unless that fits both.
        dev, test: a dev and a test set of their own, each in any form in which data are given; what is not given is
            taken from the data. The types of the data decide how they are read.
        test_set: whether rows are kept for a test set; without one the network is chosen on the dev set, and never
            tested: for who has a test set elsewhere.
        positive: of two classes the one that f1 is about; by default the rarer one.
        standardise: for (x, y) and a network of your own, which gets x whole: by default floats are standardised by the
            training rows, and whole numbers, such as the ids of tokens, stay as they are where the network takes them;
            True standardises both, False neither. Of several inputs each is judged by itself; zeros and ones alone are
            a mask.
        missing: words that stand for a missing value, also in the target; by default NA, n/a, None, ? and the like, and
            none in a target of words. An empty field always does.
        decimal: "." or ",", the decimal mark where two readings are possible, as in a column of 1,234 and 5,678.
        dates: "dayfirst" or "monthfirst", where both are possible, as in a column of 02/03/2024.
        copies: "together" keeps rows of a table that are alike in all columns in one part, where 5 % of the rows or
            more are copies of others; "apart" deals them out like all rows.
        prior: finished trials that the search learns from before its first stage: what `ikura.from_optuna` returns, or
            an earlier study; its scores must be of the same metric.
        auto: after the first search say what is wrong, bias or variance, change the space or the epochs as the recipe
            prescribes and search again, until neither is worth more effort or trials or time are spent
            (docs/autopilot.md).
        ask: with `auto`, called with each decision before it is carried out; returns "accept", "skip" or "stop".
        bayes_error, human_error: with `auto`, the least error that can be achieved, or a person's, in the unit in which
            `study.diagnosis` gives errors.
        checks: whether to make the quick checks of data and network before training (docs/checks.md); `study.checks`
            has their results.
        progress: who is told how it goes; the same is logged by the logger "ikura", what may be wrong as warnings.

    Returns:
        The finished study.

    Raises:
        UsageError: the data, the space or an argument cannot be used; the message says what would be right.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> study = tune("iris", trials=4, epochs=5, finalists=0, out=folder + "/iris")
        >>> len(study.trials), study.best.number in range(4)
        (4, True)
    """
    given, began = locals(), perf_counter()
    if (data is None) == (train is None):
        raise UsageError("give the data once: ikura.tune(data, …), or ikura.tune(train=…, dev=…, test=…)")
    data = train if data is None else data
    progress = Logged(usual_progress(progress))
    options = EngineOptions(engine, address, workers).checked_with(jobs)
    if store is not None:
        check_store(parse_url(store), name if name is None else check_name(name), overwrite)
    place = None if out is None else run_folder(data, out, overwrite).absolute()
    plan = planned(given | {"data": data}, progress)
    run = new_folder(data) if place is None else place
    with alone(run, made=place is None):
        run_folder(data, run, overwrite)
        # What is there gives way only once there is a place to train.
        with workplace_for(options, plan.setup, plan.setting.jobs, run, progress.say) as workplace:
            clear_run(run)
            return begin_run(run, plan, prior, progress, ask, began, workplace)
