//! Where tensors lie in their file: sizes from shapes, then one sorted sweep for what overlaps, is missing or is left over.
//!
//! A tensor that can't be read gets its problem; the others stay readable.

use crate::file::notices::Notices;
use crate::file::{DType, TensorInfo, text};
use crate::units::{Bytes, grouped};

/// The room that a file has for tensor data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// Where the data starts.
    pub(crate) start: u64,
    /// What tensors' offsets are multiples of.
    pub(crate) alignment: u64,
    /// The file's length.
    pub(crate) end: u64,
}

/// Makes offsets absolute and fills in sizes and problems. The result is how many bytes the file is short.
pub(crate) fn place(tensors: &mut [TensorInfo], room: Room, notices: &mut Notices) -> Bytes {
    let mut needed = 0;
    for tensor in tensors.iter_mut() {
        size(tensor, notices);
        position(tensor, room, notices);
        if tensor.problem.is_none() && tensor.end() > room.end {
            needed = needed.max(tensor.end());
            let (start, end) = (tensor.offset, tensor.end());
            notices.problem(tensor, "past the end of the file", || {
                format!("needs bytes {} to {}, the file ends at {}", grouped(start), grouped(end), grouped(room.end))
            });
        }
    }
    let short = needed.saturating_sub(room.end);
    if short > 0 {
        notices.block(|| {
            format!(
                "{} bytes short (download incomplete?): the tensors need {} bytes, the file has {}",
                grouped(short),
                grouped(needed),
                grouped(room.end)
            )
        });
    }
    sweep(tensors, room, notices);
    Bytes(short)
}

/// The tensor's bytes from its shape and type.
fn size(tensor: &mut TensorInfo, notices: &mut Notices) {
    let elements = tensor.shape.iter().try_fold(1_u64, |n, &dim| n.checked_mul(dim));
    if tensor.shape.contains(&0) {
        notices.problem(tensor, "a dimension is 0", || "a dimension is 0".to_owned());
        return;
    }
    let dtype = tensor.dtype;
    let Some(block) = dtype.block_len() else {
        notices.problem(tensor, "unknown type", || format!("{}: its layout isn't known", dtype.name()));
        return;
    };
    let row = tensor.row_len();
    if elements.is_some() && !row.is_multiple_of(block) {
        notices.problem(tensor, "rows aren't whole blocks", || {
            format!("a row of {} weights isn't a whole number of {} blocks of {block}", grouped(row), dtype.name())
        });
        return;
    }
    if let Some(bytes) = elements.and_then(|_| dtype.byte_len(row, tensor.rows())) {
        tensor.bytes = Bytes(bytes);
    } else {
        let shape = shape_text(&tensor.shape);
        notices.problem(tensor, "its size overflows", || format!("its size overflows: {shape} of {}", dtype.name()));
    }
}

/// The tensor's absolute offset.
fn position(tensor: &mut TensorInfo, room: Room, notices: &mut Notices) {
    let relative = tensor.offset;
    tensor.offset = room.start.saturating_add(relative);
    if !relative.is_multiple_of(room.alignment) {
        notices.problem(tensor, "misaligned", || format!("its offset {} isn't a multiple of {}", grouped(relative), room.alignment));
    }
    if room.start.checked_add(relative).and_then(|start| start.checked_add(tensor.bytes.0)).is_none() {
        notices.problem(tensor, "past the end of the file", || {
            format!("starts {} bytes into the data, the file ends at {}", grouped(relative), grouped(room.end))
        });
    }
}

/// Goes through the tensors by offset: overlaps, holes, and room for those of unknown type.
fn sweep(tensors: &mut [TensorInfo], room: Room, notices: &mut Notices) {
    let mut order: Vec<u32> = (0..).take(tensors.len()).collect();
    order.sort_unstable_by_key(|&n| (tensors[n as usize].offset, n));

    let mut next = room.end;
    for pair in (0..order.len()).rev() {
        let tensor = &mut tensors[order[pair] as usize];
        if matches!(tensor.dtype, DType::Unknown(_) | DType::Other) {
            tensor.bytes = Bytes(next.saturating_sub(tensor.offset));
        }
        // Several at one offset share the room after it.
        if pair > 0 && tensors[order[pair - 1] as usize].offset < tensors[order[pair] as usize].offset {
            next = tensors[order[pair] as usize].offset.min(room.end);
        }
    }

    let all_known = tensors.iter().all(|tensor| tensor.problem.is_none());
    // The tensor that reaches farthest so far.
    let mut farthest: Option<usize> = None;
    for &n in &order {
        let n = n as usize;
        let sized = tensors[n].problem.as_deref().is_none_or(|problem| problem.starts_with(OVERLAP));
        if !sized {
            continue;
        }
        if let Some(before) = farthest {
            let end = tensors[before].end();
            if tensors[n].offset < end {
                overlap(tensors, before, n, notices);
            } else if all_known && tensors[n].offset > end.next_multiple_of(room.alignment) {
                let hole = tensors[n].offset - end;
                notices.warn(|| format!("{} unused bytes before tensor `{}`", grouped(hole), short_name(&tensors[n])));
            }
        } else if all_known && tensors[n].offset > room.start {
            let hole = tensors[n].offset - room.start;
            notices.warn(|| format!("{} unused bytes before tensor `{}`", grouped(hole), short_name(&tensors[n])));
        }
        if farthest.is_none_or(|before| tensors[n].end() >= tensors[before].end()) {
            farthest = Some(n);
        }
    }
    if all_known
        && let Some(last) = farthest
        && room.end > tensors[last].end().next_multiple_of(room.alignment)
    {
        notices.warn(|| format!("{} unused bytes after the last tensor", grouped(room.end - tensors[last].end())));
    }
}

/// How the problem of a tensor that shares bytes with another begins.
const OVERLAP: &str = "overlaps";

fn overlap(tensors: &mut [TensorInfo], a: usize, b: usize, notices: &mut Notices) {
    let (first, second) = (short_name(&tensors[a]), short_name(&tensors[b]));
    let shared = tensors[a].end().min(tensors[b].end()) - tensors[b].offset;
    notices.block(|| format!("tensors `{first}` and `{second}` overlap by {} bytes", grouped(shared)));
    notices.problem(&mut tensors[a], "overlaps another", || format!("{OVERLAP} `{second}` by {} bytes", grouped(shared)));
    notices.problem(&mut tensors[b], "overlaps another", || format!("{OVERLAP} `{first}` by {} bytes", grouped(shared)));
}

/// A tensor's name, short enough for a message.
pub(crate) fn short_name(tensor: &TensorInfo) -> String {
    text::shown(&tensor.name, 80)
}

/// A shape in messages: `[576, 1536]`.
pub(crate) fn shape_text(shape: &[u64]) -> String {
    let dims: Vec<String> = shape.iter().map(ToString::to_string).collect();
    format!("[{}]", dims.join(", "))
}
