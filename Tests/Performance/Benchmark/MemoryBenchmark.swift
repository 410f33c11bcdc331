import JSON
import Memory
import TestKit

/// Predictions of the sequence memory and its search for vectors, on one core.
enum MemoryBenchmark {
    private static let patternLength = 20

    /// Measures predictions against 10,000 and 100,000 patterns, and the search among 100,000 vectors.
    static func run(_ report: inout Report) throws {
        try predictions(&report, patterns: 10_000, bar: 10)
        try predictions(&report, patterns: 100_000, bar: 60)
        vectors(&report)
    }

    /// States of 20 symbols against patterns of 20 symbols.
    ///
    /// With 1,000 distinct symbols nearly all patterns fall short of the threshold by their symbols alone; with 100
    /// nearly all could reach it and have to be matched; with 30 nearly all are kept and have to be ranked.
    private static func predictions(_ report: inout Report, patterns: Int, bar: Int) throws {
        for alphabet in [1_000, 100, 30] {
            var random = SeededRandom(seed: 1)
            var index = PatternIndex()
            let started = ContinuousClock.now
            while index.patternCount < patterns {
                try index.upsert(Pattern(events: events(&random, alphabet)))
            }
            let learned = Double(patterns) / started.duration(to: .now).seconds
            var kept = 0
            let times = try (0..<60).map { _ in
                let state = events(&random, alphabet)
                let started = ContinuousClock.now
                let ensemble = index.predict(state: state, SessionConfiguration())
                var writer = JSONWriter()
                writer.beginObject()
                try ensemble.writeMembers(to: &writer)
                writer.endObject()
                guard writer.bytes.count > 2 else { throw Failure.empty }
                kept += ensemble.keptCount
                return started.duration(to: .now).seconds * 1000
            }.sorted()
            report.add(
                "prediction against \(patterns) patterns of \(alphabet) symbols, p50",
                "\(times[times.count / 2].rounded(to: 1)) ms",
                bar: "≤ \(bar) ms",
                isMet: times[times.count / 2] <= Double(bar)
            )
            report.note(
                "p99 \((times.last ?? 0).rounded(to: 1)) ms, \(kept / times.count) kept of \(patterns); "
                    + "\(learned.rounded(to: 0)) learned/s, \(index.memoryBytes / patterns) bytes a pattern"
            )
        }
    }

    private static func vectors(_ report: inout Report) {
        var random = SeededRandom(seed: 1)
        func vector() -> [Double] { (0..<128).map { _ in Double.random(in: -1...1, using: &random) } }
        var index = VectorIndex()
        // Under short names: making those of 100,000 vectors takes longer than all that is measured here.
        while index.count < 100_000 { index.insert(vector(), symbol: "VCTR|\(index.count)") }
        let times = (0..<30).map { _ in
            let target = vector()
            let started = ContinuousClock.now
            let found = index.nearest(to: target)
            return found.count == 3 ? started.duration(to: .now).seconds * 1000 : .infinity
        }.sorted()
        report.add(
            "nearest 3 of 100000 vectors of 128 numbers, p50",
            "\(times[times.count / 2].rounded(to: 1)) ms",
            bar: "≤ 50 ms",
            isMet: times[times.count / 2] <= 50
        )
    }

    private static func events(_ random: inout SeededRandom, _ alphabet: Int) -> [[String]] {
        var left = patternLength
        var events: [[String]] = []
        while left > 0 {
            let count = min(left, Int.random(in: 1...3, using: &random))
            events.append((0..<count).map { _ in "symbol\(random.next() % UInt64(alphabet))" })
            left -= count
        }
        return events
    }

    private enum Failure: Error {
        case empty
    }
}
