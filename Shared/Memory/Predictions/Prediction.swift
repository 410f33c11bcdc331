/// How one learned pattern explains what a session perceives: what of it was past, is present and comes next, and how
/// well it fits.
///
/// In the formulas, p is the pattern, s the state (the short-term memory, flattened), E the predictions that reached
/// the recall threshold (all of them, also those beyond `max_predictions`), N the number of patterns in the node, P(x)
/// the share of patterns that hold symbol x, f the frequency, m the number of ``matches``.
package struct Prediction: Sendable, Equatable {
    /// The pattern's name.
    package let name: PatternName
    /// f: how often the pattern was learned.
    package let frequency: Int
    /// The state's symbols inside the matching blocks, in order.
    package let matches: [String]
    /// The pattern's events before the first match.
    package let past: [[String]]
    /// From the event of the first match to that of the last.
    package let present: [[String]]
    /// For each event of ``present`` its symbols that are not in ``matches``.
    package let missing: [[String]]
    /// For each event of the state its symbols that are not in ``present``.
    package let extras: [[String]]
    /// The pattern's events after the last match.
    package let future: [[String]]
    /// Inexact matches of single symbols; empty unless `fuzzy_token_threshold` is above 0.
    package let anomalies: [Anomaly]
    /// How well the pattern fits, in numbers.
    package let metrics: PredictionMetrics
    /// The mean of each feeling over those that the pattern keeps.
    package let emotives: [String: Double]

    /// The whole pattern.
    package var sequence: [[String]] { past + present + future }
}

/// A symbol of the state that the pattern does not have, and the symbol of the pattern that is most like it.
package struct Anomaly: Sendable, Equatable {
    /// The state's symbol.
    package let observed: String
    /// The pattern's symbol.
    package let expected: String
    /// The indel similarity of both, from the threshold to below 1.
    package let similarity: Double
}

/// A future that one or more predictions agree on.
package struct FuturePotential: Sendable, Equatable {
    /// The events.
    package let future: [[String]]
    /// Σ f · similarity over the predictions with this future, divided by the same over all predictions with a future.
    package let aggregatePotential: Double
    /// How many predictions have this future.
    package let supportingPatterns: Int
    /// Σ f · similarity over the predictions with this future.
    package let totalWeightedFrequency: Double
}

/// What a query answers.
package struct PredictionEnsemble: Sendable, Equatable {
    /// The best predictions, at most `max_predictions`, best first; of equal ones the smaller name first.
    package let predictions: [Prediction]
    /// The futures of all kept predictions, the likeliest first, at most `max_predictions` of them; of equally likely
    /// ones that of the smaller name first.
    package let futurePotentials: [FuturePotential]
    /// How many predictions reached the recall threshold: |E|.
    package let keptCount: Int

    /// About how many bytes of memory it takes; the texts of symbols are the node's.
    package var memoryBytes: Int {
        func bytes(_ events: [[String]]) -> Int { events.reduce(32) { $0 + 32 + 16 * $1.count } }
        let futures = futurePotentials.reduce(0) { $0 + 32 + bytes($1.future) }
        return predictions.reduce(futures) { sum, prediction in
            let flat = 64 * prediction.emotives.count + 96 * prediction.anomalies.count + 16 * prediction.matches.count
            let events = [
                prediction.past, prediction.present, prediction.missing, prediction.extras, prediction.future,
            ]
            return sum + 512 + flat + events.reduce(0) { $0 + bytes($1) }
        }
    }

    /// Nothing predicted.
    package static let empty = PredictionEnsemble(predictions: [], futurePotentials: [], keptCount: 0)
}
