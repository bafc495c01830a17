"""A notebook cell runs anywhere as if it ran here.

Importing this package loads no SDK, no torch and no mlflow: every public name is resolved on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
