/// A prediction that is ready to run: what a node knew at a moment, a state, and the session's settings.
package struct PredictionQuery: Sendable {
    /// The number of a symbol that no pattern holds.
    static let unknown = UInt32.max

    let snapshot: PatternSnapshot
    /// The events of the short-term memory.
    let state: [[String]]
    /// The numbers of all its symbols, one event after the other.
    let numbers: [UInt32]
    let configuration: SessionConfiguration

    /// Matches the state with every pattern that can reach the recall threshold.
    ///
    /// A state without symbols predicts nothing. What sums over an ensemble (Σ_E) counts all kept predictions, also
    /// those beyond `max_predictions`, so that no number of a prediction depends on how many are asked for.
    package func run() -> PredictionEnsemble {
        guard !numbers.isEmpty, snapshot.patternTotal > 0 else { return .empty }
        var run = PredictionRun(self)
        run.collect()
        guard !run.kept.isEmpty else { return .empty }
        return run.ensemble()
    }
}
