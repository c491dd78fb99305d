//! The chat page by what a person sees and presses.

use egui::accesskit::Role;
use egui::{Key, Modifiers, Theme};
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use crate::support::scene::{NOW, Scene};
use ponder::store::chat::{Mode, StopReason};
use ponder::state::Action;
use ponder::view::chat::ChatPage;

type Chat = Scene<ChatPage>;

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

fn conversation() -> Chat {
    let mut scene = Chat::loaded();
    for (age, title) in [(40, "Names for a boat"), (9, "Regular expressions by example, and why one should not parse HTML with them"), (1, "Soup"), (0, "Haiku about rain")] {
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
            full.state.loaded.as_mut().unwrap().receipt.template = Err(ponder::error::Error::Engine("chat template: line 3: unknown filter".into()));
            full.perform(Action::Draft("x ".repeat(30_000)));
            take(full, "long");
        }
    }
}

fn a_prompt() -> ponder::engine::prompt::Prompt {
    let mut prompt = ponder::engine::prompt::Prompt::default();
    for text in ["<|im_start|>", "system\nYou are a helpful assistant.", "<|im_end|>", "\n", "<|im_start|>", "user\nWhat is a KV cache?", "<|im_end|>", "\n", "<|im_start|>", "assistant\n"] {
        let at = prompt.tokens.len();
        let special = text.starts_with("<|");
        let n = if special { 1 } else { text.split(' ').count() + 1 };
        prompt.tokens.extend(std::iter::repeat_n(7, n));
        prompt.pieces.push(ponder::engine::prompt::Piece { text: text.into(), special, tokens: at..at + n });
    }
    prompt.message_tokens = vec![6, 7];
    prompt
}
