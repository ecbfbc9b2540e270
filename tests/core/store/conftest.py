"""Both databases for every test of the store."""

from tests.databases import database_url, db, empty_url, engine, migrated_postgresql, migrated_sqlite, postgresql

__all__ = ["database_url", "db", "empty_url", "engine", "migrated_postgresql", "migrated_sqlite", "postgresql"]
