/// Finds the symbols that observed vectors bring into their events: each one's own, and those of the nearest vectors
/// that the node knows or that came before it in the same sequence.
///
/// It goes on from where it was interrupted, so that a long sequence does not keep a thread from others.
package struct VectorRecall: Sendable {
    /// What one vector brings.
    package struct Found: Sendable, Equatable {
        /// The vector's own symbol, then those of the nearest vectors, the nearest first.
        package let symbols: [String]
        /// Whether neither the node nor the sequence before it knows the vector.
        package let isNew: Bool
    }

    /// How many near vectors join.
    private static let nearMax = 3

    private let vectors: [[Double]]
    private let known: VectorIndex
    private var earlier = VectorIndex()
    /// What was found so far, in the order of the vectors.
    package private(set) var found: [Found] = []

    /// Makes ready to search.
    /// - Parameters:
    ///   - vectors: The vectors, in the order in which they were observed.
    ///   - known: What the node knows.
    package init(_ vectors: [[Double]], known: VectorIndex) {
        self.vectors = vectors
        self.known = known
    }

    /// Whether all were found.
    package var isDone: Bool { found.count == vectors.count }

    /// Searches until all are found or a moment has come; at least for one vector.
    package mutating func run(until deadline: ContinuousClock.Instant) {
        while found.count < vectors.count {
            found.append(next(vectors[found.count]))
            if ContinuousClock.now >= deadline { return }
        }
    }

    private mutating func next(_ vector: [Double]) -> Found {
        let symbol = VectorSymbol.make(vector)
        let near = (known.nearest(to: vector, limit: Self.nearMax) + earlier.nearest(to: vector, limit: Self.nearMax))
            .sorted { ($0.distance, $0.symbol) < ($1.distance, $1.symbol) }
        let isNew = !known.contains(symbol, dimensions: vector.count) && earlier.insert(vector, symbol: symbol)
        return Found(symbols: [symbol] + near.prefix(Self.nearMax).map(\.symbol), isNew: isNew)
    }
}
