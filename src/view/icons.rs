//! The signs of the app, by what they mean. The font they come from is [`super::fonts`]' to know.

pub use lucide_icons::Icon;

/// The page of recent and found models.
pub const HOME: Icon = Icon::House;
/// The page of what is open.
pub const MODEL: Icon = Icon::Box;
/// The page of conversations.
pub const CHAT: Icon = Icon::MessageSquare;
/// The page of the live memory.
pub const MEMORY: Icon = Icon::MemoryStick;
/// The page of the lab.
pub const LAB: Icon = Icon::Scale;
/// The page of settings.
pub const SETTINGS: Icon = Icon::Settings;
/// Add.
pub const ADD: Icon = Icon::Plus;
/// Close or remove.
pub const CLOSE: Icon = Icon::X;
/// It worked; it fits.
pub const CHECK: Icon = Icon::Check;
/// Not as it should be; tight.
pub const WARNING: Icon = Icon::TriangleAlert;
/// It failed.
pub const ERROR: Icon = Icon::CircleAlert;
/// Good to know.
pub const INFO: Icon = Icon::Info;
/// Put on the clipboard.
pub const COPY: Icon = Icon::Copy;
/// Stop what runs.
pub const STOP: Icon = Icon::Square;
/// Stand still for a while.
pub const PAUSE: Icon = Icon::Pause;
/// Start.
pub const START: Icon = Icon::Play;
/// Search.
pub const SEARCH: Icon = Icon::Search;
/// Choose a file.
pub const OPEN: Icon = Icon::FolderOpen;
/// A folder.
pub const FOLDER: Icon = Icon::Folder;
/// A model file.
pub const FILE: Icon = Icon::HardDrive;
/// Get from the net.
pub const DOWNLOAD: Icon = Icon::Download;
/// Bring in by dropping.
pub const DROP: Icon = Icon::Upload;
/// Delete.
pub const DELETE: Icon = Icon::Trash2;
/// More below.
pub const DOWN: Icon = Icon::ChevronDown;
/// The one before.
pub const LEFT: Icon = Icon::ChevronLeft;
/// More at the right.
pub const RIGHT: Icon = Icon::ChevronRight;
/// To the newest.
pub const NEWEST: Icon = Icon::ArrowDown;
/// Again.
pub const AGAIN: Icon = Icon::RotateCcw;
/// Look again.
pub const REFRESH: Icon = Icon::RefreshCw;
/// Change the words.
pub const EDIT: Icon = Icon::Pencil;
/// Send the message.
pub const SEND: Icon = Icon::SendHorizontal;
/// Free the model.
pub const UNLOAD: Icon = Icon::Power;
/// What does this mean.
pub const HELP: Icon = Icon::CircleQuestionMark;
/// The list of shortcuts.
pub const KEYBOARD: Icon = Icon::Keyboard;
/// Take back.
pub const UNDO: Icon = Icon::Undo2;
/// Show.
pub const SHOW: Icon = Icon::Eye;
/// Show or fold the panel at the left.
pub const LEFT_PANEL: Icon = Icon::PanelLeft;
/// Show or fold the panel at the right.
pub const RIGHT_PANEL: Icon = Icon::PanelRight;
/// Narrow a list down.
pub const FILTER: Icon = Icon::ListFilter;
/// All tensors.
pub const TENSORS: Icon = Icon::LayoutGrid;
/// A flat list in place of a tree.
pub const FLAT: Icon = Icon::List;
/// The processor.
pub const PROCESSOR: Icon = Icon::Cpu;
/// Sampling.
pub const SAMPLING: Icon = Icon::SlidersHorizontal;
/// The exact prompt.
pub const PROMPT: Icon = Icon::FileText;
/// A token, text.
pub const TOKEN: Icon = Icon::Type;
