//! What the operating system says: the process's resident set and the machine's memory.
//!
//! Inside a memory cgroup the group's limit is the machine. Device memory of a GPU is not read here.

use sysinfo::{MemoryRefreshKind, ProcessRefreshKind, ProcessesToUpdate, System};

use crate::units::Bytes;

/// The machine as this process may use it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Machine {
    /// All the memory there is (or the cgroup allows).
    pub total: Bytes,
    /// What could be allocated without pushing anything out.
    pub available: Bytes,
    /// Logical processors.
    pub processors: usize,
}

/// The process as the operating system sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProcessMemory {
    /// Resident set now.
    pub resident: Bytes,
    /// Highest resident set so far; absent where the system does not say.
    pub resident_peak: Option<Bytes>,
}

/// Reads the figures; keeps what the system library wants kept between reads.
#[derive(Debug)]
pub struct Probe {
    /// `None` on a system that the library does not know: every figure is then zero.
    system: Option<System>,
}

impl Default for Probe {
    fn default() -> Self {
        Self { system: System::new().ok() }
    }
}

impl Probe {
    /// The machine now.
    pub fn machine(&mut self) -> Machine {
        let (mut total, mut available) = (0, 0);
        if let Some(system) = &mut self.system {
            system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
            (total, available) = (system.total_memory(), system.available_memory());
            if let Some(group) = system.cgroup_limits() {
                total = total.min(group.total_memory);
                available = available.min(group.free_memory);
            }
        }
        Machine { total: Bytes(total), available: Bytes(available), processors: std::thread::available_parallelism().map_or(1, Into::into) }
    }

    /// This process now.
    pub fn process(&mut self) -> ProcessMemory {
        if let Some(memory) = from_proc() {
            return memory;
        }
        let (Some(system), Ok(pid)) = (&mut self.system, sysinfo::get_current_pid()) else { return ProcessMemory::default() };
        let refresh = ProcessRefreshKind::nothing().with_memory();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, refresh);
        let resident = system.process(pid).map_or(0, sysinfo::Process::memory);
        ProcessMemory { resident: Bytes(resident), resident_peak: None }
    }
}

/// Linux tells both figures in one small file.
fn from_proc() -> Option<ProcessMemory> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
        Some(Bytes(kib * 1024))
    };
    Some(ProcessMemory { resident: field("VmRSS:")?, resident_peak: field("VmHWM:") })
}
