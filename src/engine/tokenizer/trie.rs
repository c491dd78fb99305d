//! A prefix tree over token texts, by bytes: all tokens that begin at a place are found in one walk.

/// No token ends at this node.
const NONE: u32 = u32::MAX;

/// Children of a node lie side by side, ordered by their byte.
#[derive(Debug, Clone, Copy)]
struct Node {
    first: u32,
    children: u16,
    byte: u8,
    /// The token that ends here.
    id: u32,
}

/// See the module.
#[derive(Debug)]
pub struct Trie {
    nodes: Vec<Node>,
}

impl Trie {
    /// Over the texts of `ids`; of equal texts the first counts. Empty texts are left out.
    pub fn new<'t>(ids: impl Iterator<Item = u32>, text: impl Fn(u32) -> &'t str) -> Self {
        let mut sorted: Vec<(&[u8], u32)> = ids.map(|id| (text(id).as_bytes(), id)).filter(|(text, _)| !text.is_empty()).collect();
        sorted.sort();
        sorted.dedup_by(|later, first| later.0 == first.0);
        let root = Node { first: 0, children: 0, byte: 0, id: NONE };
        let mut nodes = vec![root];
        // for each node in turn: its texts, and how many of their bytes lead to it
        let mut ranges = std::collections::VecDeque::from([(0, sorted.len(), 0)]);
        let mut index = 0;
        while let Some((mut from, to, depth)) = ranges.pop_front() {
            if from < to && sorted[from].0.len() == depth {
                nodes[index].id = sorted[from].1;
                from += 1;
            }
            nodes[index].first = u32::try_from(nodes.len()).unwrap_or(NONE);
            while from < to {
                let byte = sorted[from].0[depth];
                let next = from + sorted[from..to].partition_point(|(text, _)| text[depth] == byte);
                nodes.push(Node { byte, ..root });
                nodes[index].children += 1;
                ranges.push_back((from, next, depth + 1));
                from = next;
            }
            index += 1;
        }
        Self { nodes }
    }

    /// The tokens with which `text` begins, shortest first, each with its length.
    pub fn prefixes<'t>(&'t self, text: &'t [u8]) -> impl Iterator<Item = (usize, u32)> + 't {
        let mut node = &self.nodes[0];
        let walk = text.iter().enumerate().map_while(move |(at, &byte)| {
            node = self.child(node, byte)?;
            Some((at + 1, node.id))
        });
        walk.filter(|&(_, id)| id != NONE)
    }

    /// How many of the first bytes of `text` begin some token, whether or not one ends there.
    pub fn shared(&self, text: &[u8]) -> usize {
        let mut node = &self.nodes[0];
        let mut length = 0;
        while let Some(next) = text.get(length).and_then(|&byte| self.child(node, byte)) {
            node = next;
            length += 1;
        }
        length
    }

    fn child(&self, node: &Node, byte: u8) -> Option<&Node> {
        let first = node.first as usize;
        let children = &self.nodes[first..first + usize::from(node.children)];
        children.binary_search_by_key(&byte, |child| child.byte).ok().map(|at| &children[at])
    }
}
