/// A dictionary with a limit: past it, what was used longest ago goes.
///
/// Entries are in one array and linked in the order of their use by positions in it, so that each operation takes the
/// same short time however many there are.
package struct LeastRecentlyUsed<Key: Hashable, Value> {
    fileprivate struct Node {
        let key: Key
        var value: Value
        var weight: Int
        /// The one used just after this; nil for the newest.
        var newer: Int?
        /// The one used just before this; nil for the oldest.
        var older: Int?
    }

    /// What all entries together may weigh.
    package let weightMax: Int
    /// What they weigh.
    package private(set) var weight = 0
    private var positions: [Key: Int] = [:]
    private var nodes: [Node] = []
    private var newest: Int?
    private var oldest: Int?

    /// Makes an empty one.
    /// - Parameter weightMax: What all entries together may weigh; their number, where each has the weight 1.
    package init(weightMax: Int) {
        precondition(weightMax > 0, "a cache has room for an entry")
        self.weightMax = weightMax
    }

    /// How many entries there are.
    package var count: Int { nodes.count }

    /// The key that was used longest ago.
    package var oldestKey: Key? { oldest.map { nodes[$0].key } }

    /// The value that was used longest ago; looking at it is no use of it.
    package var oldestValue: Value? { oldest.map { nodes[$0].value } }

    /// The value of a key, which counts as used.
    package mutating func use(_ key: Key) -> Value? {
        guard let position = positions[key] else { return nil }
        moveToNewest(position)
        return nodes[position].value
    }

    /// Keeps a value, at the cost of others where there is no room; the newest one always stays, whatever it weighs.
    package mutating func set(_ key: Key, _ value: Value, weight: Int = 1) {
        if let position = positions[key] {
            self.weight -= nodes[position].weight
            nodes[position].value = value
            nodes[position].weight = weight
            moveToNewest(position)
        } else {
            positions[key] = nodes.count
            nodes.append(Node(key: key, value: value, weight: weight))
            linkAsNewest(nodes.count - 1)
        }
        self.weight += weight
        while self.weight > weightMax, nodes.count > 1, let oldestKey {
            remove(oldestKey)
        }
    }

    /// Lets a value go.
    /// - Returns: The value; nil when there was none.
    @discardableResult
    package mutating func remove(_ key: Key) -> Value? {
        guard let position = positions.removeValue(forKey: key) else { return nil }
        unlink(position)
        let last = nodes.removeLast()
        guard position < nodes.count else {
            weight -= last.weight
            return last.value
        }
        // The last entry of the array takes the place that became free, and its neighbours learn of it.
        let removed = nodes[position]
        nodes[position] = last
        positions[last.key] = position
        if let newer = last.newer { nodes[newer].older = position } else { newest = position }
        if let older = last.older { nodes[older].newer = position } else { oldest = position }
        weight -= removed.weight
        return removed.value
    }

    private mutating func moveToNewest(_ position: Int) {
        guard position != newest else { return }
        unlink(position)
        linkAsNewest(position)
    }

    private mutating func unlink(_ position: Int) {
        let (newer, older) = (nodes[position].newer, nodes[position].older)
        if let newer { nodes[newer].older = older } else { newest = older }
        if let older { nodes[older].newer = newer } else { oldest = newer }
    }

    private mutating func linkAsNewest(_ position: Int) {
        nodes[position].newer = nil
        nodes[position].older = newest
        if let newest { nodes[newest].newer = position }
        newest = position
        if oldest == nil { oldest = position }
    }
}

extension LeastRecentlyUsed: Sendable where Key: Sendable, Value: Sendable {}
extension LeastRecentlyUsed.Node: Sendable where Key: Sendable, Value: Sendable {}
