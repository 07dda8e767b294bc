"""What comes with ikura, by name: one line for each search, schedule, metric, loss, network, check and data format.

Nothing is imported before it is asked for, so that the command line can list names at once.
"""

from __future__ import annotations

from typing import Any

from ikura.registry import Registry

__all__ = [
    "BUNDLED", "CALLBACKS", "CHECKS", "FORMATS", "IMAGE_SETS", "LOSSES", "METRICS", "NETWORKS", "OPTIMIZERS",
    "SCHEDULES", "SEARCHES", "TRAINING_STEPS",
]  # fmt: skip

SEARCHES: Registry[Any] = Registry(
    "search",
    "searches",
    {
        "coarse-to-fine": "ikura.search.coarse_to_fine:CoarseToFine",
        "random": "ikura.search.random:RandomSearch",
        "halton": "ikura.search.quasi_random:HaltonSearch",
        "sobol": "ikura.search.quasi_random:SobolSearch",
        "grid": "ikura.search.grid:GridSearch",
        "tpe": "ikura.search.tpe:TPESearch",
        "gp": "ikura.search.gp:GPSearch",
        "cma-es": "ikura.search.cma_es:CMAESSearch",
    },
    "ikura.search._base:as_search",
)
"""What proposes configurations, subclasses of `ikura.search.Proposer`."""

SCHEDULES: Registry[Any] = Registry(
    "schedule",
    "schedules",
    {
        "early-stopping": "ikura.search.schedule.early_stopping:EarlyStopping",
        "none": "ikura.search.schedule.early_stopping:NoSchedule",
        "successive-halving": "ikura.search.schedule.successive_halving:SuccessiveHalving",
        "hyperband": "ikura.search.schedule.hyperband:Hyperband",
        "asha": "ikura.search.schedule.asha:Asha",
        "pbt": "ikura.search.schedule.pbt:PopulationBasedTraining",
        "racing": "ikura.search.schedule.racing:Racing",
    },
    "ikura.search.schedule._base:as_schedule",
)
"""What says who trains on, subclasses of `ikura.search.Schedule`."""

METRICS: Registry[Any] = Registry(
    "metric",
    "metrics",
    {
        "accuracy": "ikura.metric.classification:ACCURACY",
        "balanced_accuracy": "ikura.metric.classification:BALANCED_ACCURACY",
        "log_loss": "ikura.metric.classification:LOG_LOSS",
        "f1": "ikura.metric.classification:F1",
        "roc_auc": "ikura.metric.classification:ROC_AUC",
        "average_precision": "ikura.metric.classification:AVERAGE_PRECISION",
        "brier": "ikura.metric.classification:BRIER",
        "mcc": "ikura.metric.classification:MCC",
        "label_accuracy": "ikura.metric.classification:LABEL_ACCURACY",
        "label_f1": "ikura.metric.classification:LABEL_F1",
        "r2": "ikura.metric.regression:R2",
        "rmse": "ikura.metric.regression:RMSE",
        "mae": "ikura.metric.regression:MAE",
        "quantile": "ikura.metric.regression:QUANTILE",
    },
    "ikura.metric.own:as_metric",
    families={"quantile": "ikura.metric.regression:quantile_loss"},
)
"""What makes a trial good, each an `ikura.metric.Metric`."""

LOSSES: Registry[Any] = Registry(
    "loss",
    "losses",
    {
        "cross_entropy": "ikura.nn.loss.of_classes:CROSS_ENTROPY",
        "binary_cross_entropy": "ikura.nn.loss.of_classes:BINARY_CROSS_ENTROPY",
        "focal": "ikura.nn.loss.of_classes:FOCAL",
        "hinge": "ikura.nn.loss.of_classes:HINGE",
        "mse": "ikura.nn.loss.of_values:MSE",
        "mae": "ikura.nn.loss.of_values:MAE",
        "huber": "ikura.nn.loss.of_values:HUBER",
        "quantile": "ikura.nn.loss.of_values:QUANTILE",
        "poisson": "ikura.nn.loss.of_values:POISSON",
        "gaussian_nll": "ikura.nn.loss.of_values:GAUSSIAN_NLL",
    },
    "ikura.nn.loss.registry:as_loss",
)
"""What training makes small, each an `ikura.nn.loss.Loss`."""

CALLBACKS: Registry[Any] = Registry("callback", "callbacks", {}, "ikura.population.callbacks:as_callback")
"""Functions that are told of every epoch of a trial, and may stop it."""

TRAINING_STEPS: Registry[Any] = Registry(
    "training step", "training_steps", {}, "ikura.population.own_step:as_training_step"
)
"""Functions that compute the loss of a mini-batch from network, batch and hyperparameters."""

OPTIMIZERS: Registry[Any] = Registry(
    "optimizer",
    "optimizers",
    {
        "adafactor": "torch.optim:Adafactor",
        "adamax": "torch.optim:Adamax",
        "asgd": "torch.optim:ASGD",
        "nadam": "torch.optim:NAdam",
        "radam": "torch.optim:RAdam",
        "rprop": "torch.optim:Rprop",
    },
    "ikura.population.own_optimizer:as_optimizer",
    reserved=("sgd", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop", "smorms3", "adam", "adamw"),
)
"""What makes the optimizer of a network of the caller's; reserved are the update rules that ikura compiles."""

NETWORKS: Registry[Any] = Registry(
    "network",
    "networks",
    {
        "cnn": "ikura.nn.zoo.cnn:cnn",
        "f1": "ikura.nn.zoo.shallow:f1",
        "c1": "ikura.nn.zoo.shallow:c1",
        "c3": "ikura.nn.zoo.shallow:c3",
        "vgg16": "ikura.nn.zoo.vgg:vgg16",
        "resnet20": "ikura.nn.zoo.resnet:resnet20",
        "resnet32": "ikura.nn.zoo.resnet:resnet32",
        "resnet44": "ikura.nn.zoo.resnet:resnet44",
        "resnet56": "ikura.nn.zoo.resnet:resnet56",
        "wrn16-4": "ikura.nn.zoo.resnet:wrn16_4",
        "alexnet": "ikura.nn.zoo.alexnet:alexnet",
    },
    "ikura.nn.zoo._base:as_network",
    reserved=("mlp", "own", "pretrained"),
)
"""Functions that make a network from hyperparameters; mlp, the fully connected one, is trained without such."""

CHECKS: Registry[Any] = Registry(
    "check",
    "checks",
    {
        "values": "ikura.checks.data_values:ValuesCheck",
        "normalisation": "ikura.checks.data_values:NormalisationCheck",
        "labels": "ikura.checks.data_values:LabelsCheck",
        "learnable": "ikura.checks.learnable:LearnableCheck",
        "leakage": "ikura.checks.leakage:LeakageCheck",
        "identifier": "ikura.checks.leakage:IdentifierCheck",
        "duplicates": "ikura.checks.leakage:DuplicatesCheck",
        "drift": "ikura.checks.column_drift:DriftCheck",
        "distribution": "ikura.checks.two_sample_test:DistributionCheck",
        "factory": "ikura.checks.building:FactoryCheck",
        "forward": "ikura.checks.building:ForwardCheck",
        "shared-weights": "ikura.checks.building:SharedCheck",
        "outputs": "ikura.checks.outputs:OutputsCheck",
        "loss": "ikura.checks.outputs:LossCheck",
        "evaluation": "ikura.checks.batch_independence:EvaluationCheck",
        "batch-independence": "ikura.checks.batch_independence:BatchIndependenceCheck",
        "inputs-used": "ikura.checks.gradient_reach:InputsCheck",
        "detached": "ikura.checks.gradient_reach:DetachedCheck",
        "gradient": "ikura.checks.gradient:GradientCheck",
        "symmetry": "ikura.checks.initial_state:SymmetryCheck",
        "initial-loss": "ikura.checks.initial_state:InitialLossCheck",
        "signal": "ikura.checks.signal:SignalCheck",
        "units": "ikura.checks.signal:UnitsCheck",
        "batch-norm": "ikura.checks.batch_norm:BatchNormCheck",
        "overfit": "ikura.checks.overfit:OverfitCheck",
        "learning-rate": "ikura.checks.learning_rate:LearningRateCheck",
        "regularisation": "ikura.checks.regularisation:RegularisationCheck",
        "clipping": "ikura.checks.regularisation:ClippingCheck",
        "step": "ikura.checks.training_step:StepCheck",
    },
    "ikura.checks._base:as_check",
)
"""What commonly goes wrong, subclasses of `ikura.checks.Check`, in the order in which they run."""

FORMATS: Registry[Any] = Registry(
    "data format",
    "formats",
    {
        "csv": "ikura.data.read:read_text",
        "tsv": "ikura.data.read:read_text",
        "txt": "ikura.data.read:read_text",
        "gz": "ikura.data.read:read_text",
        "parquet": "ikura.data.read:read_parquet",
        "pq": "ikura.data.read:read_parquet",
    },
    "ikura.data.read:as_format",
)
"""Functions that read a table from the path of a file, by the suffix of its name; all other files are text."""

BUNDLED: dict[str, str] = {
    "digits": "1,797 handwritten digits of 8 x 8 pixels, 10 classes",
    "iris": "150 flowers, 4 measurements, 3 species",
    "wine": "178 wines, 13 chemical measurements, 3 cultivars",
    "breast_cancer": "569 tumours, 30 measurements, malignant or benign",
    "diabetes": "442 patients, 10 measurements, progression of the disease after a year (a number)",
}
"""Data sets that come with ikura: name to a one-line description."""

IMAGE_SETS: dict[str, str] = {
    "fashion_mnist": "70,000 pieces of clothing of 28 x 28 grey pixels, 10 classes, 10,000 of them the test set",
}
"""Image sets that are known by name, where this machine has them."""
