import Domain
import JSON
import Models
import Store

/// How much of a conversation's history a model gets; the oldest messages go first.
struct HistoryLimits: Sendable, Equatable {
    /// How many tokens, by estimate.
    var tokensMax: Int
    /// How many messages.
    ///
    /// Default 200.
    var messagesMax = 200

    /// The newest messages that fit, oldest first.
    func newest(of messages: [HistoryMessage]) -> [HistoryMessage] {
        var tokens = 0
        var kept: [HistoryMessage] = []
        for message in messages.suffix(messagesMax).reversed() {
            tokens += TokenEstimator.tokens(in: message.text)
            if tokens > tokensMax { break }
            kept.append(message)
        }
        return kept.reversed()
    }
}

/// The history of a session as of one of its turns.
struct RememberedContext: Sendable, Equatable {
    /// The seq of the last turn in it.
    let lastTurnSeq: Int64
    /// The messages, oldest first.
    let messages: [HistoryMessage]

    /// About what it takes, in bytes.
    var weight: Int { messages.reduce(256) { $0 + $1.text.utf8.count + 64 } }
}

extension RememberedContext {
    /// What Redis keeps of it: the limits too, because a worker with other ones must not take it for its own.
    func serialized(under limits: HistoryLimits) -> [UInt8] {
        let messages = messages.map { message -> JSONValue in
            [.string(message.role.rawValue), .string(message.text)]
        }
        let json: JSONValue = [
            "last_turn": .int(Int(lastTurnSeq)), "tokens_max": .int(limits.tokensMax),
            "messages_max": .int(limits.messagesMax), "messages": .array(messages),
        ]
        return json.serialized()
    }

    /// Reads what Redis kept; nil when any part of it is not as it was written, or when it was cut to other limits.
    ///
    /// A message that cannot be read is never left out: the model would be told another conversation.
    init?(_ bytes: [UInt8], under limits: HistoryLimits) {
        guard let json = try? JSONValue.parse(bytes), let last = json["last_turn"]?.intValue,
            json["tokens_max"]?.intValue == limits.tokensMax, json["messages_max"]?.intValue == limits.messagesMax,
            let array = json["messages"]?.arrayValue
        else { return nil }
        var messages: [HistoryMessage] = []
        for message in array {
            guard message.arrayValue?.count == 2, let role = message[0]?.stringValue.flatMap(Role.init(rawValue:)),
                let text = message[1]?.stringValue
            else { return nil }
            messages.append(HistoryMessage(role: role, text: text))
        }
        self.init(lastTurnSeq: Int64(last), messages: messages)
    }
}
