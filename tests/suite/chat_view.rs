//! The chat page by what a person sees and presses.

use egui::{Event as Input, ImeEvent, Key, Modifiers, OutputCommand, Theme};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use crate::support::scene::{NOW, Scene};
use ponder::message::{Event, Step};
use ponder::state::{Action, Slot};
use ponder::store::chat::Mode;
use ponder::view::chat::{Block, ChatPage, Reading, cut, extend, inert, may_open};

pub type Chat = Scene<ChatPage>;

const WIDE: [f32; 2] = [1280.0, 800.0];
const SMALL: [f32; 2] = [720.0, 480.0];

const ANSWER: &str = "A **KV cache** keeps the *keys* and *values* of every token the model has read, so that it need not compute them again.\n\n\
## What it costs\n\n- Two numbers per layer, head and dimension\n- It grows with the context:\n  - `F16`: two bytes each\n  - `F32`: four bytes\n\n\
1. Read the prompt\n2. Keep what was computed\n3. Write the next token\n\n\
| type | bytes | at 8,192 |\n|---|---|---|\n| F16 | 2 | 180 MiB |\n| F32 | 4 | 360 MiB |\n\n\
```python\ndef kv_bytes(layers, heads, dim, tokens, size=2):\n    return 2 * layers * heads * dim * tokens * size\n```\n\n> Nothing is dropped: when it is full, the answer stops.\n\nSee [the paper](https://arxiv.org/abs/1706.03762).";

fn pictures() -> std::path::PathBuf {
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

pub fn conversation() -> Chat {
    let mut scene = Chat::loaded();
    for (age, title) in [
        (40, "Names for a boat"),
        (9, "Regular expressions by example, and why one should not parse HTML with them"),
        (1, "Soup"),
        (0, "Haiku about rain"),
    ] {
        scene.state.now = NOW - age * 86_400_000;
        scene.perform(Action::NewChat);
        scene.exchange(title, "Yes.");
    }
    scene.state.now = NOW;
    scene.perform(Action::NewChat);
    scene.exchange("Explain what a KV cache is, and what it costs.\nShort, please.", ANSWER);
    scene
}

fn sampled(mut scene: Chat) -> Chat {
    let samples = crate::support::scene::samples(scene.state.loaded.as_ref().unwrap());
    for sample in samples {
        scene.state.memory.push(sample);
    }
    scene
}

#[test]
#[ignore = "writes pictures to be looked at"]
fn pictures_of_the_chat() {
    for theme in [Theme::Dark, Theme::Light] {
        for (size, name) in [(WIDE, "wide"), (SMALL, "small")] {
            let take = |scene: Chat, what: &str| {
                let mut harness = scene.show(size, theme);
                harness.run_ok();
                harness.render().unwrap().save(pictures().join(format!("chat-{what}-{name}-{theme:?}.png"))).unwrap();
            };
            take(sampled(conversation()), "answer");
            take(Chat::new(), "none");
            take(Chat::loaded(), "empty");
            let mut streaming = sampled(conversation());
            streaming.say("And how is it stored?");
            streaming.write("In blocks of 256 tokens:\n\n```rust\nstruct Block {\n    keys: Vec<f16>,", 17);
            take(streaming, "streaming");
            let mut completion = sampled(Chat::loaded());
            completion.perform(Action::SetMode(Mode::Completion));
            completion.exchange("Once upon a time, in a village by the sea,", " there lived a fisherman who had three daughters. The eldest could read the wind, the second could mend any net, and the youngest\n\n");
            completion.exchange("said one morning:", " \"Father, I have counted the waves, and one is missing.\"");
            take(completion, "completion");
            let mut prompt = sampled(conversation());
            prompt.state.prompt = ponder::state::Slot::Ready(a_prompt());
            take(prompt, "prompt");
            let mut full = sampled(conversation());
            full.state.loaded.as_mut().unwrap().receipt.template =
                Err(ponder::error::Error::Engine("chat template: line 3: unknown filter".into()));
            full.perform(Action::Draft("x ".repeat(30_000)));
            take(full, "long");
        }
    }
}

fn a_prompt() -> ponder::engine::prompt::Prompt {
    let mut prompt = ponder::engine::prompt::Prompt::default();
    for text in [
        "<|im_start|>",
        "system\nYou are a helpful assistant.",
        "<|im_end|>",
        "\n",
        "<|im_start|>",
        "user\nWhat is a KV cache?",
        "<|im_end|>",
        "\n",
        "<|im_start|>",
        "assistant\n",
    ] {
        let at = prompt.tokens.len();
        let special = text.starts_with("<|");
        let n = if special { 1 } else { text.split(' ').count() + 1 };
        prompt.tokens.extend(std::iter::repeat_n(7, n));
        prompt.pieces.push(ponder::engine::prompt::Piece { text: text.into(), special, tokens: at..at + n });
    }
    prompt.message_tokens = vec![6, 7];
    prompt
}

pub fn shown(scene: Chat) -> Harness<'static, Chat> {
    let mut harness = scene.show(WIDE, Theme::Dark);
    harness.run();
    harness
}

pub fn sees(harness: &Harness<'_, Chat>, words: &str) -> bool {
    harness.query_all_by_label_contains(words).next().is_some()
}

fn copied(harness: &Harness<'_, Chat>) -> Option<String> {
    harness.output().platform_output.commands.iter().find_map(|command| match command {
        OutputCommand::CopyText(text) => Some(text.clone()),
        _ => None,
    })
}

fn drafted(text: &str) -> Chat {
    let mut scene = Chat::loaded();
    scene.perform(Action::Draft(text.into()));
    scene
}

#[test]
fn the_message_box_has_the_focus_and_enter_sends() {
    let mut harness = shown(Chat::loaded());
    harness.get_by_label("Message").type_text("Hello");
    harness.run();
    assert_eq!(harness.state().state.chats.current().draft, "Hello");
    harness.key_press(Key::Enter);
    harness.run();
    assert_eq!(harness.state().wishes.last(), Some(&Action::Send));
    assert_eq!(harness.state().state.chats.current().turns[0].text, "Hello");
}

#[test]
fn shift_enter_makes_a_line_and_sends_nothing() {
    let mut harness = shown(drafted("one"));
    harness.key_press_modifiers(Modifiers::SHIFT, Key::Enter);
    harness.run();
    assert!(!harness.state().wishes.contains(&Action::Send));
    assert!(harness.state().state.chats.current().draft.contains('\n'));
}

#[test]
fn enter_belongs_to_an_input_method_that_composes() {
    let mut harness = shown(drafted("日"));
    harness.event(Input::Ime(ImeEvent::Preedit { text: "ほん".into(), active_range_chars: None }));
    harness.step();
    harness.key_press(Key::Enter);
    harness.event(Input::Ime(ImeEvent::Commit("本".into())));
    harness.run();
    assert!(!harness.state().wishes.contains(&Action::Send));
    harness.key_press(Key::Enter);
    harness.run();
    assert!(harness.state().wishes.contains(&Action::Send));
}

#[test]
fn without_a_model_nothing_can_be_sent() {
    let mut scene = Chat::new();
    scene.perform(Action::Draft("Hello".into()));
    let mut harness = shown(scene);
    assert!(harness.get_by_label("Send").accesskit_node().is_disabled());
    harness.key_press(Key::Enter);
    harness.run();
    assert!(!harness.state().wishes.contains(&Action::Send));
}

#[test]
fn stop_stands_in_the_place_of_send_while_the_model_answers() {
    let mut scene = Chat::loaded();
    scene.say("Hello");
    let mut harness = shown(scene);
    assert!(harness.query_by_label("Send").is_none());
    harness.get_by_label("Stop").click();
    harness.run();
    assert_eq!(harness.state().wishes.last(), Some(&Action::Stop));
    assert!(harness.get_by_label("Stop").accesskit_node().is_disabled());
}

#[test]
fn one_sees_how_far_the_prompt_is_read() {
    let mut scene = Chat::loaded();
    scene.say("Hello");
    let job = scene.last_job();
    scene.apply(Event::Step { job, step: Step::Reading { done: 1_200, total: 6_000 } });
    assert!(sees(&shown(scene), "reading prompt 1,200 of 6,000"));
}

#[test]
fn a_message_is_copied_as_markdown_and_code_without_its_fence() {
    let mut harness = shown(conversation());
    harness.get_by_label("Copy answer").click();
    harness.step();
    assert_eq!(copied(&harness).as_deref(), Some(ANSWER));
    harness.run();
    harness.get_by_label("Copy code").click();
    harness.step();
    assert_eq!(copied(&harness).unwrap().lines().next(), Some("def kv_bytes(layers, heads, dim, tokens, size=2):"));
}

#[test]
fn a_chat_is_chosen_renamed_and_deleted_in_the_list() {
    let mut harness = shown(conversation());
    harness.get_by_label("Chat: Soup").click();
    harness.run();
    assert_eq!(harness.state().state.chats.current().title, "Soup");
    harness.key_press(Key::F2);
    harness.run();
    harness.get_by_label("Title").type_text(" of the day");
    harness.run();
    harness.key_press(Key::Enter);
    harness.run();
    assert_eq!(harness.state().state.chats.current().title, "Soup of the day");
    harness.get_by_label("More for Soup of the day").click();
    harness.run();
    harness.get_by_label("Delete").click();
    harness.run();
    assert!(matches!(harness.state().wishes.last(), Some(Action::DeleteChat(_))));
    assert!(harness.query_by_label("Chat: Soup of the day").is_none());
}

#[test]
fn esc_keeps_the_title_as_it_was() {
    let mut harness = shown(conversation());
    let title = harness.state().state.chats.current().title.clone();
    harness.key_press(Key::F2);
    harness.run();
    harness.get_by_label("Title").type_text(" never");
    harness.run();
    harness.key_press(Key::Escape);
    harness.run();
    assert_eq!(harness.state().state.chats.current().title, title);
    assert!(harness.query_by_label("Title").is_none());
}

#[test]
fn esc_stops_the_answer_but_first_ends_a_change_of_title() {
    let mut scene = Scene::<ponder::view::Root>::loaded();
    scene.perform(Action::Go(ponder::state::Page::Chat));
    scene.say("Hello");
    let mut harness = scene.show(WIDE, Theme::Dark);
    harness.run();
    harness.key_press(Key::F2);
    harness.run();
    harness.get_by_label("Title");
    harness.key_press(Key::Escape);
    harness.run();
    assert!(harness.query_by_label("Title").is_none());
    assert!(!harness.state().wishes.contains(&Action::Stop));
    harness.key_press(Key::Escape);
    harness.run();
    assert!(harness.state().wishes.contains(&Action::Stop));
}

#[test]
fn an_empty_chat_with_a_file_offers_questions_that_fill_the_draft() {
    let mut harness = shown(Chat::loaded());
    harness.get_by_label_contains("haiku").click();
    harness.run();
    assert!(harness.state().state.chats.current().draft.contains("haiku"));
}

#[test]
fn an_empty_chat_without_a_model_leads_to_one() {
    let mut harness = shown(Chat::new());
    harness.get_by_label("Choose a model").click();
    harness.run();
    assert_eq!(harness.state().wishes.last(), Some(&Action::Go(ponder::state::Page::Home)));
}

#[test]
fn a_long_draft_is_a_card_until_it_is_edited() {
    let mut harness = shown(drafted(&"many words ".repeat(10_000)));
    assert!(harness.query_by_label("Message").is_none());
    assert!(sees(&harness, "Long text, 110"));
    harness.get_by_label("Edit").click();
    harness.run();
    harness.get_by_label("Message");
}

#[test]
fn greedy_and_reset_change_the_sampling_of_the_chat() {
    let mut harness = shown(Chat::loaded());
    harness.get_by_label("Greedy").click();
    harness.run();
    assert!(harness.state().state.chats.current().sampling.temperature.abs() < f64::EPSILON);
    harness.get_by_label("Reset").click();
    harness.run();
    assert_eq!(harness.state().state.chats.current().sampling, ponder::engine::sampler::Sampling::default());
}

#[test]
fn a_seed_that_is_no_number_changes_nothing() {
    let mut harness = shown(Chat::loaded());
    harness.get_by_label("Seed").focus();
    harness.run();
    harness.get_by_label("Seed").type_text("7x");
    harness.run();
    assert_eq!(harness.state().state.chats.current().sampling.seed, None);
}

#[test]
fn the_exact_prompt_marks_special_tokens_and_closes() {
    let mut scene = conversation();
    scene.state.prompt = Slot::Ready(a_prompt());
    let mut harness = shown(scene);
    assert!(sees(&harness, "5 special, marked"));
    assert!(sees(&harness, "messages: 6, 7 tokens"));
    harness.get_by_label("Close the prompt").click();
    harness.run();
    assert_eq!(harness.state().wishes.last(), Some(&Action::HidePrompt));
    assert!(matches!(harness.state().state.prompt, Slot::Empty));
}

#[test]
fn a_template_that_fails_offers_its_fallback() {
    let mut scene = conversation();
    scene.state.prompt = Slot::Failed(ponder::error::Error::Engine("chat template: line 3: unknown filter".into()));
    let mut harness = shown(scene);
    assert!(sees(&harness, "line 3"));
    harness.get_by_label("Use the fallback template").click();
    harness.run();
    assert!(harness.state().state.fallback_template);
}

#[test]
fn in_completion_the_turns_are_one_text() {
    let mut scene = Chat::loaded();
    scene.perform(Action::SetMode(Mode::Completion));
    scene.exchange("Once upon", " a time");
    let harness = shown(scene);
    assert!(sees(&harness, "Once upon a time"));
    assert!(harness.query_by_label("You").is_none());
}

#[test]
fn one_can_scroll_up_in_a_long_chat_and_jump_back() {
    let mut scene = Chat::loaded();
    for i in 0..60 {
        scene.exchange(&format!("Question {i}"), &format!("Answer {i}"));
    }
    let mut harness = shown(scene);
    assert!(sees(&harness, "Answer 59"));
    assert!(!sees(&harness, "Answer 0"));
    assert!(harness.query_by_label("Jump to latest").is_none());
    harness.hover_at(egui::pos2(600.0, 300.0));
    for _ in 0..60 {
        harness.event(Input::MouseWheel {
            unit: egui::MouseWheelUnit::Point,
            delta: egui::vec2(0.0, 400.0),
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Unknown,
            modifiers: Modifiers::default(),
        });
        harness.step();
    }
    harness.run();
    assert!(sees(&harness, "Answer 0"));
    harness.get_by_label("Jump to latest").click();
    harness.run();
    assert!(sees(&harness, "Answer 59"));
    assert!(harness.query_by_label("Jump to latest").is_none());
}

#[test]
fn hostile_answers_are_drawn_and_do_nothing() {
    let hostile = [
        format!("|{}\n|{}\n", "a|".repeat(1_000_000), "-|".repeat(1_000_000)),
        "\n".repeat(100_000),
        "x\n\n".repeat(20_000),
        format!("```\n{}", "line\n".repeat(100_000)),
        "a".repeat(1_000_000),
        format!("```\n{}\n```", "a".repeat(1_000_000)),
        "> ".repeat(100_000),
        "- ".repeat(50_000),
        "* - ".repeat(50_000),
        "[".repeat(100_000),
        "*a _b ".repeat(50_000),
        (0..500).fold(String::new(), |text, depth| text + &"  ".repeat(depth) + "- a\n"),
        "\u{1b}[2J\u{1b}]0;gone\u{7}\u{202e}drow\u{202c}\0".to_owned(),
        "![a](file:///etc/passwd) ![](http://127.0.0.1:9/x.png) <img src='file:///etc/passwd'> <script>x</script>".to_owned(),
        "[^1]: a\n\n[^1] $x$ `` ` `` ```not a fence``` ~~~\n".to_owned(),
        "1. a\n\n   ```\n   code in a list\n   ```\n\n   after\n2. b".to_owned(),
        "Term\n: definition\n\n- [ ] task\n- [x] done\n\n---\n\n***\n\n# \n".to_owned(),
    ];
    for text in hostile {
        for size in [WIDE, SMALL] {
            let scene = Chat { view: ChatPage::default(), state: scene_state(&text), wishes: Vec::new(), orders: Vec::new() };
            let mut harness = scene.show(size, Theme::Light);
            harness.run_steps(4);
            assert!(harness.output().platform_output.commands.is_empty());
        }
    }
}

fn scene_state(text: &str) -> ponder::state::State {
    let mut scene = Chat::loaded();
    scene.exchange(&format!("? {text}"), text);
    scene.state
}

#[test]
fn images_of_an_answer_become_links_that_only_lead_to_the_web() {
    let pieces = cut("See ![a dog](file:///dog.png) and `![code](x)`.", Reading::Markdown);
    assert_eq!(pieces[0].block, Block::Prose("See [image: a dog](file:///dog.png) and `![code](x)`.".into()));
    assert!(may_open("https://example.org") && may_open("mailto:a@example.org") && may_open("HTTP://example.org"));
    assert!(!may_open("file:///etc/passwd") && !may_open("javascript:x") && !may_open("/etc/passwd") && !may_open("x-app:run"));
}

#[test]
fn what_acts_on_a_screen_is_written_out() {
    assert_eq!(inert("a\u{1b}[31mb\r\nc\rd\u{202e}e\u{feff}"), "a‹1B›[31mb\nc\nd‹202E›e‹FEFF›");
    assert_eq!(inert("tab\tline\n👩\u{200d}💻"), "tab\tline\n👩\u{200d}💻");
}

#[test]
fn a_message_is_cut_at_blank_lines_outside_fences() {
    let blocks: Vec<Block> =
        cut("One\ntwo\n\n```py\na\n\nb\n```\nthree\n\n> four\n> five", Reading::Markdown).into_iter().map(|piece| piece.block).collect();
    assert_eq!(blocks.len(), 4);
    assert_eq!(blocks[0], Block::Prose("One\ntwo".into()));
    assert!(matches!(&blocks[1], Block::Code { language, text, first: true, .. } if language == "py" && text == "a\n\nb"));
    assert_eq!(blocks[2], Block::Prose("three".into()));
    assert_eq!(blocks[3], Block::Quote(vec![Block::Prose("four\nfive".into())]));
}

#[test]
fn what_a_person_typed_keeps_its_lines() {
    let blocks: Vec<Block> = cut("# not a title\n\n\n  * kept *", Reading::Typed).into_iter().map(|piece| piece.block).collect();
    assert_eq!(blocks, [Block::Plain("# not a title\n\n\n  * kept *".into())]);
}

proptest::proptest! {
    #[test]
    fn text_that_is_appended_changes_only_the_tail(
        lines in proptest::collection::vec("(```[a-z]?|~~~|- a|  b|    c|> d|1[.] e||x y|[|] f [|]|\\PC{0,8})", 0..24),
        at in 0.0..1.0_f64,
    ) {
        let text = lines.join("\n");
        let whole = cut(&text, Reading::Markdown);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in a short text")]
        let mut at = (text.len() as f64 * at) as usize;
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let mut pieces = cut(&text[..at], Reading::Markdown);
        let before = pieces.clone();
        let kept = extend(&mut pieces, &text, Reading::Markdown);
        proptest::prop_assert_eq!(&pieces[..kept], &before[..kept]);
        proptest::prop_assert_eq!(pieces, whole);
    }
}
