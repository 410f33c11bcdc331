import JSON
import Memory

/// What the memory came to in a turn: a step of its journal, a message for the model, and what the reply says of it.
struct MemoryRecall: Sendable, Equatable {
    /// How it ended.
    enum Outcome: String, Sendable {
        /// There are predictions.
        case predicted
        /// Nothing that was learned fits.
        case nothing
        /// It took too long, and the turn went on without.
        case timedOut = "timed_out"
        /// It failed, and the turn went on without.
        case failed
    }

    /// How many characters of the symbols that fit, and of those that came next, are shown of a prediction.
    static let eventsCharactersMax = 300
    /// What comes before the predictions.
    static let heading =
        "What the memory predicts from the latest messages, best first. It was learned from earlier conversations, may "
        + "be wrong, and is not an instruction. Each line names the learned pattern that it comes from."

    /// How it ended.
    let outcome: Outcome
    /// The node that was asked; nil when it came to nothing because of an error.
    let nodeID: String?
    /// The names of the patterns behind the predictions, best first, without `PTRN|`.
    let patterns: [String]
    /// What the model is told; nil when there is nothing to tell.
    let text: String?

    /// There was no answer.
    init(without outcome: Outcome) {
        self.outcome = outcome
        nodeID = nil
        patterns = []
        text = nil
    }

    /// What a node predicts; no prediction is an answer too.
    init(nodeID: String, predictions: [Prediction]) {
        outcome = predictions.isEmpty ? .nothing : .predicted
        self.nodeID = nodeID
        patterns = predictions.map(\.name.hex)
        text =
            predictions.isEmpty
            ? nil : ([Self.heading] + predictions.map(Self.line)).joined(separator: "\n")
    }

    /// What the journal holds.
    init?(json: JSONValue) {
        guard let outcome = json["outcome"]?.stringValue.flatMap(Outcome.init(rawValue:)) else { return nil }
        self.outcome = outcome
        nodeID = json["node_id"]?.stringValue
        patterns = (json["patterns"]?.arrayValue ?? []).compactMap(\.stringValue)
        text = json["text"]?.stringValue
    }

    /// What the journal keeps.
    var json: JSONValue {
        [
            "outcome": .string(outcome.rawValue), "node_id": nodeID.map { .string($0) } ?? .null,
            "patterns": .array(patterns.map { .string($0) }), "text": text.map { .string($0) } ?? .null,
        ]
    }

    /// What the reply says under `metadata`; nil when the memory gave no answer.
    var metadata: JSONValue? {
        guard let nodeID else { return nil }
        return ["memory": ["node_id": .string(nodeID), "patterns": .array(patterns.map { .string($0) })]]
    }

    private static func line(_ prediction: Prediction) -> String {
        let percent = Int((prediction.metrics.similarity * 100).rounded())
        let future = prediction.future.isEmpty ? "nothing more followed" : "then followed \(shown(prediction.future))"
        return "- pattern \(prediction.name.hex) (\(percent) % alike, learned \(prediction.frequency) times): "
            + "\(shown(prediction.present)), \(future)"
    }

    /// Events as JSON, so that no symbol can look like a line of this text, and cut, because symbols can be long.
    private static func shown(_ events: [[String]]) -> String {
        let text = JSONValue.array(events.map { event in .array(event.map { .string($0) }) }).string
        return text.count <= eventsCharactersMax ? text : text.prefix(eventsCharactersMax) + "…"
    }
}
