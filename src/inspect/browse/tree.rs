//! The tensors of a file as a tree of modules, with what each module holds in all.
//!
//! A module is what names have in common up to a point (`blk`, `blk.0`). Modules with one thing in them are drawn together with it.
//! Which of them are open and how rows are sorted is the caller's to say.

use std::cmp::Ordering;

use super::natural;
use crate::inspect::Model;
use crate::units::Bytes;

/// Parts of a name beyond these are not taken apart.
const DEEPEST: usize = 24;

/// A module, or a tensor.
#[derive(Debug, Clone)]
pub struct Node {
    /// The end of its name, which its row shows: `attn_q.weight` inside `blk.0`.
    pub label: String,
    /// All of its name.
    pub path: String,
    /// Modules around it.
    pub depth: usize,
    /// The tensor, in the file's order; `None` for a module.
    pub tensor: Option<usize>,
    /// What is in it, in the natural order of names.
    children: Vec<u32>,
}

/// The tree.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    nodes: Vec<Node>,
    top: Vec<u32>,
}

/// A row of the list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// See [`Tree::node`].
    pub node: u32,
    /// Whether what is in it follows.
    pub open: bool,
    /// What of it is shown.
    pub total: Total,
}

/// What some tensors are together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Total {
    /// How many.
    pub tensors: usize,
    /// Their bytes in the file.
    pub bytes: Bytes,
    /// Their elements, saturating.
    pub parameters: u64,
}

impl Total {
    fn plus(self, other: Self) -> Self {
        Self {
            tensors: self.tensors + other.tensors,
            bytes: Bytes(self.bytes.0.saturating_add(other.bytes.0)),
            parameters: self.parameters.saturating_add(other.parameters),
        }
    }

    /// Bits that each of the weights takes.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "for a person to read")]
    pub fn bits_per_weight(&self) -> Option<f64> {
        (self.parameters > 0).then(|| 8.0 * self.bytes.as_f64() / self.parameters as f64)
    }
}

/// What rows are sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Column {
    /// The name, naturally.
    #[default]
    Name,
    /// The place in the file.
    Place,
    /// The storage type.
    DType,
    /// The bytes in the file.
    Bytes,
    /// Bits per weight.
    Bits,
    /// The number of weights.
    Parameters,
    /// The role.
    Role,
}

/// How rows are arranged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Arrangement {
    /// What they are sorted by.
    pub by: Column,
    /// The largest first.
    pub descending: bool,
    /// Tensors alone, without modules.
    pub flat: bool,
}

impl Tree {
    /// The tree of a file's tensors.
    #[must_use]
    pub fn of(model: &Model) -> Self {
        let tensors = &model.file.tensors;
        let mut order: Vec<usize> = (0..tensors.len()).collect();
        order.sort_by(|&a, &b| natural::compare(&tensors[a].name, &tensors[b].name).then(a.cmp(&b)));
        let mut builder = Builder { nodes: Vec::with_capacity(2 * tensors.len()), top: Vec::new(), open: Vec::new() };
        for tensor in order {
            builder.add(&tensors[tensor].name, tensor);
        }
        let mut tree = Self { nodes: builder.nodes, top: builder.top };
        tree.join();
        tree
    }

    /// A row's module or tensor.
    #[must_use]
    pub fn node(&self, node: u32) -> &Node {
        &self.nodes[node as usize]
    }

    /// The rows to be shown: modules that are open with what passes in them, those without anything that passes not at all.
    #[must_use]
    pub fn rows(
        &self,
        model: &Model,
        arrangement: Arrangement,
        is_open: &dyn Fn(&Node) -> bool,
        passes: &dyn Fn(usize) -> bool,
    ) -> Vec<Row> {
        let totals = self.totals(model, passes);
        let mut rows = Vec::new();
        if arrangement.flat {
            let leaves = (0..).zip(&self.nodes).filter(|(node, leaf)| leaf.tensor.is_some() && totals[*node as usize].tensors > 0);
            let mut leaves: Vec<u32> = leaves.map(|(node, _)| node).collect();
            self.sort(model, &totals, arrangement, &mut leaves);
            return leaves.into_iter().map(|node| Row { node, open: false, total: totals[node as usize] }).collect();
        }
        let sorted = |children: &[u32]| {
            let mut children: Vec<u32> = children.iter().copied().filter(|&child| totals[child as usize].tensors > 0).collect();
            self.sort(model, &totals, arrangement, &mut children);
            children.reverse();
            children
        };
        let mut stack = sorted(&self.top);
        while let Some(node) = stack.pop() {
            let entry = self.node(node);
            let open = entry.tensor.is_none() && is_open(entry);
            rows.push(Row { node, open, total: totals[node as usize] });
            if open {
                stack.extend(sorted(&entry.children));
            }
        }
        rows
    }

    /// The modules around a tensor, outermost first: what must be open for its row to be seen.
    #[must_use]
    pub fn around(&self, tensor: usize) -> Vec<&Node> {
        let Some(leaf) = self.nodes.iter().find(|node| node.tensor == Some(tensor)) else { return Vec::new() };
        let is_around =
            |node: &&Node| node.tensor.is_none() && leaf.path.strip_prefix(&node.path).is_some_and(|rest| rest.starts_with('.'));
        self.nodes.iter().filter(is_around).collect()
    }

    /// What passes of each node. A node comes before all that is in it.
    fn totals(&self, model: &Model, passes: &dyn Fn(usize) -> bool) -> Vec<Total> {
        let mut totals = vec![Total::default(); self.nodes.len()];
        for (at, node) in self.nodes.iter().enumerate().rev() {
            totals[at] = match node.tensor {
                Some(tensor) if passes(tensor) => {
                    let tensor = &model.file.tensors[tensor];
                    Total { tensors: 1, bytes: tensor.bytes, parameters: tensor.elements() }
                }
                Some(_) => Total::default(),
                None => node.children.iter().fold(Total::default(), |sum, &child| sum.plus(totals[child as usize])),
            };
        }
        totals
    }

    /// Sorts siblings; equal ones stay in the order of their names.
    fn sort(&self, model: &Model, totals: &[Total], arrangement: Arrangement, nodes: &mut [u32]) {
        let tensor = |node: u32| self.node(node).tensor;
        let total = |node: u32| &totals[node as usize];
        let compare = |&a: &u32, &b: &u32| -> Ordering {
            match arrangement.by {
                Column::Name => a.cmp(&b),
                Column::Place => self.first(a).cmp(&self.first(b)),
                Column::DType => tensor(a).map(|t| model.file.tensors[t].dtype).cmp(&tensor(b).map(|t| model.file.tensors[t].dtype)),
                Column::Role => tensor(a).map(|t| model.roles[t]).cmp(&tensor(b).map(|t| model.roles[t])),
                Column::Bytes => total(a).bytes.cmp(&total(b).bytes),
                Column::Parameters => total(a).parameters.cmp(&total(b).parameters),
                Column::Bits => {
                    let bits = |node| total(node).bits_per_weight().unwrap_or(0.0);
                    bits(a).total_cmp(&bits(b))
                }
            }
        };
        nodes.sort_by(|a, b| if arrangement.descending { compare(b, a).then(a.cmp(b)) } else { compare(a, b).then(a.cmp(b)) });
    }

    /// The first tensor of a node, in the file's order.
    fn first(&self, node: u32) -> usize {
        let mut least = usize::MAX;
        let mut stack = vec![node];
        while let Some(node) = stack.pop() {
            let node = self.node(node);
            least = least.min(node.tensor.unwrap_or(usize::MAX));
            stack.extend(&node.children);
        }
        least
    }

    /// Draws modules with one thing in them together with it.
    fn join(&mut self) {
        // From the last to the first, so that what is inside is joined before what is around it.
        for at in (0..self.nodes.len()).rev() {
            if let [only] = *self.nodes[at].children.as_slice() {
                let inner = self.nodes[only as usize].clone();
                let node = &mut self.nodes[at];
                node.label = format!("{}.{}", node.label, inner.label);
                node.path = inner.path;
                node.tensor = inner.tensor;
                node.children = inner.children;
                // Nothing points at it any more.
                self.nodes[only as usize].tensor = None;
                self.nodes[only as usize].children.clear();
            }
        }
        let mut stack: Vec<(u32, usize)> = self.top.iter().map(|&node| (node, 0)).collect();
        while let Some((node, depth)) = stack.pop() {
            let node = &mut self.nodes[node as usize];
            node.depth = depth;
            stack.extend(node.children.iter().map(|&child| (child, depth + 1)));
        }
    }
}

/// The tree while names come in their order.
struct Builder {
    nodes: Vec<Node>,
    top: Vec<u32>,
    /// The modules around the name that came last.
    open: Vec<u32>,
}

impl Builder {
    fn add(&mut self, name: &str, tensor: usize) {
        let mut parts: Vec<&str> = name.splitn(DEEPEST, '.').collect();
        let last = parts.pop().unwrap_or_default();
        let same = self.open.iter().zip(&parts).take_while(|(open, part)| self.nodes[**open as usize].label == **part).count();
        self.open.truncate(same);
        for depth in same..parts.len() {
            let node = self.push(parts[depth], parts[..=depth].join("."), None);
            self.open.push(node);
        }
        self.push(last, name.to_owned(), Some(tensor));
    }

    /// A new node inside the innermost module that is open.
    fn push(&mut self, label: &str, path: String, tensor: Option<usize>) -> u32 {
        let at = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        self.nodes.push(Node { label: label.to_owned(), path, depth: 0, tensor, children: Vec::new() });
        match self.open.last() {
            Some(&module) => self.nodes[module as usize].children.push(at),
            None => self.top.push(at),
        }
        at
    }
}
