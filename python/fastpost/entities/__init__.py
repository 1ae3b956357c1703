"""Logits to entities, and what is done with them: tables, pages, redaction."""

from fastpost.entities.decoder import OPTIONS, Entities, EntityDecoder, Strategy, TextEntities

__all__ = ["OPTIONS", "Entities", "EntityDecoder", "Strategy", "TextEntities"]
