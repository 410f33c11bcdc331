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
        // Without limits there is nothing that could be thrown.
        (try? run(within: .unlimited)) ?? .empty
    }

    /// The same, within limits.
    /// - Throws: ``MemoryError`` `predictionTooLarge`, `predictionTooSlow`.
    package func run(within limits: PredictionLimits) throws(MemoryError) -> PredictionEnsemble {
        guard !numbers.isEmpty, snapshot.patternTotal > 0 else { return .empty }
        try limits.checkState(symbols: numbers.count)
        if !configuration.useTokenMatching, limits.deadline != nil { try checkText() }
        var run = PredictionRun(self, deadline: limits.deadline)
        run.collect()
        if run.isOutOfTime { throw .predictionTooSlow }
        guard !run.kept.isEmpty else { return .empty }
        let ensemble = try run.ensemble(symbolsMax: limits.answerSymbolsMax)
        if run.isOutOfTime { throw .predictionTooSlow }
        return ensemble
    }

    /// Comparing by characters takes a table of so many words for each distinct character of the state.
    private static let textWordsMax = 1 << 22

    private func checkText() throws(MemoryError) {
        var characters = 0
        var distinct: Set<UInt32> = []
        for symbol in state.joined() {
            characters += 1
            for scalar in symbol.unicodeScalars {
                characters += 1
                distinct.insert(scalar.value)
            }
        }
        guard characters / 64 * (distinct.count + 1) > Self.textWordsMax else { return }
        throw MemoryError(
            .predictionTooLarge,
            "\(characters) characters in short-term memory are too many to compare by (use_token_matching is false)"
        )
    }
}
