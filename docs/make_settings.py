"""
Writes docs/settings.md from the table of settings.

    python docs/make_settings.py
"""

from __future__ import annotations

from pathlib import Path

from trialog._settings import TABLE

HEAD = """# Settings

A value is looked for in this order: the argument of `init` (or `settings={...}`), the variable `TRIALOG_<NAME>`, the
variable `WANDB_<NAME>` (not for the server's address and key), `settings.json` in the configuration folder, the
default. The configuration folder is `$TRIALOG_CONFIG_DIR`, else `$XDG_CONFIG_HOME/trialog`, else `~/.config/trialog`.

| setting | variable | default | meaning |
|---|---|---|---|
"""


def settings_page() -> str:
    """Return the page's text."""
    rows = []
    for setting in TABLE:
        default = "" if setting.default in (None, ()) else f"`{setting.default}`"
        wandb = f", `WANDB_{setting.name.upper()}`" if setting.wandb else ""
        rows.append(f"| `{setting.name}` | `{setting.variable}`{wandb} | {default} | {setting.help} |\n")
    return HEAD + "".join(rows)


if __name__ == "__main__":
    (Path(__file__).parent / "settings.md").write_text(settings_page(), encoding="utf-8")
