"""Hooks of mkdocs: the README is the home page, notebooks are in the navigation, pictures where pages look for them."""

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))
import reference_pages

ROOT = Path(__file__).parents[1]
PICTURES = "benchmarks/results"
REPOSITORY_FILE = re.compile(r"\]\((?:\.\./)*((?:benchmarks|configs|tests|gnn_sim2real|datamodules)/[^)]+)\)")


def on_config(config: Any) -> Any:
    """Put each notebook into the navigation, so that a new one is a single file."""
    pages = sorted(path.name for path in (Path(__file__).parent / "notebooks").glob("*.md"))
    for part in config.nav:
        if "Notebooks" in part:
            part["Notebooks"] = [f"notebooks/{name}" for name in pages]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the home page and the pictures of the results."""
    files.append(File.generated(config, "index.md", content=home()))
    for name, text in reference_pages.pages().items():
        files.append(File.generated(config, name, content=text))
    for path in sorted((ROOT / PICTURES).glob("*.png")):
        files.append(File.generated(config, f"pictures/{path.name}", abs_src_path=str(path)))
    return files


def home() -> str:
    """The README with links from the folder of the docs."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return text.replace("](docs/", "](")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Point links to pictures at those of the site; files that it does not have are named without a link."""
    up = "../" * page.file.src_uri.count("/")
    markdown = re.sub(rf"\]\((?:\.\./)*{PICTURES}/(\w+\.png)\)", rf"]({up}pictures/\1)", markdown)
    return re.sub(r"\[([^\]]+)" + REPOSITORY_FILE.pattern, r"`\2`", markdown)
