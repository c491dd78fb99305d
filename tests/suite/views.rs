//! The pages, driven by name: what is pressed becomes a wish, what happens is seen, and every state can be drawn at every size.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::accesskit::Role;
use egui::{Key, Modifiers, Theme};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use ponder::memory::plan::KvDtype;
use ponder::state::{Action, Page};

use crate::support::stage::{SIZES, Scene, Stage, stage};

#[test]
fn every_state_draws_on_every_page_in_both_themes_at_every_size() {
    for theme in [Theme::Dark, Theme::Light] {
        for size in SIZES {
            for page in Page::ALL {
                for (name, mut scene) in Scene::all() {
                    scene.state.page = page;
                    let mut stage = stage(theme, size, scene);
                    let settled = stage.harness.try_run();
                    assert!(settled.is_ok(), "{name} on {page:?} at {size:?} never rests: {settled:?}");
                    assert!(stage.wishes.borrow().is_empty(), "{name} on {page:?} wishes by itself: {:?}", stage.wishes.borrow());
                }
            }
        }
    }
}

#[test]
fn nothing_reaches_beyond_the_smallest_window() {
    for page in [Page::Home, Page::Model, Page::Lab, Page::Settings] {
        for (name, mut scene) in Scene::all() {
            scene.state.page = page;
            let mut stage = stage(Theme::Dark, SIZES[0], scene);
            stage.harness.run();
            for node in stage.harness.root().children_recursive() {
                let role = node.accesskit_node().role();
                if node.accesskit_node().raw_bounds().is_none() {
                    continue;
                }
                let rect = node.rect();
                if matches!(role, Role::Button | Role::TextInput | Role::SpinButton | Role::Slider | Role::RadioButton) {
                    assert!(
                        rect.left() >= -0.5 && rect.right() <= SIZES[0][0] + 0.5,
                        "{name} on {page:?}: {:?} at {rect:?}",
                        node.accesskit_node().label()
                    );
                }
            }
        }
    }
}

#[test]
fn rail_shows_the_model_only_when_one_is_open() {
    let stage = Stage::of(Scene::new());
    assert!(stage.harness.query_by_role_and_label(Role::Tab, "Model").is_none());
    let mut stage = Stage::of(Scene::opened());
    stage.harness.get_by_role_and_label(Role::Tab, "Model").click();
    stage.harness.run();
    assert_eq!(*stage.wishes.borrow(), [Action::Go(Page::Model)]);
}

#[test]
fn home_opens_files_and_gets_the_starter_model() {
    let mut stage = Stage::of(Scene::new());
    assert_eq!(stage.press("Open…"), [Action::Pick]);
    assert_eq!(stage.press("Get the starter model"), [Action::GetStarter]);
    assert!(stage.sees("98.4\u{2009}MB; tiny: expect wrong facts"));
    let mut stage = Stage::of(Scene::fetching());
    assert!(stage.sees("42.1\u{2009}MB of 98.4\u{2009}MB"));
    assert_eq!(stage.press("Cancel"), [Action::CancelFetch]);
}

#[test]
fn home_lists_what_is_recent_and_found_with_its_verdict() {
    let mut stage = Stage::of(Scene::library());
    assert!(stage.sees("✓ ≈ fits"));
    assert!(stage.sees("✕ needs ≈"));
    assert_eq!(stage.press("Forget gemma-3-270m-it-Q4_K_M"), [Action::ForgetRecent("/models/gemma-3-270m-it-Q4_K_M.gguf".into())]);
    let path = PathBuf::from("/models/Llama-3.3-70B-Instruct-Q4_K_M-00001-of-00002.gguf");
    assert_eq!(stage.press("Open Llama-3.3-70B-Instruct-Q4_K_M"), [Action::Open { path, load: false }]);
    assert_eq!(stage.press("Open the starter model").len(), 1);
}

#[test]
fn model_page_plans_and_loads() {
    let mut stage = Stage::of(Scene::opened());
    for words in ["tiny", "Q8_0", "Bits per weight", "✓ fits", "dot q8_0 × q8_0", "general.architecture"] {
        assert!(stage.sees(words), "{words}");
    }
    assert_eq!(stage.press("Load"), [Action::Load { anyway: false }]);
    stage.harness.get_by_role_and_label(Role::RadioButton, "KV cache F32").click();
    stage.harness.run();
    assert!(stage.wishes.borrow().contains(&Action::SetKv(KvDtype::F32)));
}

#[test]
fn weights_that_are_there_in_full_can_be_quantized_while_they_are_loaded() {
    let (name, family) = crate::support::family::families().swap_remove(2);
    let (_guard, folder) = crate::support::hf_folder::folder(name, &family.of(crate::support::gguf_writer::ggml::BF16));
    let scene = Scene::new().open(&folder);
    let stored = scene.state.opened.ready().unwrap().plan.as_ref().unwrap().parts.weights;
    let mut stage = Stage::of(scene);
    stage.harness.get_by_role_and_label(Role::RadioButton, "Weights Q8_0").click();
    stage.harness.run();
    let wish = Action::SetRecode(Some(ponder::kernels::level::Level::Q8_0));
    assert!(stage.wishes.borrow().contains(&wish));
    let mut scene = Scene::new().open(&folder);
    scene.state.perform(wish);
    assert!(scene.state.opened.ready().unwrap().plan.as_ref().unwrap().parts.weights < stored);
}

#[test]
fn what_does_not_fit_says_who_is_to_blame_and_offers_what_would() {
    let mut stage = Stage::of(Scene::too_large());
    assert!(stage.sees("doesn't fit"));
    assert!(stage.harness.query_by_role_and_label(Role::Button, "Load").is_none());
    assert_eq!(stage.press("Load anyway"), [Action::Load { anyway: true }]);
}

#[test]
fn what_cannot_run_says_why_and_is_browsed_all_the_same() {
    let stage = Stage::of(Scene::unrunnable());
    for words in ["It can't run here yet", "gemma3", "still browsable", "gemma3.block_count"] {
        assert!(stage.sees(words), "{words}");
    }
    assert!(stage.harness.query_by_role_and_label(Role::Button, "Load").is_none());
}

#[test]
fn a_file_that_is_no_model_says_what_it_is() {
    let stage = Stage::of(Scene::failed());
    assert!(stage.sees("an HTML page"));
}

#[test]
fn top_bar_offers_the_one_action_that_fits() {
    let mut stage = Stage::of(Scene::loading());
    stage.harness.state_mut().state.page = Page::Home;
    stage.harness.run();
    assert!(stage.sees("loading 43\u{2009}%"));
    assert_eq!(stage.press("Cancel"), [Action::CancelLoad]);

    let mut stage = Stage::of(Scene::loaded());
    assert!(stage.sees("loaded"));
    assert_eq!(stage.press("Unload"), [Action::Unload]);

    let mut stage = Stage::of(Scene::reading());
    stage.harness.state_mut().state.page = Page::Home;
    stage.harness.run();
    assert!(stage.sees("reading prompt 1,200 of 6,000"));
    assert_eq!(stage.press("Stop"), [Action::Stop]);
}

#[test]
fn receipt_tells_what_was_promised_and_what_it_took() {
    let mut scene = Scene::loaded();
    scene.state.page = Page::Model;
    let stage = Stage::of(scene);
    assert!(stage.sees("planned") && stage.sees("took"));
}

#[test]
fn strip_tells_booked_and_plan_and_leads_to_memory() {
    let mut scene = Scene::writing();
    scene.state.page = Page::Home;
    let mut stage = Stage::of(scene);
    assert!(stage.sees("118\u{2009}tok/s"));
    assert!(stage.sees("412 / 8,192"));
    let name = stage
        .harness
        .root()
        .children_recursive()
        .filter_map(|node| node.accesskit_node().label())
        .find(|label| label.starts_with("Memory: booked"))
        .expect("the strip");
    assert_eq!(stage.press(&name), [Action::Go(Page::Memory)]);
}

#[test]
fn notices_stay_until_they_are_dismissed_and_offer_what_to_do() {
    let mut stage = Stage::of(Scene::troubled());
    assert!(stage.sees("set aside"));
    let wished = stage.press("Undo");
    assert_eq!(wished[0], Action::UndoDelete);
    assert!(matches!(wished[1], Action::Dismiss(_)));
}

#[test]
fn shortcuts_reach_every_page_and_do_not_clash() {
    use ponder::view::shortcuts::TABLE;
    let keys: Vec<_> = TABLE.iter().flat_map(|shortcut| shortcut.keys).collect();
    for (n, a) in keys.iter().enumerate() {
        assert!(!keys[..n].contains(a), "{a:?} twice");
        // Shift also matches a shortcut without it, so that must come later.
        let shadowed = |b: &&&egui::KeyboardShortcut| b.logical_key == a.logical_key && !b.modifiers.shift && a.modifiers.shift;
        assert!(!keys[..n].iter().any(|b| shadowed(&b)), "{a:?} is never reached");
    }
    let mut stage = Stage::of(Scene::opened());
    for (key, page) in [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6].into_iter().zip(Page::ALL) {
        assert_eq!(stage.keys(Modifiers::COMMAND, key), [Action::Go(page)]);
    }
    assert_eq!(stage.keys(Modifiers::COMMAND, Key::N), [Action::NewChat]);
    assert_eq!(stage.keys(Modifiers::COMMAND | Modifiers::SHIFT, Key::O), [Action::NewChat]);
    assert_eq!(stage.keys(Modifiers::COMMAND, Key::O), [Action::Pick]);
}

#[test]
fn question_mark_lists_the_keys_and_escape_closes_the_list_before_it_stops_the_answer() {
    let mut scene = Scene::writing();
    scene.state.page = Page::Home;
    let mut stage = Stage::of(scene);
    assert!(stage.keys(Modifiers::NONE, Key::Questionmark).is_empty());
    assert!(stage.sees("Send the message"));
    assert!(stage.keys(Modifiers::NONE, Key::Escape).is_empty());
    assert!(!stage.sees("Send the message"));
    assert_eq!(stage.keys(Modifiers::NONE, Key::Escape), [Action::Stop]);
}

#[test]
fn model_list_opens_by_key_narrows_down_and_loads() {
    let mut stage = Stage::of(Scene::library());
    assert!(stage.keys(Modifiers::COMMAND, Key::L).is_empty());
    stage.harness.get_by_label("Filter models").type_text("llama");
    stage.harness.run();
    assert!(stage.harness.query_by_role_and_label(Role::Button, "gemma-3-270m-it-Q4_K_M").is_none());
    let path = PathBuf::from("/models/Llama-3.3-70B-Instruct-Q4_K_M-00001-of-00002.gguf");
    assert_eq!(stage.press("Llama-3.3-70B-Instruct-Q4_K_M"), [Action::Open { path, load: true }]);
}

#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }
    fn bytes(&self) -> Result<Vec<u8>, String> {
        Err("never read by the screen".to_owned())
    }
}

#[test]
fn a_file_that_hovers_is_announced_and_a_dropped_one_is_opened() {
    let path = PathBuf::from("/downloads/SmolLM2-135M-Instruct.Q4_1.gguf");
    let words = ponder::view::drop::words(Some(path.as_path()), 1);
    assert_eq!(words, "Drop to see what SmolLM2-135M-Instruct.Q4_1.gguf is");
    let mut stage = Stage::of(Scene::new());
    stage.harness.input_mut().hovered_files.push(egui::HoveredFile { path: Some(path.clone()), ..Default::default() });
    stage.harness.run_steps(2);
    stage.harness.input_mut().hovered_files.clear();
    stage.harness.input_mut().dropped_files.push(Arc::new(Dropped(path.clone())));
    stage.harness.run();
    assert_eq!(*stage.wishes.borrow(), [Action::Open { path, load: false }]);
}

#[test]
fn settings_change_theme_threads_and_folders() {
    let mut scene = Scene::library();
    scene.state.page = Page::Settings;
    let mut stage = Stage::of(scene);
    stage.harness.get_by_role_and_label(Role::RadioButton, "Theme Light").click();
    stage.harness.run();
    assert!(stage.wishes.borrow().contains(&Action::SetTheme(ponder::store::settings::Theme::Light)));
    assert_eq!(stage.press("Remove /mnt/models"), [Action::RemoveFolder("/mnt/models".into())]);
    stage.harness.get_by_label("Folder to add").focus();
    stage.harness.run();
    stage.harness.get_by_label("Folder to add").type_text("/data/llm");
    stage.harness.run();
    assert_eq!(stage.press("Add"), [Action::AddFolder("/data/llm".into())]);
}

#[test]
fn scale_moves_by_key() {
    let mut scene = Scene::new();
    scene.state.page = Page::Settings;
    let mut stage = Stage::of(scene);
    stage.harness.get_by_label("Scale, rail").focus();
    stage.harness.run();
    let wished = stage.keys(Modifiers::NONE, Key::ArrowRight);
    assert!(matches!(wished[..], [Action::SetScale(scale)] if scale > 1.0), "{wished:?}");
}

#[test]
fn storage_is_read_from_names_as_publishers_write_them() {
    use ponder::view::rows::storage_in_name;
    assert_eq!(storage_in_name("gemma-3-270m-it-Q4_K_M.gguf"), Some("Q4_K_M"));
    assert_eq!(storage_in_name("SmolLM2-135M-Instruct.Q4_1.gguf"), Some("Q4_1"));
    assert_eq!(storage_in_name("Qwen3-0.6B-BF16-00001-of-00002.gguf"), Some("BF16"));
    assert_eq!(storage_in_name("Qwen3-0.6B.gguf"), None);
}
