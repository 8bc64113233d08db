"""What tools/codegen makes of the schemas' notation, and what it refuses."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "tools" / "codegen"))

# pylint: disable=wrong-import-position
import emit_header
from model import Model, smallest
from naming import json_key, snake
from schema import NO_VERSIONS, OPEN_END, SchemaError, Versions, parse_file


def parse(text):
    with tempfile.NamedTemporaryFile("w", suffix=".schema") as f:
        f.write(text)
        f.flush()
        return parse_file(f.name)


HEAD = "request XRequest key 1 versions 0-3 flexible 2+\n"


class Names(unittest.TestCase):
    def test_camel_case_becomes_snake_case(self):
        for name, want in (("MaxWaitMs", "max_wait_ms"), ("Enable2Pc", "enable2_pc"),
                           ("KRaftVersion", "kraft_version"), ("Default", "default_"),
                           ("V3AndBelowTopics", "v3_and_below_topics"),
                           ("HTTPPort", "http_port")):
            self.assertEqual(snake(name), want)

    def test_json_keys_begin_small(self):
        self.assertEqual(json_key("MaxWaitMs"), "maxWaitMs")


class Notation(unittest.TestCase):
    def test_a_line_opens_a_message(self):
        message, = parse("response FooResponse key 7 versions 1-4 flexible none "
                         "latest-unstable\n")
        self.assertEqual((message.kind, message.name, message.key),
                         ("response", "FooResponse", 7))
        self.assertEqual(message.versions, Versions(1, 4))
        self.assertEqual(message.flexible, NO_VERSIONS)
        self.assertTrue(message.latest_unstable)

    def test_deeper_lines_are_the_fields_of_the_struct_above(self):
        message, = parse(HEAD + "  A: []T 0+ nullable 1+ default null\n"
                                "    B: int32 0-1 default -1 ignorable\n"
                                "  C: string 3\n")
        a, c = message.fields
        self.assertTrue(a.is_array and a.is_struct and a.default_is_null)
        self.assertEqual(a.nullable, Versions(1, OPEN_END))
        self.assertEqual(a.fields[0].default, "-1")
        self.assertTrue(a.fields[0].ignorable)
        self.assertEqual(c.versions, Versions(3, 3))

    def test_a_tagged_field_exists_only_where_it_is_tagged(self):
        message, = parse(HEAD + "  A: int32 0+ tag 0 in 2+\n")
        self.assertEqual(message.fields[0].versions, Versions(2, OPEN_END))

    def test_what_is_not_understood_is_refused(self):
        for line in ("  A: int33 0+\n",             # no such type
                     "  A: int32 0+ shiny\n",       # unknown word
                     "    A: int32 0+\n",           # too deep
                     "  A: int32 0+ default null\n",
                     "  A: string 0+ default hello\n",
                     "  A: T 0+ nullable 0+\n    B: int8 0+\n",
                     "  A: int32 0+\n    B: int8 0+\n"):
            with self.assertRaises(SchemaError, msg=line):
                parse(HEAD + line)
        with self.assertRaises(SchemaError):
            parse("letter Foo key 1\n")


class Structs(unittest.TestCase):
    def test_uses_of_a_struct_must_agree(self):
        text = HEAD + "  A: []T 0+\n    B: int8 0+\n  C: []T 0+\n    B: int8 0+\n"
        self.assertEqual([s.c_name for s in Model(parse(text)).structs],
                         ["x_request_t", "x_request"])
        with self.assertRaises(SchemaError):
            Model(parse(text + "    D: int8 0+\n"))

    def test_names_and_tags_must_not_clash(self):
        for fields in ("  A: []int8 0+\n  ACount: int32 0+\n",
                       "  A: int8 0+ tag 0 in 2+\n  B: int8 0+ tag 0 in 2+\n"):
            with self.assertRaises(SchemaError, msg=fields):
                Model(parse(HEAD + fields))

    def test_tagged_fields_are_sorted(self):
        model = Model(parse(HEAD + "  A: int8 2+ tag 1 in 2+\n"
                                   "  B: int8 2+ tag 0 in 2+\n  C: int8 0+\n"))
        self.assertEqual([f.name for f in model.structs[0].tagged], ["B", "A"])
        self.assertEqual([f.name for f in model.structs[0].plain], ["C"])

    def test_the_smallest_size_is_that_of_the_leanest_version(self):
        def size(fields):
            return smallest(Model(parse(HEAD + fields)).structs[-1])
        self.assertEqual(size("  A: string 0+\n  B: int32 0+\n"), 6)  # 2 + 4, 1 + 4 + 1
        self.assertEqual(size("  A: int64 3\n  B: int32 0-1\n"), 4)
        self.assertEqual(size("  A: int8 2+ tag 0 in 2+\n"), 1)


class Emitted(unittest.TestCase):
    def test_a_struct_with_its_defaults(self):
        text = emit_header.emit(Model(parse(
            HEAD + "  MaxMs: int32 0+ default -2147483648\n  Names: []string 0+\n"
                   "  Id: string 0+ nullable 0+ default null\n  Key: string 0+\n")))
        self.assertIn("    int32_t max_ms;\n    struct str *names;\n"
                      "    int32_t names_count;\n    struct str id;\n"
                      "    struct str key;\n};", text)
        self.assertIn('{.max_ms = INT32_MIN, \\\n        .key = STR_LITERAL("")})', text)


if __name__ == "__main__":
    unittest.main()
