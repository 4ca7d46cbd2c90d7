"""How large a document may be. Each limit is far above what real stacks need."""

from typing import Final

SETTINGS_BYTES_MAX: Final = 1024 * 1024
"""Largest YAML file that is read (bytes). The settings of the shipped stacks have 6 kB."""

DOCUMENT_BYTES_MAX: Final = 64 * 1024 * 1024
"""Largest JSON document that is read (bytes). A resource takes 3 kB of a state."""

DEPTH_MAX: Final = 64
"""Deepest nesting of lists and mappings (levels). A state of ours has 16."""

YAML_VALUES_MAX: Final = 50_000
"""Most values of a YAML file once its aliases are written out (values)."""

YAML_TEXT_MAX: Final = 4 * 1024 * 1024
"""Most text of a YAML file once its aliases are written out (characters)."""

JSON_VALUES_MAX: Final = 2_000_000
"""Most values of a JSON document (values)."""

NUMBER_CHARACTERS_MAX: Final = 100
"""Longest number (characters). Python refuses to print whole numbers of more than 4300 digits."""

PROBLEMS_MAX: Final = 20
"""Problems of one document that are named; the others are counted."""

SHOWN_CHARACTERS_MAX: Final = 60
"""Longest value that a message repeats (characters)."""
