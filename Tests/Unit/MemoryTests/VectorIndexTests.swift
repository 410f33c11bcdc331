import TestKit
import Testing

@testable import Memory

/// The nearest vectors.
struct VectorIndexTests {
    @Test func theNearestAreFirstAndOfEqualOnesTheSmallerSymbol() {
        var index = VectorIndex()
        let vectors: [[Double]] = [[0, 0], [3, 4], [-3, 4], [10, 0], [0, 1]]
        let news = (vectors + [[3, 4]]).map { index.insert($0).isNew }
        #expect(news == [true, true, true, true, true, false])
        #expect(index.count == 5)
        let found = index.nearest(to: [0, 0], limit: 4)
        #expect(found.map(\.distance) == [0, 1, 5, 5])
        #expect(found[0].symbol == VectorSymbol.make([0, 0]))
        #expect(found[2].symbol < found[3].symbol)
        #expect(Set(found[2...].map(\.symbol)) == [VectorSymbol.make([3, 4]), VectorSymbol.make([-3, 4])])
        #expect(index.nearest(to: [0, 0]).count == 3)
        #expect(index.nearest(to: [0, 0], limit: 0) == [])
        #expect(index.nearest(to: [0, 0], limit: 9).count == 5)
    }

    @Test func vectorsOfAnotherLengthAreNotCompared() {
        var index = VectorIndex()
        index.insert([1, 2, 3])
        #expect(index.nearest(to: [1, 2]) == [])
        #expect(index.nearest(to: [1, 2, 3]).map(\.distance) == [0])
        #expect(index.memoryBytes > 0)
    }

    @Test func aQueryDoesNotSeeWhatComesLater() {
        var index = VectorIndex()
        index.insert([1])
        let query = index.query(nearestTo: [5])
        index.insert([5])
        #expect(query.run().map(\.symbol) == [VectorSymbol.make([1])])
    }

    @Test func hugeNumbersHaveAnOrderAllTheSame() {
        var index = VectorIndex()
        index.insert([1e300, -1e300])
        index.insert([0, 0])
        #expect(index.nearest(to: [1, 1]).map(\.symbol).first == VectorSymbol.make([0, 0]))
        #expect(index.nearest(to: [1e300, -1e300]).map(\.distance).first == 0)
    }

    /// As floats of 32 bits these are one number or two; as numpy writes them, from 1e8 on, too.
    @Test(arguments: [0x1p24, 0x1p40, 0x1p52])
    func greatNumbersThatDifferByOneAreToldApart(_ base: Double) {
        var index = VectorIndex()
        for offset in [7.0, 4, 1, 0, 3] { index.insert([base + offset, -base], symbol: "v\(Int(offset))") }
        let found = index.nearest(to: [base + 4, -base], limit: 5)
        #expect(found.map(\.distance) == [0, 1, 3, 3, 4])
        #expect(found.map(\.symbol) == ["v4", "v3", "v1", "v7", "v0"], "of equally near ones the smaller symbol first")
    }

    /// Lengths around the width of a machine vector, more vectors than one piece of memory holds.
    @Test(arguments: [(1, 300), (7, 300), (8, 300), (9, 300), (128, 2100), (8192, 40)])
    func theSearchIsExact(_ dimensions: Int, _ count: Int) {
        var random = SeededRandom(seed: SeededRandom.seed)
        var index = VectorIndex()
        var vectors: [[Double]] = []
        for number in 0..<count {
            vectors.append((0..<dimensions).map { _ in Double.random(in: -1...1, using: &random) })
            index.insert(vectors[number], symbol: "\(number)")
        }
        let target = (0..<dimensions).map { _ in Double.random(in: -1...1, using: &random) }
        let distances = vectors.map { vector in
            zip(vector, target).reduce(0.0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
        }
        let nearest = distances.indices.sorted { distances[$0] < distances[$1] }.prefix(3)
        let found = index.nearest(to: target)
        #expect(found.map(\.symbol) == nearest.map { "\($0)" }, "seed \(SeededRandom.seed)")
        for (neighbor, place) in zip(found, nearest) {
            #expect((neighbor.distance - distances[place]).magnitude < 1e-12 * max(1, distances[place]))
        }
    }

    @Test func observedVectorsRecallWhatIsKnownAndWhatCameBefore() {
        var known = VectorIndex()
        for number in [0.0, 10, 20, 30] { known.insert([number]) }
        known.insert([1, 1])
        func symbols(_ numbers: Double...) -> [String] { numbers.map { VectorSymbol.make([$0]) } }
        let observed: [[Double]] = [[11], [10], [12], [12], [11.5], [2, 2], [5, 5, 5]]
        let expected: [VectorRecall.Found] = [
            .init(symbols: symbols(11, 10, 20, 0), isNew: true),
            // Known already: it is the nearest to itself.
            .init(symbols: symbols(10, 10, 11, 0), isNew: false),
            .init(symbols: symbols(12, 11, 10, 20), isNew: true),
            .init(symbols: symbols(12, 12, 11, 10), isNew: false),
            .init(symbols: symbols(11.5) + symbols(11, 12).sorted() + symbols(10), isNew: true),
            .init(symbols: [VectorSymbol.make([2, 2]), VectorSymbol.make([1, 1])], isNew: true),
            .init(symbols: [VectorSymbol.make([5, 5, 5])], isNew: true),
        ]
        var whole = VectorRecall(observed, known: known)
        whole.run(until: .now.advanced(by: .seconds(600)))
        #expect(whole.isDone && whole.found == expected)
        // Interrupted after each, it comes to the same.
        var pieces = VectorRecall(observed, known: known)
        for count in 1...observed.count {
            #expect(!pieces.isDone)
            pieces.run(until: .now)
            #expect(pieces.found.count == count)
        }
        #expect(pieces.isDone && pieces.found == expected)
        #expect(VectorRecall([], known: known).isDone)
    }
}
