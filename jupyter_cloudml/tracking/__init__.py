"""One MLflow run per job: the forwarder that writes it, where it is kept, and the UI that shows it."""
