"""Who is champion, and why."""

from mlops_cli.services.promotion.deciding import ChampionChange, approve, reject, rollback
from mlops_cli.services.promotion.judging import PromotionResult, promote

__all__ = ["ChampionChange", "PromotionResult", "approve", "promote", "reject", "rollback"]
