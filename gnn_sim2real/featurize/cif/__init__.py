"""Crystals from CIF: symmetry is applied, and the atoms are compared with what else the file says of them.

A CIF often names its atoms twice: by sites and symmetry, and by formula and number of formula units. Hydrogen without
coordinates, alternatives of a disordered group, symmetry that is missing or of another cell: all of them leave a
crystal that can be read and is another one. So what does not agree is refused, and what is ambiguous is taken only as
the formula has it.
"""
