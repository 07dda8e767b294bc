"""Why a study came out as it did, and what to do next.

Bias and variance, the recipe, which hyperparameters mattered, and where the space was too narrow.
"""

from ikura.diagnose.bias_variance import MARGIN, diagnose, judge_errors
from ikura.diagnose.importance import AMONG, METHODS, importance, importance_of
from ikura.diagnose.prescription import Prescription
from ikura.diagnose.recipe import prescribe
from ikura.diagnose.space_borders import Border, borders
from ikura.diagnose.trial_ranks import ranked
from ikura.diagnose.trial_variance import TrialVariance, trial_variance
from ikura.metric.estimate import Estimate
from ikura.study.record.diagnosis import WORTH, Diagnosis, Gap
from ikura.study.record.earlier_study import Change

__all__ = [
    "AMONG",
    "MARGIN",
    "METHODS",
    "WORTH",
    "Border",
    "Change",
    "Diagnosis",
    "Estimate",
    "Gap",
    "Prescription",
    "TrialVariance",
    "borders",
    "diagnose",
    "importance",
    "importance_of",
    "judge_errors",
    "prescribe",
    "ranked",
    "trial_variance",
]
