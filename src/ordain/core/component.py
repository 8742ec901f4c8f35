"""Components: what a user may name in a `type:` key.

A component is one class in one file: a frozen pydantic spec whose fields are the keys a user may
write, and one method that does or builds the thing. A registry holds one kind of component
(feature types, encoders, splitters ...), finds the built-in ones by importing the package they
live in, and takes others from entry points, from the modules that the environment variable
ORDAIN_PLUGINS names (separated by commas), or from ``type: my_module:MyClass``.

The smallest working component:

    @SPLITTERS.register
    class EveryTenth(Splitter):
        '''Puts each tenth row into the test set.'''

        type: Literal["every_tenth"] = "every_tenth"

        def assign(self, table): ...
"""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.metadata
import inspect
import itertools
import json
import os
import pkgutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationInfo,
)
from pydantic import ValidationError as PydanticValidationError
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from ordain.core.diagnostics import nearest
from ordain.core.errors import UsageError

_IS_SEALED: ContextVar[bool] = ContextVar("is_sealed", default=False)


@contextmanager
def sealed() -> Iterator[None]:
    """Refuse ``module:Class`` in every registry while it lasts, for documents not to be trusted.

    Components that are built in, installed, or named by ORDAIN_PLUGINS are found by plain name.
    """
    token = _IS_SEALED.set(True)
    try:
        yield
    finally:
        _IS_SEALED.reset(token)


def is_sealed() -> bool:
    """Return whether what is being read or judged may not name code to import; see `sealed`."""
    return _IS_SEALED.get()


class Spec(BaseModel):
    """Part of the document: frozen, unknown keys forbidden, one description a field.

    Class attributes:
        meaningful_unset: keys that mean something else left out than at their default; a filled
            document leaves them out where the user did. Prefer a default of None.
    """

    meaningful_unset: ClassVar[frozenset[str]] = frozenset()

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=False,
        allow_inf_nan=False,
        # Most components that are imported are never read: validators are built when used.
        defer_build=True,
        protected_namespaces=(),
    )

    @classmethod
    def field_descriptions(cls) -> dict[str, str]:
        """Return the docstring under each field, those of base classes included.

        Read from the source when asked for: pydantic's own way reads it at each import, which
        takes as long as all other imports together.
        """
        found: dict[str, str] = {}
        for base in reversed(cls.__mro__):
            if issubclass(base, BaseModel) and base is not BaseModel:
                found |= _docstrings(base.__module__).get(base.__qualname__, {})
        return {name: text for name, text in found.items() if name in cls.model_fields}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return pydantic's schema with the descriptions of the fields."""
        made = handler(schema)
        properties = handler.resolve_ref_schema(made).get("properties", {})
        for name, text in cls.field_descriptions().items():
            if name in properties:
                properties[name].setdefault("description", text)
        return made


class Component(Spec):
    """A spec with a `type` that a registry knows it by.

    Class attributes:
        aliases: other names read as this one, such as those of Ludwig.
        version: semantic version of what the component computes. Raise it when the same spec and
            input give another
            output: cached artefacts of the older version are then not reused.
    """

    type: str
    aliases: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 1

    @classmethod
    def type_name(cls) -> str:
        """Return the name a user writes."""
        return str(cls.model_fields["type"].default)


C = TypeVar("C", bound=Component)


class Registry(Generic[C]):
    """All components of one kind, by type name.

    Args:
        kind: singular noun for messages, such as ``encoder``.
        base: class every component derives from.
        package: where the built-in ones live; its modules are imported at the first look-up.
    """

    def __init__(self, kind: str, base: type[C], *, package: str) -> None:
        self.kind = kind
        self.base = base
        self._package = package
        self._classes: dict[str, type[C]] = {}
        self._aliases: dict[str, str] = {}
        self._lock = threading.RLock()
        self._is_discovered = False

    def register(self, cls: type[C]) -> type[C]:
        """Add a class under its type name and aliases; a decorator.

        Raises:
            UsageError: another class has the name.
        """
        for name in (cls.type_name(), *cls.aliases):
            known = self._classes.get(self._aliases.get(name, name))
            if known is not None and known.__qualname__ != cls.__qualname__:
                raise UsageError(
                    f"two {self.kind}s are named '{name}': {known.__module__}.{known.__qualname__} "
                    f"and {cls.__module__}.{cls.__qualname__}; rename one"
                )
        self._classes[cls.type_name()] = cls
        self._aliases.update({alias: cls.type_name() for alias in cls.aliases})
        return cls

    def get(self, name: str) -> type[C]:
        """Return the class of a type name, an alias, or ``module:Class``.

        Raises:
            UsageError: no such component; the message has the nearest name and all names. Or
                ``module:Class`` while `sealed`.
        """
        if ":" in name:
            return self._import(name)
        if not self._is_at_hand(name):
            self._discover()
        found = self._classes.get(self._aliases.get(name, name))
        if found is None:
            close = nearest(name, [*self._classes, *self._aliases])
            hint = f" Did you mean '{close}'?" if close else ""
            raise UsageError(
                f"unknown {self.kind} '{name}'.{hint} Known: {', '.join(self.names())}."
            )
        return found

    def names(self) -> tuple[str, ...]:
        """Return all type names, sorted, without aliases."""
        self._discover()
        return tuple(sorted(self._classes))

    def aliases(self) -> dict[str, str]:
        """Return alias to type name."""
        self._discover()
        return dict(self._aliases)

    def has(self, name: str) -> bool:
        """Return whether a type name or alias is known; ``module:Class`` is not tried."""
        if self._is_at_hand(name):
            return True
        self._discover()
        return name in self._classes or name in self._aliases

    def build(self, value: C | str | Mapping[str, Any]) -> C:
        """Return the component a user wrote, as name, mapping with `type`, or object.

        Raises:
            UsageError: the name is unknown.
            pydantic.ValidationError: a key of the component is wrong.
        """
        if isinstance(value, self.base):
            return value
        keys: dict[str, Any] = {"type": value} if isinstance(value, str) else dict(value)
        cls = self.get(str(keys.get("type")))
        return cls.model_validate({**keys, "type": cls.type_name()})

    def _is_at_hand(self, name: str) -> bool:
        """Return whether a name is known without importing every component of the kind.

        A component mostly stands in the module of its name, so that module alone is tried.
        """
        with self._lock:
            if name not in self._classes and not self._is_discovered and name.isidentifier():
                module = f"{self._package}.{name}"
                try:
                    importlib.import_module(module)
                except ModuleNotFoundError as error:
                    if error.name != module:
                        raise
            return name in self._classes or name in self._aliases

    def _discover(self) -> None:
        with self._lock:
            if self._is_discovered:
                return
            package = importlib.import_module(self._package)
            for module in pkgutil.iter_modules(getattr(package, "__path__", [])):
                if not module.ispkg:
                    importlib.import_module(f"{self._package}.{module.name}")
            for point in _entry_points().select(group=f"ordain.{self.kind}s"):
                point.load()
            # Set before: a plugin may look up other components while it is imported.
            self._is_discovered = True
            _import_plugins()

    def _import(self, name: str) -> type[C]:
        if _IS_SEALED.get():
            raise UsageError(
                f"{self.kind} '{name}' names a module, which a sealed document may not: "
                f"reading it must not import what it says"
            )
        module_name, _, class_name = name.partition(":")
        try:
            found = getattr(importlib.import_module(module_name), class_name)
        except (ImportError, AttributeError, ValueError) as error:
            raise UsageError(
                f"{self.kind} '{name}' cannot be imported: {error}. "
                f"Write `type: module:Class`, with the module on Python's path."
            ) from error
        if not (isinstance(found, type) and issubclass(found, self.base)):
            raise UsageError(f"'{name}' is not a {self.kind}: derive it from {self.base.__name__}")
        # What is written keeps the plain type name only, so that it must be known by it too.
        return self.register(found)


class OneOf:
    """Marks a pydantic field as one component of a registry.

    ``encoder: Annotated[Encoder, OneOf(lambda: ENCODERS)]`` reads a name, a mapping with `type`,
    or an object. A fault inside the component becomes a pydantic error of type ``component``
    whose context holds the inner errors, so that whoever reports it can give the full path.
    """

    def __init__(
        self, registry: Callable[[], Registry[Any]], *, default: str | None = None
    ) -> None:
        self.registry = registry
        self.default = default

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            self._validate,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda value: value.model_dump() if isinstance(value, BaseModel) else value
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        made = {"type": ["object", "string"], "x-component": self.registry().kind}
        return made if self.default is None else {**made, "x-default": self.default}

    def _validate(self, value: object, info: ValidationInfo) -> Component:
        registry = self.registry()
        if isinstance(value, registry.base):
            return value  # type: ignore[no-any-return]
        keys = {"type": value} if isinstance(value, str) else value
        if not isinstance(keys, Mapping):
            raise PydanticCustomError(
                "component_shape",
                "must be a name or a mapping with `type`",
                {"kind": registry.kind},
            )
        name = keys.get("type", self.default)
        if name is None:
            raise PydanticCustomError(
                "component_untyped", "`type` is missing", {"kind": registry.kind}
            )
        try:
            cls = registry.get(str(name))
        except UsageError as error:
            raise PydanticCustomError(
                "component_unknown",
                "{message}",
                {
                    "kind": registry.kind,
                    "name": str(name),
                    "message": error.message,
                    "names": list(registry.names()),
                },
            ) from error
        try:
            found: Component = _read(cls, {**keys, "type": cls.type_name()}, info.context)
        except PydanticValidationError as error:
            raise PydanticCustomError(
                "component",
                "{kind} '{name}' has wrong keys",
                {
                    "kind": registry.kind,
                    "name": cls.type_name(),
                    "errors": error.errors(include_url=False),
                },
            ) from error
        return found


def _read(cls: type[C], keys: dict[str, Any], context: Any) -> C:
    """Return a component; a context with `strict` reads as JSON does: no text for a number."""
    if context and context.get("strict"):
        return cls.model_validate_json(json.dumps(keys), strict=True, context=context)
    return cls.model_validate(keys)


def _import_plugins() -> None:
    """Import the modules that the user's environment names; they register their components."""
    for name in filter(None, os.environ.get("ORDAIN_PLUGINS", "").replace(" ", "").split(",")):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise UsageError(
                f"ORDAIN_PLUGINS names the module '{name}', which cannot be imported: {error}"
            ) from error


@functools.cache
def _docstrings(module: str) -> dict[str, dict[str, str]]:
    """Return class to field to docstring of a module's source; empty where there is no source."""
    try:
        source = inspect.getsource(sys.modules[module])
    except (KeyError, OSError, TypeError):
        return {}
    found: dict[str, dict[str, str]] = {}
    for node, name in _classes(ast.parse(source), ""):
        fields = found.setdefault(name, {})
        for statement, following in itertools.pairwise(node.body):
            if (
                isinstance(statement, ast.AnnAssign)
                and isinstance(statement.target, ast.Name)
                and isinstance(following, ast.Expr)
                and isinstance(following.value, ast.Constant)
                and isinstance(following.value.value, str)
            ):
                fields[statement.target.id] = inspect.cleandoc(following.value.value)
    return found


def _classes(tree: ast.AST, prefix: str) -> Iterator[tuple[ast.ClassDef, str]]:
    """Yield every class of a module with its qualified name."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield node, prefix + node.name
            yield from _classes(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            yield from _classes(node, f"{prefix}{node.name}.<locals>.")


@functools.cache
def _entry_points() -> Any:
    """Return the entry points of all installed packages; reading them takes a while."""
    return importlib.metadata.entry_points()
