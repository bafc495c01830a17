"""The job folder, its journals, and the registry that indexes them. All but registry, rebuild and prune is standard library only."""
