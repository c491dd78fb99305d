//! Chat templates: what they render, held against Python's jinja2, and what they may not do.

use std::path::Path;

use ponder::engine::template::{ChatTemplate, Message, RenderOptions, Role};
use ponder::engine::vocabulary::Vocabulary;
use ponder::file::ModelFile;

use super::tokenizer::{tiny_parts, vocabulary};
use crate::support::starter;

fn conversation() -> Vec<Message> {
    vec![
        Message::new(Role::System, "  Be brief.\n"),
        Message::new(Role::User, "Is 1 < 2?"),
        Message::new(Role::Assistant, "<think>hm</think>\n\nYes, \"always\"."),
        Message::new(Role::User, "Ünïcode 👍 'quote'\n"),
    ]
}

fn render(source: &str) -> String {
    ChatTemplate::new(source, "<s>", "</s>").unwrap().render(&conversation(), &RenderOptions::answer()).unwrap()
}

/// What is wrong with a template, at whichever step that shows.
#[track_caller]
fn fault(source: &str) -> String {
    let rendered = ChatTemplate::new(source, "<s>", "</s>").and_then(|template| template.render(&conversation(), &RenderOptions::answer()));
    let error = rendered.expect_err("the template was accepted").to_string();
    assert!(error.starts_with("chat template: ") && error.ends_with("; the plain default template can be used instead"), "{error}");
    error
}

/// Templates and what jinja2 3.1.6 renders for `conversation` with the settings of transformers: `trim_blocks`, `lstrip_blocks`,
/// loop controls, its `tojson` and `raise_exception`, and `add_generation_prompt`.
const REFERENCE: &[(&str, &str)] = include!("template_reference.in");

#[test]
fn templates_render_as_in_python() {
    for (source, expected) in REFERENCE {
        assert_eq!(render(source), *expected, "{source}");
    }
}

#[test]
fn the_starter_models_template_adds_its_system_message() {
    let Some(path) = starter() else { return eprintln!("skipped: the starter model is not here") };
    let vocabulary = Vocabulary::read(&ModelFile::open(&path).unwrap()).unwrap();
    let template = ChatTemplate::of(&vocabulary).unwrap().unwrap();
    let hello = [Message::new(Role::User, "Hello")];
    // rendered by jinja2 3.1.6
    let expected = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n\
                    <|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n";
    assert_eq!(template.render(&hello, &RenderOptions::answer()).unwrap(), expected);
    let own = [Message::new(Role::System, "Be brief."), Message::new(Role::User, "Hello"), Message::new(Role::Assistant, "Hi")];
    let expected = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\nHi<|im_end|>\n";
    assert_eq!(template.render(&own, &RenderOptions::default()).unwrap(), expected);
}

#[test]
fn thinking_is_only_said_when_asked() {
    let source = "{% if enable_thinking is defined and enable_thinking is false %}off{% else %}on{% endif %}";
    let template = ChatTemplate::new(source, "", "").unwrap();
    for (thinking, expected) in [(None, "on"), (Some(true), "on"), (Some(false), "off")] {
        assert_eq!(template.render(&[], &RenderOptions { enable_thinking: thinking, ..RenderOptions::default() }).unwrap(), expected);
    }
}

#[test]
fn training_marks_write_nothing() {
    assert_eq!(render("{% for m in messages %}{%- generation %}{{ m.role }}{%- endgeneration -%}{% endfor %}"), "systemuserassistantuser");
}

#[test]
fn the_date_is_told() {
    let template = ChatTemplate::new("{{ strftime_now('%d %b %Y, %H:%M') }}", "", "").unwrap();
    let now = "2026-02-03T04:05:06[UTC]".parse().unwrap();
    assert_eq!(template.render(&[], &RenderOptions { now: Some(now), ..RenderOptions::default() }).unwrap(), "03 Feb 2026, 04:05");
}

#[test]
fn the_fallback_is_chatml_where_the_vocabulary_has_it() {
    let with = vocabulary(tiny_parts()).unwrap();
    let messages = [Message::new(Role::System, "S"), Message::new(Role::User, "U")];
    let chatml = ChatTemplate::fallback(&with).render(&messages, &RenderOptions::answer()).unwrap();
    assert_eq!(chatml, "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n");
    let mut parts = tiny_parts();
    parts.tokens.retain(|token| token != "<|im_start|>");
    let without = Vocabulary::new(Path::new("tiny.gguf"), parts).unwrap();
    let plain = ChatTemplate::fallback(&without).render(&messages, &RenderOptions::answer()).unwrap();
    assert_eq!(plain, "S\n\nUser: U\nAssistant:");
}

#[test]
fn a_template_may_refuse_a_conversation() {
    let error = fault("\n{% if messages[0].role == 'system' %}\n{{ raise_exception('System role not supported') }}{% endif %}");
    assert!(error.contains("line 3: refuses this conversation: System role not supported"), "{error}");
}

#[test]
fn mistakes_name_their_line() {
    for (source, line) in
        [("a\nb{% if x %}", 2), ("\n\n{{ 1 + }}", 3), ("\n{{ nothing.at.all }}", 2), ("\n{{ 'x' | nofilter }}", 2), ("\n{{ x", 2)]
    {
        let error = fault(source);
        assert!(error.contains(&format!("line {line}: ")), "{source:?}: {error}");
    }
}

#[test]
fn guarding_does_not_move_lines() {
    let source = "{% set a = [1, 2] + [3] %}\n{% if a | length == 3 %}\n{{ ('x' ~ 'y') * 2 }}{{ missing.field }}{% endif %}";
    assert!(fault(source).contains("line 3: "));
}

#[test]
fn endless_templates_end() {
    let loops = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}";
    assert!(fault(loops).contains("does not end"));
    fault("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}");
    fault("{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}");
    fault("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}");
}

#[test]
fn doubling_texts_end() {
    let seventy = |step: &str| format!("{{% set ns = namespace(s='xxxxxxxx') %}}{{% for i in range(70) %}}{step}{{% endfor %}}");
    for step in [
        "{% set ns.s = ns.s ~ ns.s %}",
        "{% set ns.s = ns.s + ns.s %}",
        "{% set ns.s = (ns.s) + ns.s[0:] %}",
        "{% set ns.s = ns.s * 2 %}",
        "{% set ns.s = 9999 * ns.s %}",
        "{% set ns.s = [ns.s, ns.s] | join %}",
        "{% set ns.s = [ns.s, ns.s] | join(ns.s) %}",
        "{% set ns.s = ns.s.join([ns.s, ns.s, ns.s]) %}",
        "{% set ns.s = ns.s | replace('x', ns.s) %}",
        "{% set ns.s = ns.s.replace('x', ns.s) %}",
        "{% set ns.s = '%s%s' | format(ns.s, ns.s) %}",
        "{% set ns.s = '{0}{0}{0}'.format(ns.s) %}",
        "{% set s %}{{ ns.s }}{{ ns.s }}{% endset %}{% set ns.s = s %}",
        "{% set ns.s = [ns.s, ns.s] %}",
        "{% set ns.s = (ns.s, ns.s) %}",
        "{% set ns.s = ns.s, ns.s %}",
        "{% set ns.s = {'a': ns.s, 'b': ns.s} %}",
        "{% set ns.s = [ns.s, ns.s] | tojson %}",
        "{% set ns.s = [ns.s] + [ns.s] %}",
        "{% set ns.s = ns.s | list + ns.s | list %}",
        "{% set ns.s = ns.s | map('upper') | list + [ns.s] %}",
        "{% set ns.s = dict(a=ns.s, b=ns.s) %}{% if ns.s == 1 %}{% endif %}{{ ns.s }}",
        "{% set ns.a = ns %}{% set ns.b = ns %}{{ ns }}",
    ] {
        fault(&seventy(step));
    }
    let macros =
        format!("{{% macro m(s) %}}{{{{ s }}}}{{{{ s }}}}{{% endmacro %}}{{{{ {}'xxxxxxxx'{} }}}}", "m(".repeat(30), ")".repeat(30));
    fault(&macros);
    let lines = "{% set a = 'xxxxxxxx' %}".to_owned() + &"{% set a = a ~ a %}".repeat(60);
    fault(&lines);
}

#[test]
fn huge_numbers_make_nothing_huge() {
    for source in [
        "{{ 'x' * 3000000000 }}",
        "{{ [0] * 3000000000 }}",
        "{{ ([0] * 3000000000) | list }}",
        "{{ 3000000000 * [0] }}",
        "{{ 'x' | indent(3000000000, true) }}",
        "{{ 'x\n' | indent(width=3000000000, first=true) }}",
        "{{ range(3000000000) | list }}",
        "{{ '%3000000000d' | format(1) }}",
        "{{ '{:3000000000}'.format(1) }}",
        "{{ [1] | tojson(indent=3000000000) }}",
        "{% for i in range(99999) %}{{ messages | tojson }}{% endfor %}",
    ] {
        fault(source);
    }
}

#[test]
fn deep_and_long_expressions_are_refused_before_they_are_parsed() {
    let many = |part: &str, n: usize| part.repeat(n);
    for source in [
        format!("{{{{ {} x }}}}", many("not ", 30_000 / 2)),
        format!("{{{{ {} 1 }}}}", many("- ", 20_000)),
        format!("{{{{ {}1{} }}}}", many("(", 20_000), many(")", 20_000)),
        format!("{{{{ {}1{} }}}}", many("[", 20_000), many("]", 20_000)),
        format!("{{{{ 1{} }}}}", many("+1", 30_000)),
        format!("{{{{ 1{} }}}}", many("**1", 20_000)),
        format!("{{{{ x{} }}}}", many(".a", 30_000)),
        format!("{{{{ x{} }}}}", many("|e", 30_000)),
        format!("{{{{ x{} }}}}", many("()", 30_000)),
        format!("{{{{ 1{} }}}}", many(" if 1 else 1", 5_000)),
        format!("{{% if 0 %}}{}{{% endif %}}", many("{%elif 0%}", 6_000)),
        many("{%if 1%}", 8_000),
        many("{%for a in b%}", 4_000),
        many("x", 65_537),
    ] {
        fault(&source);
    }
}

#[test]
fn the_longest_expressions_that_are_accepted_fit_a_small_stack() {
    let nested = |open: &str, inner: &str, close: &str, n: usize| open.repeat(n) + inner + &close.repeat(n);
    let sources = [
        format!("{{{{ 0{} }}}}", "+1".repeat(295)),
        format!("{{{{ {} }}}}", nested("(", "1", ")", 32)),
        format!("{{{{ {} }}}}", nested("[", "1", "]", 30)),
        format!("{{{{ {}true }}}}", "not ".repeat(8)),
        format!("{{{{ 'a'{} }}}}", "|upper".repeat(290)),
        format!("{{{{ 1{} }}}}", "**1".repeat(100)),
        format!("{{% if 0 %}}{}{{% endif %}}", "{% elif 0 %}".repeat(200)),
        nested("{% if 1 %}", "x", "{% endif %}", 60),
        nested("{% for i in [1] %}", "x", "{% endfor %}", 60),
        "{% macro m(n) %}{{ m(n - 1) if n }}{% endmacro %}{{ m(20) }}".into(),
    ];
    let run = move || sources.iter().for_each(|source| drop(render(source)));
    std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap();
}

#[test]
fn long_literal_text_in_loops_is_counted() {
    let words = "words and words ".repeat(2_000);
    fault(&format!("{{% set x %}}{{% for i in range(99999) %}}{words}{{% endfor %}}{{% endset %}}"));
    assert_eq!(render(&format!("\n  {words}\n{{% if true %}}x{{% endif %}}")), format!("\n  {words}\nx"));
    fault(&format!("a{}b", " ".repeat(300)));
}

#[test]
fn templates_reach_nothing_outside() {
    for source in [
        "{% include 'x' %}",
        "{% extends '/etc/passwd' %}",
        "{% import 'os' as os %}{{ os.popen('id') }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ self.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ messages.append(1) }}",
    ] {
        fault(source);
    }
}

#[test]
fn what_is_reversed_may_be_empty() {
    let source = "{{ messages[4:][::-1] }}{{ 'abc'[::-1] }}{{ ''[::-1] }}{% for m in messages[::-1] %}{{ m.role[0] }}{% endfor %}{{ messages[::-1][0].role }}";
    assert_eq!(render(source), "[]cbauaususer");
}

#[test]
fn a_variable_may_be_called_as_a_statement_is() {
    let source = "{% set call = {'do': [1, 2]} %}{{ call['do'][1] }}{% set filter = call.do %}{{ filter[0] }}{{ call.do | string }}";
    assert_eq!(render(source), "21[1, 2]");
}

#[test]
fn a_template_for_tools_alone_renders_without_any() {
    let source = "{% for tool in tools %}{{ tool.function.name }} {% endfor %}{{ tools | length }}{{ messages | length }}";
    assert_eq!(render(source), "04");
    let options = RenderOptions {
        tools: Some(r#"[{"type": "function", "function": {"name": "weather", "b": 1, "a": 2}}]"#.into()),
        ..RenderOptions::answer()
    };
    let render = |source: &str| ChatTemplate::new(source, "", "").unwrap().render(&conversation(), &options).unwrap();
    assert_eq!(render(source), "weather 14");
    assert_eq!(render("{{ tools | tojson }}"), r#"[{"type": "function", "function": {"name": "weather", "b": 1, "a": 2}}]"#);
    assert_eq!(render("{{ tools[0].function | tojson(indent=2) }}"), "{\n  \"name\": \"weather\",\n  \"b\": 1,\n  \"a\": 2\n}");
}

#[test]
fn messages_may_hold_what_a_template_knows_of() {
    let messages = r#"[{"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "now", "arguments": {"z": 1, "a": [true, null]}}}]},
        {"role": "tool", "content": "noon"}]"#;
    let source = "{% for m in messages %}{{ m.role }}{% for c in m.tool_calls or [] %} {{ c.function.name }}({{ c.function.arguments | tojson }}){% endfor %};{% endfor %}";
    let rendered = ChatTemplate::new(source, "", "").unwrap().render_json(messages, &RenderOptions::default()).unwrap();
    assert_eq!(rendered, r#"assistant now({"z": 1, "a": [true, null]});tool;"#);
    assert!(ChatTemplate::new(source, "", "").unwrap().render_json("{", &RenderOptions::default()).is_err());
}

/// Cases that `tests/oracle/templates_against_jinja.py` has written, where `PONDER_TEMPLATE_CASES` names them.
#[test]
fn templates_of_the_oracle_render_as_in_python() {
    let Ok(path) = std::env::var("PONDER_TEMPLATE_CASES") else { return };
    let cases: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let now: jiff::Zoned = "2024-12-31T23:59:58[UTC]".parse().unwrap();
    let mut wrong = Vec::new();
    for case in cases.as_array().unwrap() {
        let options = RenderOptions {
            add_generation_prompt: case["variables"]["add_generation_prompt"] == true,
            enable_thinking: case["variables"]["enable_thinking"].as_bool(),
            now: Some(now.clone()),
            tools: case["tools"].as_str().map(str::to_owned),
        };
        let rendered = ChatTemplate::new(case["source"].as_str().unwrap(), "<s>", "</s>")
            .and_then(|template| template.render_json(case["messages"].as_str().unwrap(), &options));
        let refused = case["error"].as_str().is_some_and(|error| error.starts_with("TemplateError"));
        match (&rendered, case["expected"].as_str()) {
            (Ok(prompt), Some(expected)) if prompt == expected => {}
            (Ok(prompt), Some(expected)) => {
                let at = prompt.bytes().zip(expected.bytes()).take_while(|(a, b)| a == b).count();
                let around =
                    |text: &str| String::from_utf8_lossy(&text.as_bytes()[at.saturating_sub(40)..text.len().min(at + 60)]).into_owned();
                wrong.push(format!("{}: {:?} and not {:?}", case["name"], around(prompt), around(expected)));
            }
            (Err(error), Some(_)) => wrong.push(format!("{}: {error}", case["name"])),
            (Ok(_), None) if refused => wrong.push(format!("{}: should be refused: {}", case["name"], case["error"])),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.as_array().unwrap().len(), wrong.join("\n"));
}
