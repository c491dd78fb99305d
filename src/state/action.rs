//! What a person can wish, and what the app wishes on its own after an event.

use std::path::PathBuf;

use super::browse::Wish;
use super::{export, lab, make, side};
use crate::engine::sampler::Sampling;
use crate::kernels::level::Level;
use crate::memory::plan::KvDtype;
use crate::store::chat::{ChatId, Mode};
use crate::store::settings::{Theme, Window};

/// The pages, in the order of the rail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Page {
    /// Recent and found models.
    #[default]
    Home,
    /// What is open: facts and plan.
    Model,
    /// Conversations.
    Chat,
    /// Every tensor of the file that is open.
    Tensors,
    /// The live memory.
    Memory,
    /// Quantizations, compared.
    Lab,
    /// Settings.
    Settings,
}

impl Page {
    /// All pages; the last stands at the foot of the rail.
    pub const ALL: [Self; 7] = [Self::Home, Self::Model, Self::Chat, Self::Tensors, Self::Memory, Self::Lab, Self::Settings];

    /// Its name in tooltips and for screen readers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Home => "Home",
            Self::Model => "Model",
            Self::Chat => "Chat",
            Self::Tensors => "Tensors",
            Self::Memory => "Memory",
            Self::Lab => "Lab",
            Self::Settings => "Settings",
        }
    }
}

/// A wish. [`super::State::perform`] turns it into at most one order.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Show a page.
    Go(Page),
    /// Open and load the built-in model by itself, as the app starts; the page stays, and what the person begins goes before it.
    Welcome,
    /// Choose a file with the system's dialog.
    Pick,
    /// Read a file's header and show it.
    Open {
        /// The file, a shard, a folder, or the word for the built-in model.
        path: PathBuf,
        /// Load it too if it fits (the command line does, a drop doesn't).
        load: bool,
    },
    /// Look for models on this disk again.
    Scan,
    /// Get the starter model, then open and load it.
    GetStarter,
    /// Stop the download; what came stays for the next try.
    CancelFetch,
    /// Change the context that is planned.
    SetContext(usize),
    /// Change the cache's type that is planned.
    SetKv(KvDtype),
    /// Change what the weights become while they are loaded; `None` for what they are.
    SetRecode(Option<Level>),
    /// Load what is open as it is planned.
    Load {
        /// Although it exceeds what is available.
        anyway: bool,
    },
    /// Stop loading.
    CancelLoad,
    /// Free the loaded model.
    Unload,
    /// Measure how fast this machine reads memory, if that is due.
    MeasureBandwidth,
    /// Start a conversation.
    NewChat,
    /// Show a conversation.
    OpenChat(ChatId),
    /// Give a conversation a title.
    RenameChat(ChatId, String),
    /// Delete a conversation; [`Action::UndoDelete`] brings it back.
    DeleteChat(ChatId),
    /// Bring back the conversation deleted last.
    UndoDelete,
    /// What stands in the message box.
    Draft(String),
    /// The system prompt of the current chat.
    SetSystem(String),
    /// The sampling of the current chat.
    SetSampling(Sampling),
    /// Chat or completion.
    SetMode(Mode),
    /// Send the draft.
    Send,
    /// Send this text; a draft stays.
    Ask(String),
    /// Ask the built-in model the first question, if it is still to be asked.
    AskFirst,
    /// Let the model answer the current chat's last message (after it is on disk).
    Answer(ChatId),
    /// Drop the last answer and make another.
    Regenerate,
    /// Stop the answer.
    Stop,
    /// Show the prompt as the model would read it.
    ShowPrompt,
    /// Close that view.
    HidePrompt,
    /// Show how the draft is cut into tokens.
    ShowTokens,
    /// Close that view.
    HideTokens,
    /// Use the stated fallback in place of the file's chat template.
    UseFallbackTemplate(bool),
    /// Write what changed and is not yet on disk.
    SaveDirty,
    /// Light, dark, or the system's.
    SetTheme(Theme),
    /// Zoom of the interface.
    SetScale(f32),
    /// Compute threads from the next load on; `None` for all.
    SetThreads(Option<usize>),
    /// Whether the built-in model is loaded when the app starts.
    SetPocketAtStart(bool),
    /// Search this folder for models too.
    AddFolder(PathBuf),
    /// No longer search this folder.
    RemoveFolder(PathBuf),
    /// The side panel's width.
    SetSidePanelWidth(f32),
    /// The chat list's width.
    SetChatListWidth(f32),
    /// Where the window is.
    SetWindow(Window),
    /// Forget a recent file.
    ForgetRecent(PathBuf),
    /// Look at tensors.
    Browse(Wish),
    /// Ask several models the same.
    Side(side::Wish),
    /// Measure or write a mix.
    Make(make::Wish),
    /// Take something away.
    Export(export::Wish),
    /// Compare quantizations.
    Lab(lab::Wish),
    /// Close a notice.
    Dismiss(u64),
}
