"""What HTML reports share: one self-contained page that needs no network, its tables and pictures."""
