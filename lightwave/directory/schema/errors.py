"""What can go wrong with a definition or a value."""


class SchemaError(ValueError):
    """A definition that cannot be read, or that does not fit the others. The text is fit for the client."""


class InvalidValue(ValueError):
    """A value that its syntax or matching rule does not allow. The text never repeats the value."""
