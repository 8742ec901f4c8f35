"""The schema of the language and its validator, made once a process.

`jsonschema.validate` judges the schema itself at each call, which takes two seconds;
`test_schema.py` does so once.
"""

import functools

import jsonschema

from ordain.config.schema import json_schema


@functools.cache
def validator():
    return jsonschema.Draft202012Validator(json_schema())
