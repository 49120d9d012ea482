"""Tables of others -> typed tables, by decisions that can be repeated: cells as text, then types, then roles."""

from automl_explain._lazy import attach

__getattr__, __dir__ = attach(
    __name__,
    {
        "ColumnForm": "._forms",
        "ColumnRole": "._roles",
        "DECISION": "._notes",
        "DETAIL": "._notes",
        "FileFormat": "._formats",
        "FileOptions": "._formats",
        "LocalFile": "._sources",
        "Note": "._notes",
        "TableRecipe": "._recipe",
        "TextTable": "._text_table",
        "TypeOptions": "._options",
        "WARNING": "._notes",
        "column_roles": "._roles",
        "estimate_size": "._sampling",
        "iter_cells": "._reading",
        "local_file": "._sources",
        "read_cells": "._reading",
        "sample_cells": "._sampling",
    },
)
