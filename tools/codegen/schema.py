"""Reads the schema notation of protocol/schemas into plain objects.

A line that is not indented opens a message; deeper lines are its fields, and
deeper still the fields of the struct that the line above names:

    request FetchRequest key 1 versions 0-18 flexible 12+ listeners broker
      ReplicaState: ReplicaState 15+ tag 1 in 15+
        ReplicaId: int32 15+ default -1
"""

from dataclasses import dataclass, field

OPEN_END = 127  # the last version of "3+"

SCALARS = ("bool", "int8", "int16", "uint16", "int32", "uint32", "int64",
           "float64", "uuid", "string", "bytes", "records")

KINDS = {
    "request": "MESSAGE_REQUEST",
    "response": "MESSAGE_RESPONSE",
    "header": "MESSAGE_HEADER",
    "data": "MESSAGE_DATA",
    "metadata": "MESSAGE_RECORD",
    "coordinator-key": "MESSAGE_RECORD",
    "coordinator-value": "MESSAGE_RECORD",
}


class SchemaError(Exception):
    """A schema that says something this generator does not understand."""


@dataclass(frozen=True)
class Versions:
    """A range of versions, both ends included; empty when first > last."""
    first: int
    last: int

    @staticmethod
    def parse(text):
        if text == "none":
            return NO_VERSIONS
        if text.endswith("+"):
            return Versions(int(text[:-1]), OPEN_END)
        first, _, last = text.partition("-")
        return Versions(int(first), int(last or first))

    def __contains__(self, version):
        return self.first <= version <= self.last

    def intersect(self, other):
        return Versions(max(self.first, other.first), min(self.last, other.last))

    def __iter__(self):
        return iter(range(self.first, self.last + 1))


NO_VERSIONS = Versions(1, 0)


@dataclass
class Field:
    name: str
    type: str  # without []: one of SCALARS, or the name of `fields`' struct
    is_array: bool
    versions: Versions
    nullable: Versions = NO_VERSIONS
    tag: int = -1
    default: str = None
    ignorable: bool = False
    compact: bool = True  # False: never in the compact form ("flexible none")
    fields: list = field(default_factory=list)

    @property
    def is_struct(self):
        return self.type not in SCALARS

    @property
    def is_pointer(self):
        """A single struct that may be null."""
        return self.is_struct and not self.is_array and self.nullable != NO_VERSIONS

    @property
    def default_is_null(self):
        return self.default == "null" or (self.type == "records"
                                          and not self.is_array)


@dataclass
class Message:
    kind: str  # the first word of its line
    name: str
    key: int
    versions: Versions
    flexible: Versions
    latest_unstable: bool
    fields: list = field(default_factory=list)


def parse_message(line):
    words = line.split()
    message = Message(kind=words[0], name=words[1], key=-1, versions=NO_VERSIONS,
                      flexible=NO_VERSIONS, latest_unstable=False)
    if message.kind not in KINDS:
        raise SchemaError(f"unknown kind of message: {line}")
    rest = words[2:]
    while rest:
        word = rest.pop(0)
        if word == "key":
            message.key = int(rest.pop(0))
        elif word == "versions":
            message.versions = Versions.parse(rest.pop(0))
        elif word == "flexible":
            message.flexible = Versions.parse(rest.pop(0))
        elif word == "latest-unstable":
            message.latest_unstable = True
        elif word == "listeners":
            rest.pop(0)
        else:
            raise SchemaError(f"unknown word '{word}': {line}")
    return message


def parse_field(line):
    name, _, rest = line.partition(": ")
    words = rest.split()
    type_ = words.pop(0)
    is_array = type_.startswith("[]")
    result = Field(name=name, type=type_.removeprefix("[]"), is_array=is_array,
                   versions=Versions.parse(words.pop(0)))
    while words:
        word = words.pop(0)
        if word == "nullable":
            result.nullable = Versions.parse(words.pop(0))
        elif word == "tag":
            result.tag = int(words.pop(0))
            words.pop(0)  # "in"
            # A field that has a tag is on the wire as a tagged field or not at
            # all, also where its line claims older versions.
            result.versions = result.versions.intersect(Versions.parse(words.pop(0)))
        elif word == "default":
            default = words.pop(0)
            # None: the schema names a default, and it is JSON's null: for Kafka's
            # generator that is as good as none, and not the same as "null".
            result.default = None if default == "None" else default
        elif word == "ignorable":
            result.ignorable = True
        elif word == "flexible":
            if words.pop(0) != "none":
                raise SchemaError(f"only 'flexible none' is known: {line}")
            result.compact = False
        elif word not in ("key", "zerocopy"):
            raise SchemaError(f"unknown word '{word}': {line}")
    return result


def check(owner, fields):
    """Refuses what the emitted C could not express."""
    for f in fields:
        where = f"{owner}.{f.name}"
        if f.is_struct != bool(f.fields):
            raise SchemaError(f"{where}: type {f.type}, with "
                              f"{len(f.fields)} fields below it")
        if f.default_is_null and not f.is_array and f.type not in (
                "string", "bytes", "records") and not f.is_pointer:
            raise SchemaError(f"{where}: a {f.type} cannot be null")
        if f.is_pointer and not f.default_is_null and f.tag < 0:
            raise SchemaError(f"{where}: a nullable struct must default to null")
        if f.default not in (None, "null") and (f.is_array or f.is_struct
                or f.type in ("string", "bytes", "records", "uuid", "float64")):
            raise SchemaError(f"{where}: default {f.default} of a {f.type}")
        check(where, f.fields)


def parse_file(path):
    messages = []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            line = line.rstrip("\n")
            if not line.strip() or line.startswith("#"):
                continue
            try:
                if not line.startswith(" "):
                    messages.append(parse_message(line))
                    stack = [messages[-1].fields]  # the list of each level
                    continue
                level = (len(line) - len(line.lstrip(" "))) // 2
                if level > len(stack):
                    raise SchemaError("indented too deep")
                del stack[level:]
                f = parse_field(line.strip())
                stack[-1].append(f)
                stack.append(f.fields)
            except (SchemaError, ValueError, IndexError) as e:
                raise SchemaError(f"{path}:{number}: {e}") from e
    for message in messages:
        check(message.name, message.fields)
    return messages
