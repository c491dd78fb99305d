//! The room that is left on a disk. It says nothing of memory, but it is the operating system that is asked, as in [`super::probe`].

use std::path::Path;

use sysinfo::Disks;

use crate::units::Bytes;

/// What can be written in a folder, by the disk that holds it; `None` where the system does not say.
#[must_use]
pub fn room(folder: &Path) -> Option<Bytes> {
    let folder = folder.canonicalize().ok()?;
    let disks = Disks::new_with_refreshed_list().ok()?;
    let holding = disks.iter().filter(|disk| folder.starts_with(disk.mount_point()));
    let nearest = holding.max_by_key(|disk| disk.mount_point().components().count())?;
    Some(Bytes(nearest.available_space()))
}
