"""To and from other tools: Optuna's studies, tables on disk."""
