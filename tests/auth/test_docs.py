"""What docs/auth.md shows can be written so."""

import re
import tomllib
from pathlib import Path

from bridge_core.auth.settings import AuthSettings
from bridge_core.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "auth.md").read_text(encoding="utf-8")


def test_every_example_is_a_configuration() -> None:
    blocks = [tomllib.loads(text) for text in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)]

    assert len(blocks) == 3
    for block in blocks:
        Settings.model_validate({"path": Path("plugins.toml"), **block})


def test_every_key_that_the_text_names_exists() -> None:
    for table, key in re.findall(r"`\[+auth\.?(\w*)\]+ (\w+)", PAGE):
        fields = AuthSettings.model_fields
        if table:
            annotation = fields[table].annotation
            models = (each for each in getattr(annotation, "__args__", (annotation,)) if each is not type(None))
            fields = vars(next(models))["__pydantic_fields__"]
        assert key in fields, (table, key)
