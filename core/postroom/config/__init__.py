"""The configuration: its types and sections (pydantic), and reading it from YAML with all problems told at once."""
