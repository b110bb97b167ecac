"""Parts of the report about a training run."""
