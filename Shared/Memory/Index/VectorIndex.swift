/// The learned vectors of a node, with an exact search for the nearest.
///
/// The search looks at every vector of the same length, with the numbers as they came: 100,000 of 128 numbers take
/// about 8 ms of one core. From about one million of them on an approximate index (HNSW, IVF) would be needed for
/// answers within 100 ms.
package struct VectorIndex: Sendable {
    /// A vector that was found.
    package struct Neighbor: Sendable, Equatable {
        /// Its symbol.
        package let symbol: String
        /// The Euclidean distance; numbers beyond ±1e150 count as that much.
        package let distance: Double
    }

    private var spaces: [Int: VectorSpace] = [:]

    /// Makes an index without vectors.
    package init() {}

    /// How many vectors there are.
    package var count: Int { spaces.values.reduce(0) { $0 + $1.count } }

    /// Bytes of memory, without what the allocator adds.
    package var memoryBytes: Int { spaces.values.reduce(0) { $0 + $1.memoryBytes } }

    /// Adds a vector; one that is there already stays as it is.
    ///
    /// - Returns: Its symbol, and whether it is new.
    @discardableResult
    package mutating func insert(_ vector: [Double]) -> (symbol: String, isNew: Bool) {
        let symbol = VectorSymbol.make(vector)
        return (symbol, insert(vector, symbol: symbol))
    }

    /// Adds a vector under the symbol that it is stored by; one that is there already stays as it is.
    ///
    /// - Returns: Whether it is new.
    @discardableResult
    package mutating func insert(_ vector: [Double], symbol: String) -> Bool {
        spaces[vector.count, default: VectorSpace(dimensions: vector.count)].insert(symbol, vector)
    }

    /// Whether a vector is there, by its symbol and its length.
    package func contains(_ symbol: String, dimensions: Int) -> Bool {
        spaces[dimensions]?.contains(symbol) ?? false
    }

    /// Makes ready to search; this is fast, and the search does not see what is inserted later.
    package func query(nearestTo vector: [Double]) -> VectorQuery {
        VectorQuery(space: spaces[vector.count], vector: vector)
    }

    /// The vectors nearest to another, at once; see ``VectorQuery/run(limit:)``.
    package func nearest(to vector: [Double], limit: Int = 3) -> [Neighbor] {
        query(nearestTo: vector).run(limit: limit)
    }
}

/// A search for the nearest vectors, ready to run.
package struct VectorQuery: Sendable {
    fileprivate let space: VectorSpace?
    fileprivate let vector: [Double]

    /// The nearest vectors of the same length, the nearest first; of equally near ones the smaller symbol first.
    ///
    /// The vector itself is among them when it was learned.
    package func run(limit: Int = 3) -> [VectorIndex.Neighbor] {
        space?.nearest(to: vector, limit: limit) ?? []
    }
}
