"""What courses and other libraries call things, and what they are called here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from ikura.errors import listed, nearest
from ikura.space.hyperparameters import CONVOLUTIONAL, EACH_LAYER, HYPERPARAMETERS, layer_of

__all__ = ["ARGUMENTS", "TERMS", "option_of", "plain_name", "suggest_name", "term_of"]


@dataclass(frozen=True)
class Term:
    """What others call something.

    Attributes:
        here: what it is called here: a hyperparameter, or an argument of `ikura.tune`.
        names: what others call it, as `plain_name` writes it.
        note: how its values are those of here, where they are not the same.
        argument: whether it is an argument of `ikura.tune` and no hyperparameter.
    """

    here: str
    names: tuple[str, ...]
    note: str = ""
    argument: bool = False


def _term(here: str, names: str, note: str = "", argument: bool = False) -> Term:
    return Term(here, tuple(names.split()), note, argument)


TERMS: tuple[Term, ...] = (
    _term("learning_rate", "alpha lr eta eta0 lr0 base_lr init_lr initial_lr initial_learning_rate learning_rate_init "
          "learn_rate max_lr lr_max max_learning_rate step_size lr_init"),
    _term("momentum", "beta mu momentum_coefficient sgd_momentum",
          "β of the update rules momentum and nesterov, v ← βv + g; with v ← βv + (1 - β)g the learning rate is "
          "1/(1 - β) times as large"),
    _term("beta1", "beta_1 b1"),
    _term("beta2", "beta_2 b2 rho"),
    _term("beta1", "betas", "betas are beta1 and beta2"),
    _term("epsilon", "eps"),
    _term("dropout", "keep_prob keep_probability keep_rate p_keep", "dropout = 1 - keep_prob"),
    _term("dropout", "dropout_rate dropout_ratio drop_rate drop_prob dropout_prob dropout_probability p_dropout drop"),
    _term("dropout_input", "input_dropout dropout_in"),
    _term("l2", "lambda lambd lmbda lam reg reg_lambda lambda2 l2_reg l2_regularization l2_regularisation l2_penalty "
          "regularization regularisation regularization_strength kernel_regularizer "
          "weight_penalty ridge ridge_penalty penalty reg_strength regularizer regularizer_rate l2_lambda",
          "of the cost λ/2m Σ w² with m examples, l2 = λ/m"),
    _term("l2", "c", "of the cost C Σ loss + 1/2 Σ w² with m examples, l2 = 1/(C m)"),
    _term("l1", "lambda1 l1_reg l1_regularization l1_regularisation l1_penalty lasso sparsity",
          "of the cost λ/2m Σ |w| with m examples, l1 = λ/2m"),
    _term("l1", "l1_ratio", "an elastic net λ((1 - α)Σ|w| + α Σ w²) has l1 = λ(1 - α) and l2 = 2λα"),
    _term("weight_decay", "wd decoupled_weight_decay"),
    _term("epochs", "epoch num_epochs n_epochs nb_epoch number_of_epochs max_epochs num_train_epochs num_iterations "
          "number_of_iterations n_iterations iterations num_iters n_iters n_iter max_iter iters iter n_epoch "
          "num_of_epochs num_boost_round", argument=True),
    _term("epochs", "max_steps total_steps num_steps num_train_steps training_steps steps_per_epoch max_fun",
          "an epoch is one pass over the training rows", argument=True),
    _term("layers", "num_layers n_layers nb_layers number_of_layers hidden_layers num_hidden_layers n_hidden_layers "
          "depth hidden_layer"),
    _term("units", "hidden_units n_hidden num_hidden hidden hidden_size hidden_dim hidden_layer_size n_units num_units "
          "nb_units width n_h neurons n_neurons num_neurons nodes num_nodes n_nodes dense_units"),
    _term("units", "hidden_layer_sizes layer_dims layers_dims layer_sizes",
          "layers is their number, units_1, units_2, … the width of each"),
    _term("batch_size", "mini_batch_size mini_batch batch bs size_of_batch "
          "per_device_train_batch_size"),
    _term("learning_rate_decay", "decay_rate decay lr_decay alpha_decay decay_factor"),
    _term("schedule_shape", "lr_schedule lr_scheduler lr_scheduler_type learning_rate_schedule lr_policy schedule_type "
          "decay_type"),
    _term("step_factor", "gamma lr_gamma factor lr_factor drop_factor"),
    _term("step_epochs", "decay_steps lr_step lr_step_size drop_every epochs_drop"),
    _term("pieces", "milestones boundaries", "epoch:share pairs such as '81:0.1 122:0.01'"),
    _term("peak_at", "pct_start"),
    _term("initial_share", "div_factor", "initial_share = 1/div_factor"),
    _term("final_share", "eta_min min_lr lr_min final_lr end_learning_rate", "a share of the learning rate"),
    _term("plateau_patience", "lr_patience"),
    _term("warm_up", "warmup_epochs warmup_steps num_warmup_steps lr_warmup warmup_ratio", "in epochs"),
    _term("normalisation", "batch_norm batch_normalization batch_normalisation use_batch_norm use_bn bn "
          "batch_norm_1d", 'normalisation = "batch"'),
    _term("normalisation", "layer_norm layer_normalization layer_normalisation", 'normalisation = "layer"'),
    _term("normalisation", "ghost_batch_norm ghost_norm", 'normalisation = "ghost"'),
    _term("normalisation", "norm norm_layer norm_type normalization"),
    _term("normalisation_momentum", "bn_momentum batch_norm_momentum normalization_momentum"),
    _term("ghost_size", "ghost_batch_size virtual_batch_size"),
    _term("initialisation", "weight_init weights_init w_init weight_initialization weight_initialisation initializer "
          "initialiser init initialization init_method init_mode kernel_initializer"),
    _term("initial_scale", "init_scale init_std weight_scale initializer_range initialization_scale"),
    _term("optimizer", "optimiser update_rule solver opt optim algorithm optimizer_name"),
    _term("optimizer", "nesterov nesterovs_momentum use_nesterov", 'optimizer = "nesterov"'),
    _term("activation", "activation_function hidden_activation act act_fn activation_fn nonlinearity "
          "transfer_function"),
    _term("clip_norm", "grad_clip gradient_clip gradient_clipping clip_gradient clip_gradients max_grad_norm grad_norm "
          "clip_grad_norm gradient_clip_val global_clipnorm grad_clip_norm"),
    _term("clip_value", "clip_grad_value grad_clip_value"),
    _term("max_norm", "kernel_constraint max_weight_norm weight_constraint"),
    _term("label_smoothing", "smoothing label_smooth"),
    _term("dropconnect", "weight_dropout weight_drop"),
    _term("gradient_noise", "grad_noise noisy_gradient"),
    _term("ema_decay", "ema model_ema_decay model_ema ema_alpha ema_momentum use_ema weight_ema polyak_decay "
          "polyak_averaging average_decay weight_averaging averaged_weights"),
    _term("pretrained_rate", "backbone_lr backbone_rate discriminative_lr lr_mult", "a factor on the learning rate"),
    _term("numeric_encoding", "scaler input_scaler numerical_encoding num_emb_type num_embeddings feature_encoding"),
    _term("encoding_bins", "n_bins num_bins"),
    _term("encoding_frequencies", "n_frequencies num_frequencies"),
    _term("encoding_size", "d_embedding num_emb_dim"),
    _term("encoding_sigma", "plr_sigma frequency_init_scale"),
    _term("scale_rate", "scale_lr_factor"),
    _term("target_transform", "target_transformer y_transform transform_target log_target"),
    _term("flip", "horizontal_flip random_flip hflip random_horizontal_flip"),
    _term("rotation", "random_rotation rotation_range degrees rotate"),
    _term("crop", "random_crop padding"),
    _term("colour", "color brightness color_jitter colour_jitter"),
    _term("erasing", "cutout random_erasing random_erase"),
    _term("noise", "gaussian_noise noise_std"),
    _term("channels", "filters n_filters num_filters n_channels num_channels out_channels"),
    _term("kernel_size", "filter_size kernel kernel_width"),
    _term("blocks", "n_blocks num_blocks conv_layers n_conv_layers num_conv_layers"),
    _term("schedule", "early_stopping early_stop patience n_iter_no_change pruner", 'schedule = "early-stopping"',
          argument=True),
    _term("seed", "random_state random_seed rng_seed manual_seed rng", argument=True),
    _term("trials", "n_trials num_trials max_trials num_samples max_evals n_samples n_calls", argument=True),
    _term("time_limit", "timeout time_budget max_time time_budget_s max_runtime", argument=True),
    _term("jobs", "n_jobs num_workers n_workers workers threads n_threads num_threads", argument=True),
    _term("metric", "scoring eval_metric metrics score", argument=True),
    _term("target", "label_column target_column dependent_variable response", argument=True),
    _term("device", "gpu use_gpu cuda use_cuda accelerator", argument=True),
    _term("dtype", "precision floatx", argument=True),
    _term("out", "output output_dir out_dir save_dir log_dir run_dir output_folder", argument=True),
    _term("search", "sampler search_alg tuner proposer", argument=True),
    _term("network", "model net architecture estimator hypermodel", argument=True),
    _term("space", "search_space param_space param_grid param_distributions hyperparameters hyperparameter_space "
          "params config", argument=True),
)  # fmt: skip
"""The terms, those of courses, scikit-learn, Keras and PyTorch among them."""

ARGUMENTS: tuple[str, ...] = (
    "target", "task", "network", "space", "trials", "epochs", "time_limit", "search", "schedule", "finalists", "metric",
    "objectives", "prefer", "within", "max_parameters", "seed", "jobs", "device", "dtype", "out", "group", "time",
    "kinds", "image_size", "broken", "prior", "auto", "ask", "bayes_error", "human_error",
)  # fmt: skip
"""Arguments of `ikura.tune` that have an option on the command line."""

_STRANGE = frozenset(
    "amsgrad augment augmentation averaging bias_regularizer callbacks class_weight cooldown criterion cv dampening "
    "devices initial_epoch l1_l2 loss loss_fn loss_function max_depth min_epochs n_estimators n_splits padding_mode "
    "pool_size pooling pos_weight power_t recurrent_dropout shuffle strides test_size threshold tol use_ema "
    "validation_fraction validation_split verbose warm_start min_learning_rate".replace("_", "").split()
)
"""What others have and nothing here is: whatever is written alike is something else."""

_OPTIONS = {"kinds": "--kind", "objectives": "--objective"}
"""Options that are called otherwise than their arguments."""

_GREEK = str.maketrans(
    {"α": "alpha", "β": "beta", "γ": "gamma", "ε": "epsilon", "ϵ": "epsilon", "η": "eta", "λ": "lambda", "μ": "mu",
     "µ": "mu", "ρ": "rho", "σ": "sigma", "₁": "1", "₂": "2", "¹": "1", "²": "2"}
)  # fmt: skip


def plain_name(name: str) -> str:
    """Write a name in small letters of English with underscores between its words.

    Example:
        >>> [plain_name(one) for one in ("α", "β₁", "keepProb", "--mini-batch size", "lambda_")]
        ['alpha', 'beta1', 'keep_prob', 'mini_batch_size', 'lambda']
    """
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip().translate(_GREEK))
    return re.sub(r"[^\w]+|_+", "_", apart).strip("_").casefold()


def _joined(name: str) -> str:
    return plain_name(name).replace("_", "")


@cache
def _by_name() -> dict[str, Term]:
    return {_joined(name): one for one in TERMS for name in one.names}


def term_of(name: str) -> Term | None:
    """Look up what others call something; capitals, hyphens, blanks and Greek letters do not matter.

    Example:
        >>> term_of("η").here, term_of("miniBatchSize").here, term_of("my_own")
        ('learning_rate', 'batch_size', None)
    """
    return _by_name().get(_joined(name))


def _single(name: str, known: list[str]) -> str | None:
    """Say how the hyperparameter of a single layer is written, such as Optuna's n_units_l0; None for no such name."""
    parts = re.fullmatch(r"(.*?[a-z])_?(?:l|layer|fc|h)?_?\d+|(?:l|layer|fc|h)_?\d+_(.*)", plain_name(name))
    base = parts and (parts[1] or parts[2])
    if not base:
        return None
    term = term_of(base)
    here = next((one for one in EACH_LAYER if one == base or (term is not None and term.here == one)), None)
    return here if here in known else None


def option_of(argument: str) -> str:
    """The option of `ikura tune` for an argument of `ikura.tune`.

    Example:
        >>> option_of("time_limit"), option_of("kinds")
        ('--time-limit', '--kind')
    """
    return _OPTIONS.get(argument, f"--{argument.replace('_', '-')}")


def suggest_name(name: str, known: Iterable[str], owner: str = "this network") -> str:
    """Say what a hyperparameter that does not exist is called here.

    Args:
        name: what the caller wrote.
        known: hyperparameters that exist where it was written.
        owner: what has them.

    Returns:
        Text to put behind an error message: the name here; the argument of `ikura.tune` that it is; a name that is
        written alike; or the names that exist, the first of many.

    Example:
        >>> suggest_name("keep_prob", ["dropout"]), suggest_name("droput", ["dropout"])
        (": here it is 'dropout' (dropout = 1 - keep_prob)", ", did you mean 'dropout'?")
        >>> suggest_name("num_epochs", ["dropout"])
        ': it is no hyperparameter but an argument of tune: epochs=… in Python, --epochs on the command line'
    """
    known = list(known)
    alike = [one for one in known if _joined(one) == _joined(name)]
    if alike:
        return f", did you mean {alike[0]!r}?"
    term = term_of(name)
    argument = next((one for one in ARGUMENTS if one == plain_name(name)), None)
    single = _single(name, known) if term is None else None
    if single:
        return f": the {single} of single layers are {single}_1, {single}_2, …"
    if term is not None and term.here in known:
        return f": here it is {term.here!r}{_note(term)}"
    if argument or (term is not None and term.argument):
        here = argument or (term.here if term is not None else "")
        how = f"{here}=… in Python, {option_of(here)} on the command line"
        return f": it is no hyperparameter but an argument of tune: {how}{_note(term)}"
    if term is not None:
        return f": here it is {term.here!r}, which {owner} does not have; it has {listed(known)}"
    elsewhere = is_hyperparameter(name) and layer_of(name)[0] not in known
    return (
        "" if elsewhere or _joined(name) in _STRANGE else nearest(name, known)
    ) or f": {owner} has {listed(known)} (docs/hyperparameters.md)"


def is_hyperparameter(name: str) -> bool:
    """Whether a name is a hyperparameter of one of ikura's networks.

    Example:
        >>> is_hyperparameter("activation"), is_hyperparameter("units_2"), is_hyperparameter("alpha")
        (True, True, False)
    """
    return layer_of(name)[0] in HYPERPARAMETERS | CONVOLUTIONAL


def _note(term: Term | None) -> str:
    return f" ({term.note})" if term is not None and term.note else ""
