"""Removes a data folder that nobody uses: `python -m app.embedded FOLDER`, for `make clean`."""

import shutil
import sys
from pathlib import Path

from app.embedded.folder import AlreadyRunning, DataFolder, EmbeddedError


def main(path: Path) -> str | None:
    """Remove a data folder unless it is in use or none of ours.

    Args:
        path: the folder; it may be missing.

    Returns:
        Why it was left alone, or nothing.
    """
    if not path.exists():
        return None
    if not (path / "lock").exists():
        return f"{path} is no data folder of Puntual: left alone."
    folder = DataFolder(path)
    try:
        folder.open()
    except (AlreadyRunning, EmbeddedError) as held:
        return f"{held} Left alone."
    # Held until it is gone, so that nobody starts in the middle.
    folder.remove_sockets()
    shutil.rmtree(folder.path)
    folder.close()
    return None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
