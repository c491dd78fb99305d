#!/usr/bin/env python3
"""Renders chat templates with Python's jinja2, set up as the transformers library does, for Ponder's suite to compare with.

    oracle/bin/pip install jinja2
    oracle/bin/python tests/oracle/templates_against_jinja.py CASES.json FILE.jinja ...
    PONDER_TEMPLATE_CASES=CASES.json cargo test --test suite templates_of_the_oracle -- --nocapture

llama-cpp-python's source distribution has seventy templates as vendor/llama.cpp/models/templates/*.jinja. Each is rendered with short
and long conversations, with and without a system message, with tools, calls and results, with thinking on and off. Where jinja2 fails,
or the template refuses the conversation, Ponder must fail too. Nothing here is needed to build, run or test Ponder.
"""
import datetime
import json
import pathlib
import sys

import jinja2
import jinja2.ext
import jinja2.sandbox

NOW = datetime.datetime(2024, 12, 31, 23, 59, 58)


class Generation(jinja2.ext.Extension):
    """`{% generation %}` marks what is trained on, and writes its body."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def environment():
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env.filters["tojson"] = tojson
    # jinja2 would escape as HTML whatever is added to a text marked safe, which no model was trained on
    env.filters["safe"] = str
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda format: NOW.strftime(format)
    return env


USER = {"role": "user", "content": "What is 2 + 2?\nSay \"it\" in <b>one</b> word — ünïcode 👍."}
SYSTEM = {"role": "system", "content": "Be brief.\n  Be kind."}
ANSWER = {"role": "assistant", "content": "<think>\nTwo and two.\n</think>\n\nFour"}
MORE = {"role": "user", "content": "And 3 + 3?"}
TOOLS = [
    {"type": "function", "function": {"name": "weather", "description": "Tells the weather.", "parameters": {
        "type": "object", "properties": {"city": {"type": "string", "description": "Where"}, "days": {"type": "integer", "enum": [1, 2]},
                                         "units": {"type": "array", "items": {"type": "string"}}}, "required": ["city"]}}},
    {"type": "function", "function": {"name": "now", "description": "Tells the time.", "parameters": {"type": "object", "properties": {}}}},
]
CALL = {"role": "assistant", "content": "", "tool_calls": [
    {"id": "abcdefghi", "type": "function", "function": {"name": "weather", "arguments": {"city": "Köln", "days": 2, "units": ["°C", "%"]}}}]}
RESULT = {"role": "tool", "tool_call_id": "abcdefghi", "name": "weather", "content": "{\"rain\": true}"}
CONVERSATIONS = {
    "user": ([USER], None, {}),
    "system": ([SYSTEM, USER], None, {}),
    "turns": ([USER, ANSWER, MORE], None, {}),
    "system and turns": ([SYSTEM, USER, ANSWER, MORE], None, {}),
    "no answer asked": ([SYSTEM, USER, ANSWER], None, {"add_generation_prompt": False}),
    "thinking": ([SYSTEM, USER, ANSWER, MORE], None, {"enable_thinking": True}),
    "no thinking": ([USER], None, {"enable_thinking": False}),
    "tools": ([USER], TOOLS, {}),
    "tools and system": ([SYSTEM, USER], TOOLS, {}),
    "call": ([SYSTEM, USER, CALL, RESULT], TOOLS, {}),
    "call and turns": ([USER, CALL, RESULT, {"role": "assistant", "content": "Rain."}, MORE], TOOLS, {}),
    "reasoning": ([USER, {"role": "assistant", "content": "Four", "reasoning_content": "Two and two."}, MORE], None, {}),
    "nobody": ([], None, {}),
    "assistant first": ([{"role": "assistant", "content": "Hi"}, USER], None, {}),
    "two users": ([USER, MORE], None, {}),
}


def main():
    out, *files = sys.argv[1:]
    cases = []
    for file in map(pathlib.Path, files):
        source = file.read_text()
        for name, (messages, tools, variables) in CONVERSATIONS.items():
            values = {"add_generation_prompt": True, **variables}
            case = {"name": f"{file.stem}: {name}", "source": source, "messages": json.dumps(messages), "tools": json.dumps(tools) if tools else None, "variables": values}
            try:
                case["expected"] = environment().from_string(source).render(messages=json.loads(json.dumps(messages)), tools=tools, documents=None, bos_token="<s>", eos_token="</s>", **values)
            except Exception as error:
                case["error"] = f"{type(error).__name__}: {error}"
            cases.append(case)
    pathlib.Path(out).write_text(json.dumps(cases))
    print(len(cases), "cases,", sum("error" in case for case in cases), "of which fail")


if __name__ == "__main__":
    main()
