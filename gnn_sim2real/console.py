"""Output on the terminal: tables, progress bars, one line per message, without the noise of libraries."""

import logging
import os
import time
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

Item = TypeVar("Item")
logger = logging.getLogger(__name__)

_WIDTH_OF_A_FILE = 120
_EVERY = 30.0
"""Time between two lines on how far a work is, where no bar can be shown [s]."""
_EXPECTED_WARNINGS = (
    "The number of training batches",  # small data sets
    "Found .* in eval mode",  # frozen layers
    "The dirpath has changed",  # a test has its own folder
    "The '.*_dataloader' does not have many workers",  # batches are gathered, not computed
    "Starting from v1.9.0, `tensorboardX` has been removed",
    "`isinstance.treespec, LeafSpec.` is deprecated",  # between Lightning and torch
    "Precision .* is not supported by the model summary",
    "The `srun` command is available on your system but is not used",
    "Couldn't infer the batch indices",  # PredictionWriter keeps the order itself
)


def open_console() -> "Console":
    """The console on stdout: as wide as the terminal, or wide enough for tables if the output goes to a file."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal or "COLUMNS" in os.environ else Console(width=_WIDTH_OF_A_FILE)


def track(items: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
    """Iterate with a progress bar on a terminal, which vanishes when done; elsewhere with a line now and then.

    Args:
        items: What to iterate over.
        description: Text beside the bar.
        total: Number of items, if `items` has no length.
    """
    from rich.console import Console
    from rich.progress import track as rich_track

    console = Console(stderr=True)
    count = len(items) if total is None and isinstance(items, Sized) else total
    if not console.is_terminal:  # rich would count each item all the same, and there may be millions
        return _with_lines(items, description, count)
    return iter(rich_track(items, description, count, console=console, transient=True))


def _with_lines(items: Iterable[Item], description: str, count: int | None) -> Iterator[Item]:
    tell, of = at_times(), "" if count is None else f" of {count:,}"
    for number, item in enumerate(items):
        tell(description, f"{number:,}{of}")
        yield item


def at_times(every: float = _EVERY, clock: Callable[[], float] = time.monotonic) -> Callable[[str, str], None]:
    """Make a function that logs what is done and how far it is, but only now and then; the first time after a while.

    Args:
        every: Time between two lines [s].
        clock: Tells the seconds.
    """
    last = clock()

    def tell(description: str, how_far: str) -> None:
        nonlocal last
        if clock() - last >= every:
            logger.info("%s: %s", description, how_far)
            last = clock()

    return tell


@contextmanager
def busy(description: str) -> Iterator[None]:
    """Show on a terminal that work goes on, and for how long already; it vanishes when done.

    Args:
        description: What is done.
    """
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        progress.add_task(visible(description), total=None)
        yield


def visible(text: str) -> str:
    """Text from elsewhere, such as a foreign card, with escapes for what would steer a terminal rather than be seen.

    Args:
        text: The text; its lines and tabs stay.
    """
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() or each in "\n\t" or unicodedata.category(each) == "Zs" else _escape(each)
        for each in text
    )


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape", "surrogatepass").decode()


class _Visible(logging.Formatter):
    """One line per message, without control characters."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


def set_up_logging() -> None:
    """Log one line per message to stderr; of libraries only warnings."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Visible("%(levelname)s: %(message)s"))
    for name in ("gnn_sim2real", "datamodules"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.handlers = [handler]


def quiet_lightning() -> None:
    """Silence Lightning's notices and its warnings about intended behavior; call this after importing it."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("lightning.pytorch.profilers").setLevel(logging.INFO)  # their reports are asked for
    for message in _EXPECTED_WARNINGS:
        warnings.filterwarnings("ignore", message)


@contextmanager
def quiet_tasks() -> Iterator[None]:
    """Silence what each training logs: nobody reads it for hundreds of trainings, and the report says it of all."""
    tasks = ("gnn_sim2real.tasks", "gnn_sim2real.data.module", "gnn_sim2real.data.splitting")
    quiet = {"gnn_sim2real.store.vocabulary": logging.ERROR, **dict.fromkeys(tasks, logging.WARNING)}
    before = {name: logging.getLogger(name).level for name in quiet}
    try:
        for name, level in quiet.items():
            logging.getLogger(name).setLevel(level)
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
