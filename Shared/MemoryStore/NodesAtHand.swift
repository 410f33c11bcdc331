import Caching
import Synchronization

/// A node in use: an index that is brought up to date in place.
final class NodeAtHand: Sendable {
    private let node = Mutex(MemoryNode())

    /// Looks at the node; to be fast, because others wait.
    func read<Value>(_ body: (borrowing MemoryNode) -> Value) -> Value {
        node.withLock { body($0) }
    }

    /// Adds what was read.
    /// - Returns: Its weight after it.
    func take(_ piece: MemoryNode.Piece, piecesMax: Int) throws -> Int {
        try node.withLock { node in
            try node.take(piece, piecesMax: piecesMax)
            return node.weight
        }
    }
}

/// The nodes that this process has used lately.
final class NodesAtHand: Sendable {
    private let nodes: Mutex<LeastRecentlyUsed<MemoryNodeKey, NodeAtHand>>

    init(bytesMax: Int) {
        nodes = Mutex(LeastRecentlyUsed(weightMax: bytesMax))
    }

    /// A node, as far as this process has seen it; empty at first.
    func node(_ key: MemoryNodeKey) -> NodeAtHand {
        nodes.withLock { nodes in
            if let node = nodes.use(key) { return node }
            let node = NodeAtHand()
            nodes.set(key, node, weight: 256)
            return node
        }
    }

    /// A node has grown.
    func weigh(_ key: MemoryNodeKey, _ node: NodeAtHand, weight: Int) {
        nodes.withLock { $0.set(key, node, weight: weight) }
    }
}
