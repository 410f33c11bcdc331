/// The vectors of one length, side by side in pieces of memory.
struct VectorSpace: Sendable {
    /// About how many numbers one piece holds: 1 MB.
    private static let chunkNumbers = 1 << 17
    /// The greatest magnitude of a number; with it no distance of 8192 dimensions is beyond what a double holds.
    private static let magnitudeLimit = 1e150

    private let dimensions: Int
    /// The numbers of a row: the dimensions, filled up with zeros to a multiple of 8.
    private let stride: Int
    private let rowsPerChunk: Int
    private var chunks: [[Double]] = []
    private var symbols = ChunkedArray<String>()
    private var known: Set<String> = []

    /// Makes a space without vectors.
    init(dimensions: Int) {
        self.dimensions = dimensions
        stride = (dimensions + 7) / 8 * 8
        rowsPerChunk = max(1, Self.chunkNumbers / max(1, stride))
    }

    /// How many vectors there are.
    var count: Int { symbols.count }

    /// Bytes of memory, without what the allocator adds.
    var memoryBytes: Int {
        chunks.reduce(0) { $0 + $1.capacity * 8 } + known.capacity * 16 * 4 / 3 + count * (16 + 77)
    }

    /// Whether a vector is there.
    func contains(_ symbol: String) -> Bool { known.contains(symbol) }

    /// Adds a vector unless it is there.
    mutating func insert(_ symbol: String, _ vector: [Double]) -> Bool {
        guard known.insert(symbol).inserted else { return false }
        if count % rowsPerChunk == 0 {
            var chunk: [Double] = []
            // The first one grows: there may be spaces of many lengths with a vector each.
            if !chunks.isEmpty { chunk.reserveCapacity(rowsPerChunk * stride) }
            chunks.append(chunk)
        }
        chunks[chunks.count - 1].append(contentsOf: Self.limited(vector))
        chunks[chunks.count - 1].append(contentsOf: repeatElement(0, count: stride - dimensions))
        symbols.append(symbol)
        return true
    }

    /// The nearest vectors, nearest first; of equally near ones the smaller symbol first.
    func nearest(to vector: [Double], limit: Int) -> [VectorIndex.Neighbor] {
        let target = Self.limited(vector) + repeatElement(0, count: stride - dimensions)
        var best: [(distance: Double, row: Int)] = []
        guard limit > 0 else { return [] }
        for (number, chunk) in chunks.enumerated() {
            chunk.withUnsafeBytes { chunk in
                target.withUnsafeBytes { target in
                    for row in 0..<chunk.count / (stride * 8) {
                        let distance = Self.squaredDistance(chunk, row * stride * 8, target)
                        if best.count == limit, let last = best.last, distance > last.distance { continue }
                        insert((distance, number * rowsPerChunk + row), into: &best, limit)
                    }
                }
            }
        }
        return best.map { VectorIndex.Neighbor(symbol: symbols[$0.row], distance: $0.distance.squareRoot()) }
    }

    private func insert(
        _ found: (distance: Double, row: Int),
        into best: inout [(distance: Double, row: Int)],
        _ limit: Int
    ) {
        let place =
            best.firstIndex { other in
                found.distance < other.distance
                    || (found.distance == other.distance && symbols[found.row] < symbols[other.row])
            } ?? best.count
        guard place < limit else { return }
        best.insert(found, at: place)
        if best.count > limit { best.removeLast() }
    }

    /// The numbers, none of them so great that a distance would be infinite and no distance any more.
    private static func limited(_ vector: [Double]) -> [Double] {
        vector.map { min(max($0, -magnitudeLimit), magnitudeLimit) }
    }

    /// Σ (a − b)² over the rows, eight numbers at a time.
    @inline(__always)
    private static func squaredDistance(
        _ rows: UnsafeRawBufferPointer,
        _ offset: Int,
        _ target: UnsafeRawBufferPointer
    ) -> Double {
        var sums = SIMD8<Double>(repeating: 0)
        var position = 0
        while position < target.count {
            let row = rows.loadUnaligned(fromByteOffset: offset + position, as: SIMD8<Double>.self)
            let difference = row - target.loadUnaligned(fromByteOffset: position, as: SIMD8<Double>.self)
            sums += difference * difference
            position += 64
        }
        return sums.sum()
    }
}
