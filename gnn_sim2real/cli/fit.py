"""`gnn-sim2real fit`."""

from collections.abc import Sequence

from gnn_sim2real.cli._stage import Stage


class _Fit(Stage):
    """`fit`, which with `--kfold` trains a model for each fold."""

    def __call__(self, name: str, argv: Sequence[str]) -> int:
        """Run it, and return the exit code.

        Raises:
            ValueError: If the number of folds is not one.
        """
        from gnn_sim2real.config.options import take_option

        folds, others = take_option(argv, "--kfold")
        if folds is None:
            return super().__call__(name, argv)
        output, others = take_option(others, "--kfold_output")
        if not folds.isdecimal() or int(folds) < 2:
            raise ValueError(f"`--kfold` is the number of folds, at least 2, got {folds!r}")
        from gnn_sim2real.cli._kfold import fit_folds

        given = [each for each in others if each != "--overwrite"]
        return fit_folds(given, int(folds), output or "kfold", overwrite=len(given) < len(others))


COMMAND = _Fit("one model", "train: pretrain on simulated materials, or fine-tune on measured ones")
