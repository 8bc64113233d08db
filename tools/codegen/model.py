"""The C structs that a set of messages needs, in the order C wants them.

Within a message, a struct name stands for one struct however often it is
used, so uses that differ are an error, as are two that would share a C name.
"""

from dataclasses import dataclass

from naming import snake
from schema import SchemaError


@dataclass
class Struct:
    c_name: str
    owner: object  # the Message it belongs to
    fields: list   # in the order of the schema
    index: int
    inner: dict    # name of a struct type used here -> its Struct

    @property
    def plain(self):
        return [f for f in self.fields if f.tag < 0]

    @property
    def tagged(self):
        return sorted((f for f in self.fields if f.tag >= 0), key=lambda f: f.tag)


def check_members(c_name, fields):
    members = [snake(f.name) for f in fields]
    members += [snake(f.name) + "_count" for f in fields if f.is_array]
    tags = [f.tag for f in fields if f.tag >= 0]
    if len(set(members)) != len(members) or len(set(tags)) != len(tags):
        raise SchemaError(f"struct {c_name}: two fields share a name or a tag")


class Model:
    def __init__(self, messages):
        self.messages = sorted(messages, key=lambda m: m.name)
        self.structs = []
        self.roots = {}  # name of a message -> its Struct
        taken = set()
        for message in self.messages:
            self.roots[message.name] = self._add(
                message, snake(message.name), message.fields, {}, taken)

    def _add(self, message, c_name, fields, known, taken):
        """Adds the structs below `fields`, then their own: C wants that order."""
        if c_name in known:
            if known[c_name].fields != fields:
                raise SchemaError(f"{message.name}: struct {c_name} differs "
                                  "between its uses")
            return known[c_name]
        if c_name in taken:
            raise SchemaError(f"two structs would be called {c_name}")
        taken.add(c_name)
        check_members(c_name, fields)
        prefix = snake(message.name)
        inner = {f.type: self._add(message, f"{prefix}_{snake(f.type)}", f.fields,
                                   known, taken)
                 for f in fields if f.is_struct}
        struct = Struct(c_name, message, fields, len(self.structs), inner)
        self.structs.append(struct)
        known[c_name] = struct
        return struct


WIRE_SIZES = {"bool": 1, "int8": 1, "int16": 2, "uint16": 2, "int32": 4,
              "uint32": 4, "int64": 8, "float64": 8, "uuid": 16}


def smallest_at(struct, version):
    """The bytes that the struct takes at least in one version."""
    flexible = version in struct.owner.flexible
    size = 1 if flexible else 0  # the count of tagged fields
    for f in struct.plain:
        if version not in f.versions:
            continue
        if f.is_array or f.type in ("bytes", "records"):
            size += 1 if flexible and f.compact else 4
        elif f.type == "string":
            size += 1 if flexible and f.compact else 2
        elif f.is_struct:
            size += 1 if version in f.nullable else smallest_at(
                struct.inner[f.type], version)
        else:
            size += WIRE_SIZES[f.type]
    return size


def smallest(struct):
    """The same over all versions that give the struct any field: what bounds
    the array that a count of hostile bytes may ask for."""
    versions = [v for v in struct.owner.versions
                if any(v in f.versions for f in struct.fields)]
    return max(1, min((smallest_at(struct, v) for v in versions), default=1))
