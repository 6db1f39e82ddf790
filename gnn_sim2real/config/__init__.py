"""Configurations: LightningCLI, its options, and error messages that users understand."""
