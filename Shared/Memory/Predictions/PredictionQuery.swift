/// A prediction that is ready to run: what a node knew at a moment, a state, and the session's settings.
package struct PredictionQuery: Sendable {
    /// The number of a symbol that no pattern holds.
    static let unknown = UInt32.max

    let snapshot: PatternSnapshot
    let state: [[String]]
    let numbers: [UInt32]
    let configuration: SessionConfiguration

    /// Matches the state with every pattern that can reach the recall threshold.
    package func run() -> PredictionEnsemble {
        .empty
    }
}
