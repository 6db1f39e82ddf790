"""Recipes of tables, one file each: found there by themselves, made by `gnn-sim2real data make NAME`."""
