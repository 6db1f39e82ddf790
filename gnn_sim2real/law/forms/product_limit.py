"""The product of source and target size with a limit that neither lowers.

References:
    M. Barnett (2024), https://arxiv.org/abs/2408.16947.
"""

from __future__ import annotations

from gnn_sim2real.law.forms.form import Floats, log_rates
from gnn_sim2real.law.forms.product import PRODUCT, SHARES, Product


class ProductLimit(Product):
    """E = (D n^-alpha + G) m^-beta + L."""

    name = "product_limit"
    formula = "(D n^-alpha + G) m^-beta + L"
    use = "a part of the error is lowered by neither size"
    searched = (*Product.searched, "limit_share")
    without_limit = PRODUCT

    def axes(self, span: Floats) -> list[Floats]:
        return [log_rates(14), log_rates(12), SHARES, SHARES]


PRODUCT_LIMIT = ProductLimit()
