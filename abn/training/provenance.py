"""Which version of this code trains, for the model card."""

import subprocess
from pathlib import Path


def code_version() -> str:
    """The commit that is checked out, or "unknown"."""
    git = ["git", "rev-parse", "HEAD"]
    try:
        done = subprocess.run(git, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
