"""The command line surface: ``jupyter cloudml VERB``."""
