"""Serve a sample spreadsheet: `python -m bridge_sheets.fake [PORT]` writes credentials and says what to configure."""

import sys
import threading
from datetime import date
from pathlib import Path
from typing import Final

from bridge_sheets.fake import ID, standin

_PEOPLE: Final[list[list[object]]] = [
    ["id", "name", "started", "salary", "remote"],
    [1, "Ada", date(2020, 5, 4), 5200.5, True],
    [2, "Bob", date(2021, 9, 1), 4100, False],
    [3, "Cleo", None, 4800, True],
]


def main() -> None:
    """Serve until the process is stopped."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8099
    with standin({"People": _PEOPLE}, port=port) as server:
        path = Path("stand-in-account.json")
        path.write_text(server.credentials, encoding="utf-8")
        path.chmod(0o600)
        sys.stdout.write(
            f'[resources.team]\nadapter = "google-sheets"\nurl = "{server.url}"\ncredentials = "file:{path}"\n'
            f'spreadsheets = {{ team = "{ID}" }}\n'
        )
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            path.unlink()


if __name__ == "__main__":
    main()
