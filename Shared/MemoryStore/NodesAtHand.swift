import Caching
import Memory
import Synchronization

/// A node in use: an index that is brought up to date in place.
final class NodeAtHand: Sendable {
    private let node = Mutex(MemoryNode())

    /// Looks at the node; to be fast, because others wait.
    func read<Value>(_ body: (borrowing MemoryNode) -> Value) -> Value {
        node.withLock { body($0) }
    }

    /// Adds what was read.
    /// - Parameters:
    ///   - piece: What was read.
    ///   - piecesMax: See ``MemoryNode/take(_:piecesMax:)``.
    ///   - bytesMax: What the node may take; one that takes more is forgotten, and refused until it was cleared.
    /// - Returns: Its weight after it.
    /// - Throws: ``MemoryError`` when the node holds more than an index can.
    func take(_ piece: MemoryNode.Piece, piecesMax: Int, bytesMax: Int) throws -> Int {
        try node.withLock { node in
            try node.take(piece, piecesMax: piecesMax)
            if node.weight > bytesMax { node.giveUp(bytesMax: bytesMax) }
            return node.weight
        }
    }

    /// The node was cleared up to a number.
    func cleared(_ seq: Int64) {
        node.withLock { $0.cleared(seq) }
    }

    /// Whether it can be used.
    /// - Throws: ``MemoryError`` `indexFull` when the node is too large to be used.
    func checkSize() throws(MemoryError) {
        if let error = node.withLock({ $0.refusal }) { throw error }
    }
}

/// The nodes that this process has used lately.
final class NodesAtHand: Sendable {
    /// What an empty node weighs.
    private static let weightMin = 256

    /// How many bytes all nodes together may take, and one alone.
    let bytesMax: Int
    private let metrics: MemoryMetrics?
    private let nodes: Mutex<LeastRecentlyUsed<MemoryNodeKey, NodeAtHand>>

    init(bytesMax: Int, metrics: MemoryMetrics? = nil) {
        self.bytesMax = bytesMax
        self.metrics = metrics
        nodes = Mutex(LeastRecentlyUsed(weightMax: bytesMax))
    }

    /// A node, as far as this process has seen it; empty at first.
    func node(_ key: MemoryNodeKey) -> NodeAtHand {
        let (node, change) = nodes.withLock { nodes -> (NodeAtHand, Change?) in
            if let node = nodes.use(key) { return (node, nil) }
            let node = NodeAtHand()
            return (node, Self.set(key, node, weight: Self.weightMin, in: &nodes))
        }
        if let change { tell(change) }
        return node
    }

    /// A node has grown.
    func weigh(_ key: MemoryNodeKey, _ node: NodeAtHand, weight: Int) {
        tell(nodes.withLock { Self.set(key, node, weight: weight, in: &$0) })
    }

    private struct Change {
        let count: Int
        let bytes: Int
        let evicted: Int
    }

    private static func set(
        _ key: MemoryNodeKey,
        _ node: NodeAtHand,
        weight: Int,
        in nodes: inout LeastRecentlyUsed<MemoryNodeKey, NodeAtHand>
    ) -> Change {
        let expected = nodes.count + (nodes.use(key) == nil ? 1 : 0)
        nodes.set(key, node, weight: weight)
        return Change(count: nodes.count, bytes: nodes.weight, evicted: expected - nodes.count)
    }

    private func tell(_ change: Change) {
        metrics?.indexes(count: change.count, bytes: change.bytes, evicted: change.evicted)
    }
}
