//! The compute threads: each piece of work is done once, whatever throws, sleeps, nests or comes at the same time.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ponder::kernels::pool::Pool;

const THREADS: [usize; 6] = [0, 1, 2, 3, 8, 17];

/// Squares of the places of an array, cut into chunks.
fn squares(pool: &Pool, n: usize, len: usize) -> Vec<usize> {
    let mut out = vec![usize::MAX; n];
    pool.chunks(&mut out, len, |i, chunk| {
        assert!(chunk.len() == len.max(1) || (i + 1) * len >= n, "only the last may be shorter");
        for (j, value) in chunk.iter_mut().enumerate() {
            *value = (i * len.max(1) + j).pow(2);
        }
    });
    out
}

fn expected(n: usize) -> Vec<usize> {
    (0..n).map(|i| i * i).collect()
}

#[test]
fn every_chunk_is_worked_on_once_by_any_number_of_threads() {
    for threads in THREADS {
        let pool = Pool::new(threads).unwrap();
        assert_eq!(pool.threads(), threads.max(1));
        for n in [0, 1, 2, 3, 31, 32, 33, 100, 1000] {
            for len in [0, 1, 2, 7, 32, 2000] {
                assert_eq!(squares(&pool, n, len), expected(n), "{n} in chunks of {len} by {threads}");
            }
        }
    }
}

#[test]
fn each_index_comes_once() {
    let pool = Pool::new(4).unwrap();
    for count in [0, 1, 2, 5, 1000] {
        let seen: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
        pool.each(count, |i| {
            seen[i].fetch_add(1, Ordering::Relaxed);
        });
        assert!(seen.iter().all(|n| n.load(Ordering::Relaxed) == 1), "of {count}");
    }
}

#[test]
fn several_slices_are_one_job() {
    for threads in THREADS {
        let pool = Pool::new(threads).unwrap();
        let (mut a, mut b, mut c) = (vec![0; 100], Vec::new(), vec![0; 7]);
        pool.chunks_of([&mut a[..], &mut b[..], &mut c[..]], 3, |part, i, chunk| {
            for (j, value) in chunk.iter_mut().enumerate() {
                *value += 1000 * part + 3 * i + j;
            }
        });
        assert_eq!(a, (0..100).collect::<Vec<_>>());
        assert_eq!(c, (2000..2007).collect::<Vec<_>>());
    }
}

#[test]
fn many_small_jobs_see_what_was_written_before() {
    for threads in [2, 3, 8] {
        let pool = Pool::new(threads).unwrap();
        let mut values = vec![0usize; 64];
        for round in 0..20_000 {
            pool.chunks(&mut values, 4, |_, chunk| {
                for value in chunk {
                    assert_eq!(*value, round);
                    *value += 1;
                }
            });
        }
        assert_eq!(values, vec![20_000; 64]);
    }
}

#[test]
fn a_pool_that_slept_wakes_up() {
    let pool = Pool::new(3).unwrap();
    for pause in [0, 30, 60, 100, 300, 1000, 5000].into_iter().cycle().take(140) {
        thread::sleep(Duration::from_micros(pause));
        assert_eq!(squares(&pool, 50, 3), expected(50));
    }
}

#[test]
fn work_is_shared_with_a_thread_that_slept() {
    let pool = Pool::new(2).unwrap();
    thread::sleep(Duration::from_millis(20));
    let both = Barrier::new(2);
    let mut pair = [0; 2];
    // Would hang if one thread did both.
    pool.chunks(&mut pair, 1, |i, one| {
        both.wait();
        one[0] = i + 1;
    });
    assert_eq!(pair, [1, 2]);
}

#[test]
fn a_panic_comes_to_the_caller_and_the_pool_lives_on() {
    for threads in THREADS {
        let pool = Pool::new(threads).unwrap();
        for round in 0..300 {
            let thrown = catch_unwind(AssertUnwindSafe(|| {
                let mut out = vec![0; 40];
                pool.chunks(&mut out, 1, |i, _| {
                    if i == round % 40 {
                        resume_unwind(Box::new(format!("round {round}")));
                    }
                });
            }));
            assert_eq!(*thrown.unwrap_err().downcast::<String>().unwrap(), format!("round {round}"));
            assert_eq!(squares(&pool, 40, 3), expected(40));
        }
    }
}

#[test]
fn all_threads_may_panic_at_once() {
    let pool = Pool::new(3).unwrap();
    let all = Barrier::new(3);
    for _ in 0..100 {
        let thrown = catch_unwind(AssertUnwindSafe(|| {
            pool.each(3, |i| {
                all.wait();
                resume_unwind(Box::new(i));
            });
        }));
        assert!(*thrown.unwrap_err().downcast::<usize>().unwrap() < 3);
    }
    assert_eq!(squares(&pool, 40, 3), expected(40));
}

#[test]
fn nobody_works_on_after_a_panic_has_come_to_the_caller() {
    let pool = Pool::new(2).unwrap();
    let both = Barrier::new(2);
    let finished = AtomicUsize::new(0);
    let thrown = catch_unwind(AssertUnwindSafe(|| {
        pool.each(2, |i| {
            both.wait();
            if i == 0 {
                resume_unwind(Box::new(()));
            }
            thread::sleep(Duration::from_millis(20));
            finished.fetch_add(1, Ordering::Relaxed);
        });
    }));
    assert!(thrown.is_err());
    assert_eq!(finished.load(Ordering::Relaxed), 1, "the other was waited for");
}

#[test]
fn a_job_may_ask_for_jobs() {
    for threads in THREADS {
        let pool = Pool::new(threads).unwrap();
        for _ in 0..100 {
            let mut table = vec![0usize; 20 * 30];
            pool.chunks(&mut table, 30, |i, row| {
                pool.chunks(row, 7, |j, part| {
                    for (k, value) in part.iter_mut().enumerate() {
                        *value = 30 * i + 7 * j + k;
                    }
                });
            });
            assert_eq!(table, (0..600).collect::<Vec<_>>());
        }
    }
}

#[test]
fn several_threads_may_use_it_at_once() {
    let pool = Pool::new(3).unwrap();
    thread::scope(|scope| {
        for thread in 0..5 {
            let pool = &pool;
            scope.spawn(move || {
                for round in 0..2000 {
                    let n = 1 + (thread + round) % 90;
                    assert_eq!(squares(pool, n, 3), expected(n));
                    if round % 50 == thread {
                        let throws = || {
                            pool.each(20, |i| {
                                if i == 11 {
                                    resume_unwind(Box::new(thread));
                                }
                            });
                        };
                        let payload = catch_unwind(AssertUnwindSafe(throws)).unwrap_err();
                        assert_eq!(*payload.downcast::<usize>().unwrap(), thread, "each gets its own panic");
                    }
                }
            });
        }
    });
}

#[test]
fn a_pool_ends_whether_its_threads_run_or_sleep() {
    for round in 0..200 {
        let pool = Pool::new(1 + round % 6).unwrap();
        if round % 3 > 0 {
            assert_eq!(squares(&pool, 100, 3), expected(100));
        }
        if round % 2 > 0 {
            thread::sleep(Duration::from_micros(40 * u64::try_from(round).unwrap() % 500));
        }
    }
}

#[test]
fn candles_loops_get_as_many_threads() {
    let pool = Pool::new(3).unwrap();
    let threads = || rayon::current_num_threads();
    assert_eq!(pool.install(threads).unwrap(), 3);
    assert_eq!(pool.install(threads).unwrap(), 3);
}

/// States of this process's threads of this name, as Linux tells them.
#[cfg(target_os = "linux")]
fn states(name: &str) -> Vec<char> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let stats = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("stat")).ok());
    stats.filter_map(|stat| stat.split_once(&format!("({name}) ")).and_then(|(_, rest)| rest.chars().next())).collect()
}

#[test]
#[cfg(target_os = "linux")]
fn threads_without_work_sleep() {
    let pool = Pool::new(38).unwrap();
    assert_eq!(squares(&pool, 1000, 3), expected(1000));
    let patience = Instant::now() + Duration::from_mins(1);
    while states("compute 37") != ['S'] {
        assert!(Instant::now() < patience, "the last of the threads is {:?}", states("compute 37"));
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(squares(&pool, 1000, 3), expected(1000));
}
