//! Where the bytes are, as areas: part → layer → role → tensor, each as large as its share of the file.
//!
//! The whole map is a rectangle of width 1; places are F64, so that what is inside stays sharp however near one goes. Rows of areas are
//! laid out as squarely as they can be (Bruls, Huizing and van Wijk: Squarified Treemaps, 2000); layers stand in strips, to be read like
//! lines (Bederson, Shneiderman and Wattenberg: Ordered and Quantum Treemaps, 2002).

use std::collections::BTreeMap;

use crate::inspect::Model;
use crate::inspect::roles::{self, Role};
use crate::units::Bytes;

/// A rectangle of the map.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Area {
    /// Its left edge.
    pub x: f64,
    /// Its upper edge.
    pub y: f64,
    /// Its width.
    pub width: f64,
    /// Its height.
    pub height: f64,
}

impl Area {
    /// Whether a point is in it.
    #[must_use]
    pub fn contains(&self, [x, y]: [f64; 2]) -> bool {
        (self.x..self.x + self.width).contains(&x) && (self.y..self.y + self.height).contains(&y)
    }

    /// Whether it shares something with another.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        self.x < other.x + other.width && other.x < self.x + self.width && self.y < other.y + other.height && other.y < self.y + self.height
    }
}

/// What an area stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// A part of the model.
    Part(&'static str),
    /// A layer.
    Layer(usize),
    /// The tensors of a role in a layer, where there are several.
    Role(Role),
    /// A tensor, by its place in the file's list.
    Tensor(usize),
}

/// An area of the map with those in it.
#[derive(Debug, Clone)]
pub struct Region {
    /// What it stands for.
    pub meaning: Meaning,
    /// Its bytes in the file.
    pub bytes: Bytes,
    /// Where it is.
    pub area: Area,
    /// How many regions it is in.
    pub depth: usize,
    /// The first region that is not in it: those in it follow it.
    pub end: usize,
}

/// The map of a file.
#[derive(Debug, Clone, Default)]
pub struct Treemap {
    regions: Vec<Region>,
    height: f64,
}

impl Treemap {
    /// Lays out a file's tensors on a map of width 1 and this height; tensors without bytes are left out.
    #[must_use]
    pub fn of(model: &Model, height: f64) -> Self {
        let mut map = Self { regions: Vec::new(), height };
        let whole = Area { x: 0.0, y: 0.0, width: 1.0, height };
        map.lay_out(parts(model), whole, 0);
        map
    }

    /// Its height where its width is 1.
    #[must_use]
    pub const fn height(&self) -> f64 {
        self.height
    }

    /// All regions, each before those in it.
    #[must_use]
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// The tensor at a point.
    #[must_use]
    pub fn tensor_at(&self, point: [f64; 2]) -> Option<&Region> {
        let mut at = 0;
        while let Some(region) = self.regions.get(at) {
            if !region.area.contains(point) {
                at = region.end;
            } else if matches!(region.meaning, Meaning::Tensor(_)) {
                return Some(region);
            } else {
                at += 1;
            }
        }
        None
    }

    /// The region of a tensor.
    #[must_use]
    pub fn tensor(&self, tensor: usize) -> Option<&Region> {
        self.regions.iter().find(|region| region.meaning == Meaning::Tensor(tensor))
    }

    fn lay_out(&mut self, groups: Vec<Group>, inside: Area, depth: usize) {
        let sizes: Vec<f64> = groups.iter().map(|group| group.bytes.as_f64()).collect();
        let ordered = matches!(groups.first(), Some(Group { meaning: Meaning::Layer(_), .. }));
        let areas = if ordered { strips(&sizes, inside) } else { squarified(&sizes, inside) };
        for (group, area) in groups.into_iter().zip(areas) {
            let at = self.regions.len();
            self.regions.push(Region { meaning: group.meaning, bytes: group.bytes, area, depth, end: at + 1 });
            self.lay_out(group.inside, area, depth + 1);
            self.regions[at].end = self.regions.len();
        }
    }
}

/// A region before it has a place.
struct Group {
    meaning: Meaning,
    bytes: Bytes,
    inside: Vec<Self>,
}

impl Group {
    fn new(meaning: Meaning, inside: Vec<Self>) -> Self {
        Self { meaning, bytes: inside.iter().map(|group| group.bytes).sum(), inside }
    }
}

const LAYERS: &str = "layers";

/// The parts of a model, the layers among them, largest first; a group with one thing in it is that thing.
fn parts(model: &Model) -> Vec<Group> {
    let mut parts: BTreeMap<&'static str, Vec<Group>> = BTreeMap::new();
    let mut layers: BTreeMap<usize, BTreeMap<Role, Vec<Group>>> = BTreeMap::new();
    for (at, (tensor, &role)) in model.file.tensors.iter().zip(&model.roles).enumerate() {
        if tensor.bytes.0 == 0 {
            continue;
        }
        let leaf = Group { meaning: Meaning::Tensor(at), bytes: tensor.bytes, inside: Vec::new() };
        match roles::layer(&tensor.name) {
            Some(layer) => layers.entry(layer).or_default().entry(role).or_default().push(leaf),
            None => parts.entry(outside(role)).or_default().push(leaf),
        }
    }
    let mut all: Vec<Group> = parts.into_iter().map(|(name, leaves)| Group::new(Meaning::Part(name), sorted(leaves))).collect();
    if !layers.is_empty() {
        let layers = layers.into_iter().map(|(layer, roles)| {
            let roles = roles.into_iter().map(|(role, leaves)| single(Group::new(Meaning::Role(role), sorted(leaves))));
            Group::new(Meaning::Layer(layer), sorted(roles.collect()))
        });
        all.push(Group::new(Meaning::Part(LAYERS), layers.collect()));
    }
    sorted(all)
}

/// The name of what isn't in a layer.
const fn outside(role: Role) -> &'static str {
    match role {
        Role::Embedding => "token embedding",
        Role::Output => "output head",
        Role::Norm => "norms",
        _ => "other",
    }
}

/// The only thing in a group, or the group.
fn single(mut group: Group) -> Group {
    if group.inside.len() == 1 { group.inside.pop().unwrap_or(group) } else { group }
}

/// The largest first.
fn sorted(mut groups: Vec<Group>) -> Vec<Group> {
    groups.sort_by_key(|group| std::cmp::Reverse(group.bytes));
    groups
}

/// Areas of these sizes, in their order, which fill `inside`: rows along its shorter side, each as long as it makes its areas squarer.
#[must_use]
pub fn squarified(sizes: &[f64], inside: Area) -> Vec<Area> {
    let mut areas = Vec::with_capacity(sizes.len());
    let mut left = inside;
    let mut rest: f64 = sizes.iter().sum();
    let mut at = 0;
    while at < sizes.len() && rest > 0.0 {
        let side = left.width.min(left.height);
        let scale = left.width * left.height / rest;
        let mut sum = 0.0;
        let mut len = 0;
        let mut worst = f64::INFINITY;
        let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
        for &size in &sizes[at..] {
            let area = size * scale;
            let (total, smallest, largest) = (sum + area, least.min(area), most.max(area));
            let ratio = (side * side * largest / (total * total)).max(total * total / (side * side * smallest));
            if ratio > worst {
                break;
            }
            (worst, sum, least, most) = (ratio, total, smallest, largest);
            len += 1;
        }
        let len = len.max(1);
        let row = &sizes[at..at + len];
        let row_sum: f64 = row.iter().sum();
        let share = if at + len == sizes.len() { 1.0 } else { row_sum / rest };
        areas.extend(place(row, row_sum, share, &mut left));
        rest -= row_sum;
        at += len;
    }
    areas.resize(sizes.len(), Area { width: 0.0, height: 0.0, ..left });
    areas
}

/// Areas of these sizes, which fill `inside` and are read like lines: as many strips as make the areas squarest.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a number of strips")]
pub fn strips(sizes: &[f64], inside: Area) -> Vec<Area> {
    let long = |area: &Area| (area.width / area.height).max(area.height / area.width);
    let badness = |areas: &[Area]| areas.iter().filter(|area| area.width > 0.0 && area.height > 0.0).map(long).sum::<f64>();
    let layouts = (1..=sizes.len()).map(|n| in_strips(sizes, n as f64, inside));
    layouts.min_by(|a, b| badness(a).total_cmp(&badness(b))).unwrap_or_default()
}

/// The same in about `n` strips: an area stands in the one that its middle falls in.
fn in_strips(sizes: &[f64], n: f64, inside: Area) -> Vec<Area> {
    let total: f64 = sizes.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    let mut before = 0.0;
    let strip = |size: f64| {
        let middle = before + size / 2.0;
        before += size;
        (middle / total * n).floor()
    };
    let strip_of: Vec<f64> = sizes.iter().copied().map(strip).collect();
    let mut left = inside;
    let mut rest = total;
    let mut areas = Vec::with_capacity(sizes.len());
    for same in strip_of.chunk_by(|a, b| (a - b).abs() < 0.5) {
        let row = &sizes[areas.len()..areas.len() + same.len()];
        let sum = row.iter().sum::<f64>();
        let height = if rest > 0.0 { left.height * (sum / rest).min(1.0) } else { 0.0 };
        let mut x = left.x;
        for size in row {
            let width = if sum > 0.0 { left.width * size / sum } else { 0.0 };
            areas.push(Area { x, y: left.y, width, height });
            x += width;
        }
        (left.y, left.height, rest) = (left.y + height, left.height - height, rest - sum);
    }
    areas
}

/// Puts a row of areas at the shorter side, `share` of what is left deep, and takes it away from that.
fn place(row: &[f64], sum: f64, share: f64, left: &mut Area) -> Vec<Area> {
    let across = left.width >= left.height;
    let deep = if across { left.width * share } else { left.height * share };
    let mut before = 0.0;
    let areas = row.iter().map(|&size| {
        let (start, len) = (before / sum, size / sum);
        before += size;
        if across {
            Area { x: left.x, y: left.y + left.height * start, width: deep, height: left.height * len }
        } else {
            Area { x: left.x + left.width * start, y: left.y, width: left.width * len, height: deep }
        }
    });
    let areas = areas.collect();
    if across {
        (left.x, left.width) = (left.x + deep, left.width - deep);
    } else {
        (left.y, left.height) = (left.y + deep, left.height - deep);
    }
    areas
}
