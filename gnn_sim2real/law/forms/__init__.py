"""The forms that a scaling law can have, one file each.

A form is found by itself: a file in this folder, or a module that an installed distribution names under the entry-point
group `gnn_sim2real.forms`, with an instance of `Form` in it. `docs/contributing/form.md` shows one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard, TypeVar, cast

from gnn_sim2real.law.forms.form import Floats as Floats
from gnn_sim2real.law.forms.form import Form as Form
from gnn_sim2real.law.forms.form import Parameter as Parameter
from gnn_sim2real.law.forms.form import SurfaceForm as SurfaceForm
from gnn_sim2real.plugins import Instances

AnyForm = TypeVar("AnyForm", bound=Form)


def _is_form(value: object) -> TypeGuard[Form]:
    return isinstance(value, Form)


def _check(form: object) -> None:
    if not isinstance(form, Form) or not getattr(form, "name", "") or not hasattr(form, "searched"):
        raise ValueError(f"a form is an instance of `Form` with a `name` and what is `searched`, got {form!r}")
    if form.name in ("auto", "average"):
        raise ValueError(f"the name {form.name!r} of a form is that of all of them together; choose another")
    if len({"rate", "log_rate"} & {*form.searched}) != 1:
        raise ValueError(f"a form must search either 'rate' or 'log_rate', but {form.name!r} searches {form.searched}")


def _rank(form: Form) -> Any:
    return form.num_parameters, form.name


FORMS = Instances(__name__, group="gnn_sim2real.forms", word="form", is_one=_is_form, check=_check, rank=_rank)
"""All forms by name, from few parameters to many; a distribution that brings some names its module under this group."""


def register(form: Form) -> None:
    """Add a form to those that can be named, and to those that "auto" chooses from.

    Files of this folder and of entry points need no such call; it is for notebooks and scripts.

    Args:
        form: The form. It replaces an earlier version of itself.

    Raises:
        ValueError: If its name is taken, or what it searches has no rate.
    """
    FORMS.add(form)


def find_form(name: str, forms: Mapping[str, AnyForm]) -> AnyForm:
    """Return a form by its name.

    Args:
        name: Its name.
        forms: The forms to choose from.

    Raises:
        ValueError: If there is no such form.
    """
    if name not in forms:
        raise ValueError(f"there is no form {name!r}; there are average, auto, {', '.join(forms)}")
    return forms[name]


class _Forms(Mapping[str, Form]):
    """The forms of E(n), or those of E(n, m), by name, from few parameters to many."""

    def __init__(self, *, of_surfaces: bool) -> None:
        self._of_surfaces = of_surfaces

    def __getitem__(self, name: str) -> Form:
        return self._found()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found())

    def __len__(self) -> int:
        return len(self._found())

    def _found(self) -> dict[str, Form]:
        return {name: form for name, form in FORMS.items() if isinstance(form, SurfaceForm) == self._of_surfaces}


CURVE_FORMS: Mapping[str, Form] = _Forms(of_surfaces=False)
"""Forms of E(n), from few parameters to many."""

SURFACE_FORMS = cast("Mapping[str, SurfaceForm]", _Forms(of_surfaces=True))
"""Forms of E(n, m), from few parameters to many."""
