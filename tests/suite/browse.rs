//! The tensors of a file as a tree, a filtered list and a map.

use ponder::inspect::Model;
use ponder::inspect::browse::filter::Filter;
use ponder::inspect::browse::tree::{Arrangement, Column, Tree};
use ponder::inspect::browse::treemap::{Area, Meaning, Treemap, squarified, strips};

use crate::support::browse::listed;

fn shown(model: &Model, arrangement: Arrangement, filter: &str, open: &dyn Fn(&str) -> bool) -> Vec<String> {
    let filter = Filter::parse(filter).unwrap();
    let tree = Tree::of(model);
    let passes = |tensor: usize| filter.passes(&model.file.tensors[tensor], model.roles[tensor]);
    let rows = tree.rows(model, arrangement, &|node| open(&node.path), &passes);
    rows.iter().map(|row| format!("{}{}", "  ".repeat(tree.node(row.node).depth), tree.node(row.node).label)).collect()
}

const NAMES: [&str; 6] =
    ["output.weight", "blk.10.attn_q.weight", "blk.9.attn_q.weight", "blk.9.attn_k.weight", "blk.9.attn_k.bias", "token_embd.weight"];

#[test]
fn modules_hold_what_names_have_in_common_in_the_order_of_numbers() {
    let model = listed(&NAMES.map(|name| (name, 64)));
    let all = shown(&model, Arrangement::default(), "", &|_| true);
    let expected = [
        "blk",
        "  9",
        "    attn_k",
        "      bias",
        "      weight",
        "    attn_q.weight",
        "  10.attn_q.weight",
        "output.weight",
        "token_embd.weight",
    ];
    assert_eq!(all, expected);
    assert_eq!(
        shown(&model, Arrangement::default(), "", &|path| path == "blk"),
        ["blk", "  9", "  10.attn_q.weight", "output.weight", "token_embd.weight"]
    );
}

#[test]
fn a_module_shows_what_passes_in_it() {
    let model = listed(&NAMES.map(|name| (name, 64)));
    let tree = Tree::of(&model);
    let rows = tree.rows(&model, Arrangement::default(), &|_| false, &|tensor| model.file.tensors[tensor].name.contains("attn_k"));
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((row.total.tensors, row.total.parameters, row.total.bytes.0), (2, 128, 512));
    assert_eq!(row.total.bits_per_weight(), Some(32.0));
}

#[test]
fn siblings_and_the_flat_list_are_sorted_by_any_column() {
    let model = listed(&[("a.small", 8), ("a.large", 32), ("b.middle", 16), ("b.tiny", 4)]);
    let by = |by, descending, flat| shown(&model, Arrangement { by, descending, flat }, "", &|_| true);
    assert_eq!(by(Column::Bytes, true, true), ["  large", "  middle", "  small", "  tiny"]);
    assert_eq!(by(Column::Bytes, false, false), ["b", "  tiny", "  middle", "a", "  small", "  large"]);
    assert_eq!(by(Column::Place, false, true), ["  small", "  large", "  middle", "  tiny"]);
}

#[test]
fn the_modules_around_a_tensor_are_found() {
    let model = listed(&NAMES.map(|name| (name, 64)));
    let tree = Tree::of(&model);
    let around: Vec<&str> = tree.around(4).iter().map(|node| node.path.as_str()).collect();
    assert_eq!(around, ["blk", "blk.9", "blk.9.attn_k"]);
}

#[test]
fn every_word_of_a_filter_must_hold() {
    let model = listed(&NAMES.map(|name| (name, 64)));
    let count = |filter: &str| shown(&model, Arrangement { flat: true, ..Arrangement::default() }, filter, &|_| true).len();
    assert_eq!(count("attn"), 4);
    assert_eq!(count("ATTN weight"), 3);
    assert_eq!(count("blk.*.attn_?.weight"), 3);
    assert_eq!(count("attn_q*"), 0, "a pattern is for all of the name");
    assert_eq!(count("-attn"), 2);
    assert_eq!(count("layer:9"), 3);
    assert_eq!(count("layer:9-"), 4);
    assert_eq!(count("layer:0-9 role:attn_q"), 1);
    assert_eq!(count("dtype:f32 size>255"), 6);
    assert_eq!(count("size<0.25kib"), 0);
    assert_eq!(count("size<0.26kib"), 6);
    assert!(Filter::parse("size>many").unwrap_err().contains("`size>many`"));
    assert!(Filter::parse("layer:x").is_err());
}

#[test]
fn a_pattern_of_many_stars_ends() {
    let name = "a".repeat(10_000);
    let model = listed(&[(name.as_str(), 4)]);
    let filter = Filter::parse(&format!("{}b", "*a".repeat(200))).unwrap();
    assert!(!filter.passes(&model.file.tensors[0], model.roles[0]));
}

#[test]
fn layers_are_read_like_lines() {
    let inside = Area { x: 1.0, y: 2.0, width: 6.0, height: 4.0 };
    for sizes in [vec![1.0; 24], vec![3.0, 1.0, 1.0, 2.0, 2.0, 5.0, 0.5, 0.5], vec![7.0], vec![1.0, 0.0, 2.0]] {
        let areas = strips(&sizes, inside);
        let (sum, map) = (sizes.iter().sum::<f64>(), inside.width * inside.height);
        for (area, size) in areas.iter().zip(&sizes) {
            assert!((area.width * area.height - size / sum * map).abs() < 1e-9, "{area:?} for {size}");
        }
        for pair in areas.windows(2) {
            let beside = (pair[1].y - pair[0].y).abs() < 1e-9 && pair[1].x >= pair[0].x + pair[0].width - 1e-9;
            let below = (pair[1].x - inside.x).abs() < 1e-9 && (pair[1].y - pair[0].y - pair[0].height).abs() < 1e-9;
            assert!(beside || below, "{pair:?}");
        }
        let end = areas.last().unwrap();
        assert!((end.x + end.width - 7.0).abs() < 1e-9 && (end.y + end.height - 6.0).abs() < 1e-9);
    }
    let [first, ..] = strips(&[1.0; 24], inside)[..] else { panic!() };
    assert!((first.width - 1.0).abs() < 1e-9 && (first.height - 1.0).abs() < 1e-9, "24 squares in 6 × 4");
    assert!(strips(&[], inside).is_empty());
}

#[test]
fn areas_are_as_large_as_their_share_and_fill_the_map() {
    let sizes = [6.0, 6.0, 4.0, 3.0, 2.0, 2.0, 1.0];
    let inside = Area { x: 1.0, y: 2.0, width: 6.0, height: 4.0 };
    let areas = squarified(&sizes, inside);
    for (area, size) in areas.iter().zip(sizes) {
        assert!((area.width * area.height - size).abs() < 1e-9);
        assert!(area.x >= 1.0 - 1e-9 && area.y >= 2.0 - 1e-9 && area.x + area.width <= 7.0 + 1e-9 && area.y + area.height <= 6.0 + 1e-9);
    }
    for (n, area) in areas.iter().enumerate() {
        let less = |a: &Area| Area { x: a.x + 1e-6, y: a.y + 1e-6, width: a.width - 2e-6, height: a.height - 2e-6 };
        assert!(areas[n + 1..].iter().all(|other| !less(area).meets(&less(other))), "no two areas share anything");
    }
    // The example of the paper: 6 and 6 above each other, of width 3.
    assert!((areas[0].width - 3.0).abs() < 1e-9 && (areas[1].height - 2.0).abs() < 1e-9);
    assert!(squarified(&[], inside).is_empty());
    assert_eq!(squarified(&[0.0, 0.0], inside).len(), 2);
}

#[test]
fn the_map_finds_the_tensor_at_each_point() {
    let model = listed(&NAMES.map(|name| (name, 64)));
    let map = Treemap::of(&model, 0.5);
    for (at, tensor) in model.file.tensors.iter().enumerate() {
        let region = map.tensor(at).unwrap();
        assert_eq!(region.bytes, tensor.bytes);
        let middle = [region.area.x + region.area.width / 2.0, region.area.y + region.area.height / 2.0];
        assert_eq!(map.tensor_at(middle).unwrap().meaning, Meaning::Tensor(at));
    }
    assert!(map.tensor_at([2.0, 0.1]).is_none());
    let layers: Vec<usize> =
        map.regions().iter().filter_map(|region| if let Meaning::Layer(n) = region.meaning { Some(n) } else { None }).collect();
    assert_eq!(layers, [9, 10]);
}
