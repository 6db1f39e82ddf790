"""The forms that a scaling law can have, one file each.

A form is found by itself: a file in this folder, or a module that an installed distribution names under the entry-point
group `gnn_sim2real.forms`, with an instance of `Form` in it. `docs/contributing/form.md` shows one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from functools import cache
from types import ModuleType
from typing import TypeVar, cast

from gnn_sim2real.law.forms.form import Floats as Floats
from gnn_sim2real.law.forms.form import Form as Form
from gnn_sim2real.law.forms.form import Parameter as Parameter
from gnn_sim2real.law.forms.form import SurfaceForm as SurfaceForm
from gnn_sim2real.plugins import import_files, import_installed

logger = logging.getLogger(__name__)

GROUP = "gnn_sim2real.forms"
"""Entry-point group: a distribution with forms names its module here."""

AnyForm = TypeVar("AnyForm", bound=Form)

_registered: dict[str, Form] = {}


def register(form: Form) -> None:
    """Add a form to those that can be named, and to those that "auto" chooses from.

    Files of this folder and of entry points need no such call; it is for notebooks and scripts.

    Args:
        form: The form. It replaces an earlier version of itself.

    Raises:
        ValueError: If its name is taken, or what it searches has no rate.
    """
    if not isinstance(form, Form) or not getattr(form, "name", "") or not hasattr(form, "searched"):
        raise ValueError(f"a form is an instance of `Form` with a `name` and what is `searched`, got {form!r}")
    if not type(form).__module__.startswith(f"{__name__}."):
        _find_own()  # or a form of the user's would take the name of one of ours
    known = _registered.get(form.name, form)
    if form.name == "auto" or _path(known) != _path(form):
        raise ValueError(f"the name {form.name!r} of the form {_path(form)} is already used; choose another")
    if len({"rate", "log_rate"} & {*form.searched}) != 1:
        raise ValueError(f"a form must search either 'rate' or 'log_rate', but {form.name!r} searches {form.searched}")
    _registered[form.name] = form


def find_form(name: str, forms: Mapping[str, AnyForm]) -> AnyForm:
    """Return a form by its name.

    Args:
        name: Its name.
        forms: The forms to choose from.

    Raises:
        ValueError: If there is no such form.
    """
    if name not in forms:
        raise ValueError(f"there is no form {name!r}; there are auto, {', '.join(forms)}")
    return forms[name]


class _Forms(Mapping[str, Form]):
    """The forms of E(n), or those of E(n, m), by name, from few parameters to many; looked for when first asked."""

    def __init__(self, *, of_surfaces: bool) -> None:
        self._of_surfaces = of_surfaces

    def __getitem__(self, name: str) -> Form:
        return self._found()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found())

    def __len__(self) -> int:
        return len(self._found())

    def _found(self) -> dict[str, Form]:
        _find_all()
        ranked = sorted(_registered.values(), key=lambda form: (form.num_parameters, form.name))
        return {form.name: form for form in ranked if isinstance(form, SurfaceForm) == self._of_surfaces}


CURVE_FORMS: Mapping[str, Form] = _Forms(of_surfaces=False)
"""Forms of E(n), from few parameters to many."""

SURFACE_FORMS = cast("Mapping[str, SurfaceForm]", _Forms(of_surfaces=True))
"""Forms of E(n, m), from few parameters to many."""


@cache
def _find_own() -> None:
    for module in import_files(__name__):
        _register_all(module)


@cache
def _find_all() -> None:
    _find_own()
    for module in import_installed(GROUP):
        try:
            _register_all(module)
        except ValueError as error:
            logger.warning("the forms of %s cannot be used: %s", module.__name__, error)


def _register_all(module: ModuleType) -> None:
    for value in vars(module).values():
        if isinstance(value, Form):
            register(value)


def _path(form: Form) -> str:
    return f"{type(form).__module__}.{type(form).__qualname__}"
