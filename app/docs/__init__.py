"""The reference page: a reader of the OpenAPI document that comes whole from this process, and loads nothing else."""

from app.docs.page import install

__all__ = ["install"]
