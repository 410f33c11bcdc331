/// A dictionary with a limit: past it, the entry that was used longest ago goes.
///
/// Entries are in one array and linked in the order of their use by positions in it, so that each operation takes the
/// same short time however many there are.
struct LeastRecentlyUsed<Key: Hashable, Value> {
    private struct Node {
        let key: Key
        var value: Value
        /// The one used just after this; nil for the newest.
        var newer: Int?
        /// The one used just before this; nil for the oldest.
        var older: Int?
    }

    private let capacity: Int
    private var positions: [Key: Int] = [:]
    private var nodes: [Node] = []
    private var newest: Int?
    private var oldest: Int?

    init(capacity: Int) {
        precondition(capacity > 0, "a cache has room for an entry")
        self.capacity = capacity
    }

    var count: Int { nodes.count }

    /// The value of a key; both reading and writing it count as using it.
    subscript(key: Key) -> Value? {
        mutating get {
            guard let position = positions[key] else { return nil }
            moveToNewest(position)
            return nodes[position].value
        }
        set {
            guard let newValue else { return }
            if let position = positions[key] {
                nodes[position].value = newValue
                moveToNewest(position)
            } else {
                insert(key, newValue)
            }
        }
    }

    private mutating func insert(_ key: Key, _ value: Value) {
        var position = nodes.count
        if nodes.count == capacity, let oldest {
            position = oldest
            unlink(position)
            positions[nodes[position].key] = nil
            nodes[position] = Node(key: key, value: value)
        } else {
            nodes.append(Node(key: key, value: value))
        }
        positions[key] = position
        linkAsNewest(position)
    }

    private mutating func moveToNewest(_ position: Int) {
        guard position != newest else { return }
        unlink(position)
        linkAsNewest(position)
    }

    private mutating func unlink(_ position: Int) {
        let node = nodes[position]
        if let newer = node.newer { nodes[newer].older = node.older } else { newest = node.older }
        if let older = node.older { nodes[older].newer = node.newer } else { oldest = node.newer }
    }

    private mutating func linkAsNewest(_ position: Int) {
        nodes[position].newer = nil
        nodes[position].older = newest
        if let newest { nodes[newest].newer = position }
        newest = position
        if oldest == nil { oldest = position }
    }
}
