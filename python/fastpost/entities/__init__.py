"""Logits to entities, and what is done with them: tables, pages, redaction."""

from fastpost.entities.decoder import OPTIONS, EntityDecoder, Strategy
from fastpost.entities.result import Entities
from fastpost.types import TextEntities

__all__ = ["OPTIONS", "Entities", "EntityDecoder", "Strategy", "TextEntities"]
