"""Tables of others -> typed tables, by decisions that can be repeated: cells as text, then types, then roles."""

from automl_explain._lazy import attach

__getattr__, __dir__ = attach(
    __name__,
    {
        "ColumnForm": "._forms",
        "Note": "._notes",
        "TableRecipe": "._recipe",
        "TextTable": "._text_table",
        "TypeOptions": "._options",
    },
)
