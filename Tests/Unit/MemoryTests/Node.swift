import Memory
import Testing

/// A node for tests, in a short notation: a symbol is a character, events are separated by `|`.
struct Node {
    var index = PatternIndex()
    var configuration = SessionConfiguration()

    /// Learns patterns, each so many times.
    init(_ patterns: KeyValuePairs<String, Int>, threshold: Double = 0.1) throws {
        configuration.recallThreshold = threshold
        for (text, frequency) in patterns {
            try index.upsert(Pattern(events: Self.events(text), frequency: frequency))
        }
    }

    /// `ab|c` as events; `-` has none, `.` is an empty one.
    static func events(_ text: String) -> [[String]] {
        guard text != "-" else { return [] }
        return text.split(separator: "|", omittingEmptySubsequences: false)
            .map { $0 == "." ? [] : $0.map(String.init) }
    }

    /// All predictions from a state.
    func predict(_ state: String) -> PredictionEnsemble {
        index.predict(state: Self.events(state), configuration)
    }

    /// The prediction of one pattern.
    func predict(_ state: String, _ pattern: String) throws -> Prediction {
        let name = PatternName(of: Self.events(pattern))
        return try #require(predict(state).predictions.first { $0.name == name })
    }
}

/// Whether two numbers are the same but for rounding.
func isClose(_ left: Double, _ right: Double) -> Bool {
    (left - right).magnitude <= 1e-12 * max(1, right.magnitude)
}
