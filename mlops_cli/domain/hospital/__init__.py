"""Invented patients for the example project: the truth is known, so results can be judged."""

from mlops_cli.domain.hospital.tables import HospitalTables, generate

__all__ = ["HospitalTables", "generate"]
