"""A small library, made once a module, and a copy of it that a test may change."""

import pytest
from libraries import copy_library, make_library


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_library(tmp_path_factory.mktemp("library"))[0]


@pytest.fixture
def library(made, tmp_path):
    return copy_library(made, tmp_path / "own")
