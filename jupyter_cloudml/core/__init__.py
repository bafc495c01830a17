"""The words of the domain: specs, states, ids, resources, errors. Standard library only, Python 3.10 or newer."""
