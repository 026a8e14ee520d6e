"""What a company wants of every data source, written once."""

from .hooks import CompanyHooks

__all__ = ["CompanyHooks"]
