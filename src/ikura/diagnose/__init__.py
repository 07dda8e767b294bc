"""Why a study came out as it did: which hyperparameters mattered, and where its space was too narrow."""

from ikura.diagnose.edge import Edge, edges
from ikura.diagnose.importance import AMONG, METHODS, importance
from ikura.diagnose.merit import ranked
from ikura.diagnose.variance import TrialVariance, trial_variance

__all__ = ["AMONG", "METHODS", "Edge", "TrialVariance", "edges", "importance", "ranked", "trial_variance"]
