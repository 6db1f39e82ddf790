"""One pretrained model for all tests of fine-tuning."""

import pytest
from tiny import save_source


@pytest.fixture(scope="session")
def source_folder(tmp_path_factory):
    return save_source(tmp_path_factory.mktemp("models") / "source")
