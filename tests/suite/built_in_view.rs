//! The model that is part of the program on the screen: first on the home page and in the list of models, with questions to press in an
//! empty chat.

use egui::accesskit::Role;
use egui::{Key, Modifiers, Theme};
use egui_kittest::kittest::Queryable as _;
use ponder::message::Outcome;
use ponder::pocket::{SUGGESTIONS, WORD};
use ponder::state::{Action, Page, Slot};
use ponder::store::chat::Mode;

use crate::chat_view::{sees, shown};
use crate::support::pocket::pocket;
use crate::support::scene::Scene as Drawn;
use crate::support::stage::{Scene, Stage};

type Chat = Drawn<ponder::view::chat::ChatPage>;

#[test]
fn home_lists_it_first_and_one_press_loads_it() {
    for scene in [Scene::new as fn() -> Scene, Scene::library, Scene::fetching, Scene::loaded] {
        let mut scene = scene();
        scene.state.page = Page::Home;
        scene.state.settings.recent.insert(0, WORD.into());
        let mut stage = Stage::of(scene);
        assert!(stage.sees("built in"));
        let first = stage.harness.get_by_role_and_label(Role::Button, "Open Pocket").rect();
        for below in ["Open…", "Get the starter model", "Open gemma-3-270m-it-Q4_K_M"] {
            if let Some(node) = stage.harness.query_by_role_and_label(Role::Button, below) {
                assert!(node.rect().top() >= first.bottom(), "{below}");
            }
        }
        assert!(stage.harness.query_by_role_and_label(Role::Button, "Forget Pocket").is_none());
        assert_eq!(stage.press("Open Pocket"), [Action::Open { path: WORD.into(), load: true }]);
    }
}

#[test]
fn the_list_of_models_begins_with_it() {
    let mut stage = Stage::of(Scene::library());
    assert!(stage.keys(Modifiers::COMMAND, Key::L).is_empty());
    assert_eq!(stage.press("Pocket"), [Action::Open { path: WORD.into(), load: true }]);
    let mut scene = Scene::library();
    scene.state.settings.recent.push(WORD.into());
    let listed = ponder::view::picker::listed(&scene.state, "");
    assert_eq!((listed[0].as_os_str(), listed.iter().filter(|path| ponder::pocket::is(path)).count()), (WORD.as_ref(), 1));
    assert!(ponder::view::picker::listed(&scene.state, "gemma").iter().all(|path| !ponder::pocket::is(path)));
}

#[test]
fn its_page_says_that_it_is_built_in() {
    let mut scene = Scene::new();
    let job = scene.job(Action::Open { path: WORD.into(), load: false });
    assert_eq!(ponder::view::topbar::subject(&scene.state).map(|(name, _)| name).as_deref(), Some("Pocket"));
    scene.done(job, Ok(Outcome::Inspected(pocket())));
    assert!(matches!(scene.state.opened, Slot::Ready(_)) && scene.state.settings.recent.is_empty());
    let mut stage = Stage::of(scene);
    assert!(stage.sees("Pocket") && stage.sees("a part of this program"));
    assert_eq!(stage.press("Load"), [Action::Load { anyway: false }]);
}

#[test]
fn settings_say_whether_it_is_loaded_at_start() {
    let mut scene = Scene::new();
    scene.state.page = Page::Settings;
    let mut stage = Stage::of(scene);
    stage.harness.get_by_role_and_label(Role::CheckBox, "Load Pocket at start").click();
    stage.harness.run();
    assert_eq!(*stage.wishes.borrow(), [Action::SetPocketAtStart(false)]);
}

#[test]
fn an_empty_chat_with_it_offers_questions_that_are_sent() {
    for question in SUGGESTIONS {
        let mut harness = shown(Chat::loaded_with(pocket()));
        harness.get_by_role_and_label(Role::Button, question).click();
        harness.run_steps(2);
        assert_eq!(harness.state().wishes, [Action::Ask(question.to_owned())]);
        assert_eq!(harness.state().state.chats.current().turns[0].text, question);
    }
    let mut scene = Chat::loaded_with(pocket());
    scene.perform(Action::SetMode(Mode::Completion));
    assert!(sees(&shown(scene), "Once upon a time"), "a text to begin with");
    let mut other = Chat::loaded().show([1280.0, 800.0], Theme::Dark);
    other.run();
    assert!(other.query_by_label(SUGGESTIONS[0]).is_none());
}
