"""The Jupyter server extension: REST under ``cloudml/``, and changes of jobs on Jupyter's own event bus.

It holds no state: everything comes from the registry and the journals, so a server may be restarted at any time. At
server start nothing is loaded but the table of routes; the client comes with the first request.
"""
