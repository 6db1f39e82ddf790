"""Configurations: LightningCLI and its options, and its errors in words."""
