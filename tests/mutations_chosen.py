"""The faults that `mutations.py` puts in by hand, where it draws others, and what of those changes nothing."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Chosen:
    """A fault: in a module, the only place that reads `old` becomes `new`; one of the tests named must fail."""

    name: str
    module: str
    old: str
    new: str
    tests: tuple[str, ...]


CHOSEN = (
    # An honest error of shotgun transfer
    Chosen(
        "outer folds are ranked on all training rows",
        "gnn_sim2real.shotgun.answer",
        "entries_of(cards), target, parts, settings.ranking",
        "entries_of(cards), target, [target.train for _ in parts], settings.ranking",
        ("test_every_training_starts_from_a_ranking_on_its_own_rows",),
    ),
    Chosen(
        "members learn from the rows that are left out",
        "gnn_sim2real.ensemble.stack",
        "self._fit_predict(np.delete(train, tested), train[tested])",
        "self._fit_predict(train, train[tested])",
        ("test_nothing_is_asked_about_what_it_has_learned", "test_the_honest_error_is_that_of_the_mean"),
    ),
    Chosen(
        "inner folds train on the rows of the outer fold",
        "gnn_sim2real.ensemble.stack",
        "inner[rows] = trainings.without(self._left_out | {fold})[rows]",
        "inner[rows] = trainings.without(frozenset({fold}))[rows]",
        ("test_no_step_sees_the_rows_that_it_is_tested_on",),
    ),
    Chosen(
        "a fine-tuning is trained on all training rows",
        "gnn_sim2real.shotgun.finetune",
        "target.data(view, rows, _BATCH_SIZE, seed)",
        "target.data(view, target.train, _BATCH_SIZE, seed)",
        ("test_a_training_sees_the_rows_that_it_is_given_alone",),
    ),
    Chosen(
        "a frozen model is fitted to all training rows",
        "gnn_sim2real.shotgun.networks",
        "made = make_start(self.models.load(score.key), self.target, train, probe, self.tuning.seed)",
        "made = make_start(self.models.load(score.key), self.target, self.target.train, probe, self.tuning.seed)",
        ("test_nothing_is_asked_about_what_it_has_learned",),
    ),
    Chosen(
        "an ensemble expects what members did on its own table",
        "gnn_sim2real.ensemble.skills",
        "others = [known for table, known in known_by_table.items() if table != own]",
        "others = [*known_by_table.values()]",
        ("test_the_table_that_is_judged_is_left_out",),
    ),
    Chosen(
        "a member has credit for rows that it does not answer",
        "gnn_sim2real.ensemble.weights",
        "filled[~answered, member] = times * (1 + answered.sum() ** -0.5) * best_whole[~answered]",
        "filled[~answered, member] = 0.0",
        ("test_who_answers_easy_rows_alone_is_not_preferred", "test_luck_on_a_few_rows_is_not_preferred"),
    ),
    Chosen(
        "a library's models that have seen a test material predict it",
        "gnn_sim2real.study.library_columns",
        "if each.identities and each.key not in seen",
        "if each.identities",
        ("test_a_model_that_has_seen_a_test_material_is_left_out",),
    ),
    Chosen(
        "the first color is not heard",
        "gnn_sim2real.nn.coloring",
        "layers, before, key = [], atoms, scatter_bits(1 + atoms.color)",
        "layers, before, key = [], atoms, scatter_bits(atoms.color)",
        ("test_colors_are_those_of_exact_refinement",),
    ),
    Chosen(
        "the worse members get the weight",
        "gnn_sim2real.ensemble.weights",
        "return _equally(means <= means[winner] + errors[:, winner].std() / max(len(errors) - 1, 1) ** 0.5)",
        "return _equally(means > means[winner] + errors[:, winner].std() / max(len(errors) - 1, 1) ** 0.5)",
        ("test_the_best_are_chosen_by_absolute_errors",),
    ),
    Chosen(
        "the mean gets the weight where it is beaten",
        "gnn_sim2real.ensemble.weights",
        "gain = np.abs(residuals[told, 0]) - np.abs(others)",
        "gain = np.abs(others) - np.abs(residuals[told, 0])",
        ("test_the_mean_has_its_due_on_pure_noise", "test_a_perfect_member_gets_the_weight"),
    ),
    Chosen(
        "members on tables know the tested rows",
        "gnn_sim2real.baselines.member",
        "return predict_test(self.baseline, self.inputs, self.values, train, test, seed=self.seed)",
        "values, whole = np.nan_to_num(self.values), np.arange(len(self.values))\n"
        "        return predict_test(self.baseline, self.inputs, values, whole, test, seed=self.seed)",
        (
            "test_the_honest_error_is_that_of_the_mean",
            "test_members_on_tables_see_the_rows_that_they_are_given_alone",
        ),
    ),
    Chosen(
        "a model that has seen the test part is asked",
        "gnn_sim2real.shotgun.models",
        "return len(library.identities(card.key) & asked) if card.identities else 0",
        "return 0",
        ("test_a_model_that_has_seen_the_test_part_is_skipped",),
    ),
    # No test material in the source
    Chosen(
        "the source is cleaned of the test part of split 0",
        "gnn_sim2real.study.resolve",
        "target.variant(split=point.split)",
        "target",
        ("test_the_source_of_each_split_lacks_the_test_part_of_that_split",),
    ),
    Chosen(
        "splits share the source of the first one",
        "gnn_sim2real.study.resolve",
        "point.growth, self._source_split(point))",
        "point.growth)",
        ("test_the_source_of_each_split_lacks_the_test_part_of_that_split",),
    ),
    Chosen(
        "the kept configuration excludes the test part of split 0",
        "gnn_sim2real.study.resolve",
        "self.finetune.plain_data(split=job.point.split)",
        "self.finetune.plain_data()",
        ("test_the_kept_configuration_of_a_model_excludes_the_split_of_its_point",),
    ),
    Chosen(
        "of several targets only the first is removed",
        "gnn_sim2real.data.module",
        "each.splitter.test_groups for each in self.excluded)",
        "each.splitter.test_groups for each in self.excluded[:1])",
        ("test_the_test_materials_of_several_targets_are_removed",),
    ),
    Chosen(
        "materials are removed by their spelling",
        "gnn_sim2real.data.module",
        "[group in removed for group in self.table.groups]",
        "[group in removed for group in self.table.materials]",
        ("test_respelled_materials_are_removed_too",),
    ),
    Chosen(
        "what was removed is missing in the key",
        "gnn_sim2real.data.module",
        "if settings.excluded:\n            removed = ",
        "if False:\n            removed = ",
        ("test_the_key_says_what_trains_and_tests",),
    ),
    Chosen(
        "a polymer written backwards is another one",
        "gnn_sim2real.featurize.identity",
        "for word in (forward, backward)",
        "for word in (forward,)",
        ("test_spellings_of_one_polymer",),
    ),
    Chosen(
        "validation materials are not among those seen",
        "gnn_sim2real.data.module",
        "used = np.concatenate([self.parts.train, self.parts.validation]).tolist()",
        "used = self.parts.train.tolist()",
        ("test_identities_are_those_of_the_materials_seen_and_shared_by_models",),
    ),
    Chosen(
        "of a source for all splits only the test part is removed",
        "gnn_sim2real.data.module",
        'whole = self.remove == "all"',
        "whole = False",
        ("test_all_materials_of_the_target_can_be_removed",),
    ),
    # Splits and subsets
    Chosen(
        "every seed gets one source subset",
        "gnn_sim2real.study.resolve",
        'size=point.source_size or "all", seed=point.seed)',
        'size=point.source_size or "all")',
        ("test_every_seed_has_a_subset_of_its_own",),
    ),
    Chosen(
        "every seed of a library gets one source subset",
        "gnn_sim2real.study.pretrainings",
        "size=point.source_size, seed=point.seed)",
        "size=point.source_size)",
        ("test_what_is_built_and_what_is_held_out",),
    ),
    Chosen(
        "subsets are not nested",
        "gnn_sim2real.splits.parts",
        "np.random.default_rng(seeds).permutation(pool)[:size]",
        "np.random.default_rng([*seeds, size]).permutation(pool)[:size]",
        ("test_subsets_of_one_seed_are_nested",),
    ),
    Chosen(
        "the test part depends on the seed",
        "gnn_sim2real.splits.random",
        "divmod(drawing.split, num_folds)",
        "divmod(drawing.split + drawing.seed, num_folds)",
        ("test_the_test_part_depends_on_the_split_alone",),
    ),
    Chosen(
        "development materials are tested",
        "gnn_sim2real.splits.random",
        "np.setdiff1d(np.arange(len(names)), development_rows(names, development_fraction))",
        "np.arange(len(names))",
        ("test_development_materials_are_never_tested_but_used",),
    ),
    Chosen(
        "a group of the tail stands on both sides",
        "gnn_sim2real.splits.tails",
        "pool[~np.isin(group_of_row[pool], group_of_row[test])]",
        "np.setdiff1d(pool, test)",
        ("test_tested_values_lie_beyond_those_of_training",),
    ),
    Chosen(
        "an altered split file is read",
        "gnn_sim2real.splits.file",
        'if content.pop("hash", None) != _hash(content):',
        'if content.pop("hash", None) is None:',
        ("test_files_that_do_not_fit",),
    ),
    Chosen(
        "the recalibration is found on the test part",
        "gnn_sim2real.cli._models",
        'for part in ("validation", "test"))',
        'for part in ("test", "test"))',
        ("test_calibration_uses_the_validation_part_alone",),
    ),
    Chosen(
        "variants with another cost share their rows",
        "gnn_sim2real.data.acquisition",
        "key = (settings.grow_by, settings.cost, settings.diversity_model,",
        "key = (settings.grow_by, settings.diversity_model,",
        ("test_another_cost_gives_other_rows",),
    ),
    Chosen(
        "a variant takes what is not a setting",
        "gnn_sim2real.data.module",
        "- shared - settings_of(type(self))):",
        "- shared - settings_of(type(self)) - changes.keys()):",
        ("test_what_is_not_a_setting_is_refused",),
    ),
    # Numbers
    Chosen(
        "a wrong D of the saturating form",
        "gnn_sim2real.law.forms.saturating",
        "smallest[0] ** rate * (1.0 + np.exp(rate * onset))",
        "smallest[0] ** rate * np.exp(rate * onset)",
        ("test_beyond_the_limit_the_error_falls_as_d_n_to_the_minus_alpha",),
    ),
    Chosen(
        "the search for neighbors ends one shell early",
        "gnn_sim2real.featurize.crystal",
        "whole = reach <= radius",
        "whole = reach <= radius + SHELL_TOLERANCE",
        ("test_no_sphere_that_is_searched_cuts_through_a_shell",),
    ),
    Chosen(
        "an energy passes for an energy per atom",
        "gnn_sim2real.units",
        '"atom = [number_of_atoms]"',
        '"atom = count"',
        ("test_other_quantities_are_refused_and_the_accepted_ones_named",),
    ),
    Chosen(
        "units of the file are converted the wrong way round",
        "gnn_sim2real.tables.cleaning",
        "convert(numbers, file_unit, prop.unit)",
        "convert(numbers, prop.unit, file_unit)",
        ("test_columns_and_units_of_the_file_are_converted_before_the_bounds",),
    ),
    Chosen(
        "targets are scaled by all parts",
        "gnn_sim2real.tasks.pretrain",
        'self.data.part("train").present_targets',
        "self.data.data_set.targets",
        ("test_scales_are_those_of_the_training_part",),
    ),
    Chosen(
        "a training ends with its worst weights",
        "gnn_sim2real.tasks.weights",
        "float(trainer.callback_metrics[MONITOR]) < self.loss:",
        "float(trainer.callback_metrics[MONITOR]) > self.loss or not self.weights:",
        ("test_a_training_ends_with_the_weights_of_the_lowest_validation_loss",),
    ),
    Chosen(
        "a frozen encoder moves",
        "gnn_sim2real.tasks.transfer",
        "part.requires_grad_(False)",
        "part.requires_grad_(True)",
        ("test_policy_encoder_moves_the_head_and_not_one_bit_of_the_encoder",),
    ),
    Chosen(
        "gradual unfreezing starts at the input",
        "gnn_sim2real.tasks.policies.gradual",
        "layers[: max(0, len(layers) - epoch // self.unfreeze_every)]",
        "layers[min(len(layers), epoch // self.unfreeze_every) :]",
        ("test_gradual_gives_the_layers_back_from_the_output_to_the_input",),
    ),
    Chosen(
        "L2-SP holds weights at zero",
        "gnn_sim2real.tasks.policies.l2_sp",
        "(weights[name] - start).square()",
        "weights[name].square()",
        ("test_the_price_of_leaving_the_start_keeps_the_weights_near",),
    ),
    # Keys, records, counts
    Chosen(
        "the cost of a growth is missing in the key",
        "gnn_sim2real.splits.acquisition.cheapest",
        'return {"cost": candidates.cost}',
        "return {}",
        ("test_another_cost_is_another_source",),
    ),
    Chosen(
        "the seed of a training is missing in the key",
        "gnn_sim2real.records.keys",
        '"seed": config.get("seed_everything"),',
        '"seed": None,',
        ("test_what_changes_a_number_is_in_the_key",),
    ),
    Chosen(
        "a class that has moved gives records another key",
        "gnn_sim2real.records.keys",
        '{"class_path": first_paths(content["class_path"]), ',
        '{"class_path": content["class_path"], ',
        ("test_a_configuration_has_the_key_of_version_0_1",),
    ),
    Chosen(
        "a policy of another name gives records another key",
        "gnn_sim2real.renamed",
        "return _FIRST_POLICIES.get(name, name)",
        "return name",
        ("test_the_keys_are_those_of_before",),
    ),
    Chosen(
        "W&B is part of the key",
        "gnn_sim2real.records.keys",
        '    "accelerator",\n',
        '    "accelerator",\n    "logger",\n',
        ("test_what_cannot_change_a_number_is_not_in_the_key",),
    ),
    Chosen(
        "spellings stand in records",
        "gnn_sim2real.data.data_set",
        "names = [identity_hash(self.table.identities[row]) for row in rows]",
        "names = [self.table.identities[row] for row in rows]",
        ("test_no_spelling_and_no_value_leaves_in_a_record",),
    ),
    Chosen(
        "refused values are not counted",
        "gnn_sim2real.tables.cleaning",
        "for row, reason in column.refused.items() if row not in refused]",
        "for row, reason in column.refused.items() if row in refused]",
        ("test_every_refusal_has_a_row_as_a_person_counts_and_a_reason",),
    ),
    Chosen(
        "rows that were refused are not counted as read",
        "gnn_sim2real.tables.cleaning",
        "num_rows_read=len(codes)",
        "num_rows_read=int((codes >= 0).sum())",
        ("test_summary_counts_what_was_read_refused_merged_and_kept",),
    ),
    # Files of others, and of processes that stop
    Chosen(
        "a checkpoint may run code",
        "gnn_sim2real.library.model",
        'map_location="cpu", weights_only=True)',
        'map_location="cpu", weights_only=False)',
        ("test_a_checkpoint_with_code_is_refused_and_not_run",),
    ),
    Chosen(
        "an interrupted training may run code",
        "gnn_sim2real.study.resume",
        "torch.load(self.path, weights_only=True",
        "torch.load(self.path, weights_only=False",
        ("test_a_checkpoint_with_code_is_thrown_away_and_not_run",),
    ),
    Chosen(
        "a model may import any module",
        "gnn_sim2real.nn.encoder",
        "if not trusted and module_name not in sys.modules and not _is_trusted(module_name):",
        "if False:",
        (
            "test_a_model_imports_no_module_that_nobody_asked_for",
            "test_no_format_imports_a_class_path_from_where_it_came",
        ),
    ),
    Chosen(
        "the hash of a model does not follow its content",
        "gnn_sim2real.library.content",
        "digest.update(piece)",
        "pass",
        ("test_any_changed_byte_is_found",),
    ),
    Chosen(
        "a model is loaded whatever its hash",
        "gnn_sim2real.library.model",
        "    require_own_key(folder)\n",
        "    pass\n",
        ("test_a_model_that_changes_after_it_was_loaded_is_refused", "test_an_exchanged_model_is_refused"),
    ),
    Chosen(
        "a flipped bit of a checkpoint becomes a weight",
        "gnn_sim2real.files",
        "wrong = archive.testzip()",
        "wrong = None",
        ("test_no_flipped_bit_of_a_checkpoint_gives_other_weights",),
    ),
    Chosen(
        "a changed record is read",
        "gnn_sim2real.files",
        "if given is not None and given != content_checksum(content):",
        "if False:",
        ("test_no_flipped_bit_of_a_record_or_its_errors_gives_another_number",),
    ),
    Chosen(
        "a changed snapshot is opened",
        "gnn_sim2real.databases.snapshot",
        'if found != snapshot.info["sha256"]:',
        "if False:",
        ("test_a_changed_snapshot_is_refused_whatever_its_size_and_time",),
    ),
    Chosen(
        "an archive may write anywhere",
        "gnn_sim2real.library.archive",
        "and _NAME.fullmatch(entry.name)):",
        "and entry.name):",
        ("test_nothing_but_models_comes_in",),
    ),
    Chosen(
        "files are written in place",
        "gnn_sim2real.files",
        "temporary.replace(path)",
        "path.write_bytes(temporary.read_bytes())",
        ("test_the_old_file_survives_a_failure", "test_written_whole_and_replaced"),
    ),
    Chosen(
        "files are not on the disk before the old one goes",
        "gnn_sim2real.files",
        "                os.fsync(file.fileno())\n",
        "",
        ("test_the_old_file_survives_a_failure",),
    ),
    Chosen(
        "two processes compute one job",
        "gnn_sim2real.launchers.claims",
        'with path.open("x") as file:',
        'with path.open("w") as file:',
        ("test_a_claim_that_comes_between_the_look_and_the_creation_is_left_alone",),
    ),
)

MODULES = (
    "gnn_sim2real.baselines.absolute_error_line",
    "gnn_sim2real.baselines.baseline",
    "gnn_sim2real.baselines.extra_trees",
    "gnn_sim2real.baselines.straight_line",
    "gnn_sim2real.baselines.two_step_trees",
    "gnn_sim2real.data.acquisition",
    "gnn_sim2real.data.crystals",
    "gnn_sim2real.data.data_set",
    "gnn_sim2real.data.mixtures",
    "gnn_sim2real.data.module",
    "gnn_sim2real.data.splitting",
    "gnn_sim2real.data.variants",
    "gnn_sim2real.featurize.chain",
    "gnn_sim2real.featurize.composition",
    "gnn_sim2real.featurize.crystal",
    "gnn_sim2real.featurize.identity",
    "gnn_sim2real.featurize.repeat_unit",
    "gnn_sim2real.law.bootstrap",
    "gnn_sim2real.law.drift",
    "gnn_sim2real.law.effective_data",
    "gnn_sim2real.law.forms",
    "gnn_sim2real.law.frame",
    "gnn_sim2real.law.inversion",
    "gnn_sim2real.law.least_squares",
    "gnn_sim2real.law.log_errors",
    "gnn_sim2real.law.scaling_law",
    "gnn_sim2real.law.selection",
    "gnn_sim2real.law.streams",
    "gnn_sim2real.law.surface",
    "gnn_sim2real.library.content",
    "gnn_sim2real.linear",
    "gnn_sim2real.metrics",
    "gnn_sim2real.nn.scaler",
    "gnn_sim2real.records.keys",
    "gnn_sim2real.records.laws",
    "gnn_sim2real.records.record",
    "gnn_sim2real.renamed",
    "gnn_sim2real.shotgun.answer",
    "gnn_sim2real.shotgun.folds",
    "gnn_sim2real.shotgun.library_predictions",
    "gnn_sim2real.shotgun.members",
    "gnn_sim2real.shotgun.networks",
    "gnn_sim2real.shotgun.ranking",
    "gnn_sim2real.shotgun.ridge",
    "gnn_sim2real.shotgun.scores",
    "gnn_sim2real.splits",
    "gnn_sim2real.tables.cleaning",
    "gnn_sim2real.tables.replicates",
    "gnn_sim2real.tasks.base",
    "gnn_sim2real.tasks.finetune",
    "gnn_sim2real.tasks.policies",
    "gnn_sim2real.tasks.schedule",
    "gnn_sim2real.tasks.transfer",
    "gnn_sim2real.tasks.weights",
    "gnn_sim2real.uncertainty.calibration",
    "gnn_sim2real.units",
)
"""Where faults are drawn, a folder with all in it: what the numbers of a result go through."""

EQUIVALENT = {
    "_left_vectors: eigenvalues.max -> eigenvalues.min in "
    "kept = eigenvalues > 1e-12 * np.maximum(eigenvalues.max(axis=1, keepdims=True), 1e-300)": (
        "the eigenvalues kept beyond those are of rounding, and the penalty of the ridge leaves nothing of them"
    ),
    "_reduced: math.prod(crystal.edges) < _MAX_SKEW * crystal.volume -> "
    "math.prod(crystal.edges) <= _MAX_SKEW * crystal.volume in "
    "if math.prod(crystal.edges) < _MAX_SKEW * crystal.volume:": (
        "whether the cell is reduced is a matter of speed, and no cell is as flat as the limit to the last bit"
    ),
    "Fits.turns: 1 -> 2 in high = _BEYOND[np.minimum(lowest + 1, len(_BEYOND) - 1)][:, None]": (
        "there is one minimum, and the search finds it in a wider bracket as well"
    ),
    "_open_ends: 0 -> 1 in if ends[0] in stars:": (
        "each of the two stars has one bond: if one of them is bonded to a star, it is to the other, and so is that"
    ),
}
"""Drawn faults that change nothing, with the reason."""
