import Memory
import TestKit
import Testing

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

    /// Lengths around the width of a machine vector, more vectors than one piece of memory holds.
    @Test(arguments: [(1, 300), (15, 300), (16, 300), (17, 300), (128, 200), (8192, 70)])
    func theSearchIsExact(_ dimensions: Int, _ count: Int) {
        var random = SeededRandom(seed: SeededRandom.seed)
        var index = VectorIndex()
        var vectors: [[Float]] = []
        for _ in 0..<count {
            vectors.append((0..<dimensions).map { _ in Float.random(in: -1...1, using: &random) })
            index.insert(vectors[vectors.count - 1].map(Double.init))
        }
        let target = (0..<dimensions).map { _ in Float.random(in: -1...1, using: &random) }
        let distances = vectors.map { vector in
            zip(vector, target).reduce(0.0) { $0 + (Double($1.0) - Double($1.1)) * (Double($1.0) - Double($1.1)) }
                .squareRoot()
        }
        let nearest = distances.indices.sorted { distances[$0] < distances[$1] }.prefix(3)
        let found = index.nearest(to: target.map(Double.init))
        #expect(found.map(\.symbol) == nearest.map { VectorSymbol.make(vectors[$0].map(Double.init)) })
        for (neighbor, place) in zip(found, nearest) {
            #expect((neighbor.distance - distances[place]).magnitude < 1e-4 * max(1, distances[place]))
        }
    }
}
