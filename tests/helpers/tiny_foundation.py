"""A foundation encoder that needs no library, and one whose library is not there."""

import numpy as np

from gnn_sim2real.foundation import FoundationEncoder


class Tiny(FoundationEncoder):
    """Elements of a material: their mean number, with and without a square root, and the share of the heaviest."""

    name = "tiny"
    version = "1"
    licence = "none needed"
    kinds = ("molecule", "repeat_unit", "crystal")
    has_seen = "trained on nothing: it has seen neither materials nor measurements"
    layers = ("last", "first")

    def __init__(self, heaviest: int = 53):
        super().__init__(heaviest=heaviest)
        self.heaviest = heaviest
        self.num_encoded = 0

    def read(self, material, kind):
        if kind == "crystal":
            numbers = material.atomic_number.astype(float)
        else:
            from gnn_sim2real.featurize.featurizer import get_featurizer

            numbers = get_featurizer(kind).featurize(material).atomic_number.astype(float)
        if numbers.max() > self.heaviest:
            raise ValueError("a heavy element")
        return numbers

    def encode(self, prepared):
        self.num_encoded += len(prepared)
        last = [[np.sqrt(each).mean(), (each == each.max()).mean(), each.mean()] for each in prepared]
        return {"last": np.array(last, np.float32), "first": np.array(last, np.float32)[:, :1]}


class NotInstalled(Tiny):
    """Its library does not exist."""

    name = "not_installed"
    distributions = ("gnn-sim2real-no-such-library",)
    extra = "foundation-crystal"


class Named(str):
    """The name of an encoder, with which this module is imported where it arrives, as a worker process has to."""

    __slots__ = ()
