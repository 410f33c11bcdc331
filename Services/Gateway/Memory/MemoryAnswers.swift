import Domain
import JSON
import Memory
import MemoryStore
import Observability

/// What the memory answers, in the shapes that its clients know.
enum MemoryAnswers {
    /// A session.
    static func session(_ snapshot: MemorySnapshot, ttlSeconds: Int) -> [UInt8] {
        let state = snapshot.state
        let parts = sessionParts(state.key, state.nodeID, state.metadata, state.settings, ttlSeconds: ttlSeconds)
        return parts.head + time(snapshot.createdAt).utf8 + parts.between + time(snapshot.expiresAt).utf8 + parts.behind
    }

    /// A session that is to begin: what the answer to it will be but for the moments of its beginning and its end.
    static func sessionParts(
        _ session: NewMemorySession
    ) -> (head: [UInt8], between: [UInt8], behind: [UInt8]) {
        sessionParts(
            session.key,
            session.nodeID,
            session.metadata,
            session.settings,
            ttlSeconds: session.ttlSeconds
        )
    }

    private static func sessionParts(
        _ key: MemorySessionKey,
        _ nodeID: String,
        _ metadata: JSONObject,
        _ settings: SessionConfiguration,
        ttlSeconds: Int
    ) -> (head: [UInt8], between: [UInt8], behind: [UInt8]) {
        var names = JSONWriter(capacity: 256)
        names.beginObject()
        names.member("session_id", key.sessionID)
        names.member("node_id", nodeID)
        names.endObject()
        var rest = JSONWriter(capacity: 1024)
        rest.beginObject()
        rest.member("ttl_seconds", ttlSeconds)
        rest.member("metadata", .object(metadata))
        rest.member("session_config", .object(settings.json))
        rest.endObject()
        return (
            head: names.bytes.dropLast() + Array(#","created_at":""#.utf8),
            between: Array(#"","expires_at":""#.utf8),
            behind: Array(#"","#.utf8) + rest.bytes.dropFirst()
        )
    }

    /// A moment in microseconds since 1970-01-01 UTC, as text.
    static func time(_ microseconds: Int64) -> String {
        WallClock(seconds: microseconds / 1_000_000, microseconds: microseconds % 1_000_000).iso8601
    }

    /// What came of one observation.
    static func observed(_ answer: MemoryAnswer, sessionID: String) -> [UInt8] {
        var writer = JSONWriter(capacity: 256)
        writer.beginObject()
        writer.member("status", "okay")
        writer.member("session_id", sessionID)
        writer.member("processor_id", answer.nodeID)
        writer.member("stm_length", answer.length)
        if let step = answer.steps.last { write(step, to: &writer) }
        writer.endObject()
        return writer.bytes
    }

    private static func write(_ step: ObservedStep, to writer: inout JSONWriter) {
        writer.member("time", step.time)
        writer.member("unique_id", step.uniqueID)
        writer.key("auto_learned_pattern")
        if let name = step.autoLearned { writer.string(name) } else { writer.null() }
    }

    /// What came of a sequence of observations.
    static func sequence(_ answer: MemoryAnswer, isIsolated: Bool) -> [UInt8] {
        var writer = JSONWriter(capacity: 256 + 192 * answer.steps.count)
        writer.beginObject()
        writer.member("status", "completed")
        writer.member("processor_id", answer.nodeID)
        writer.member("observations_processed", answer.steps.count)
        writer.member("initial_stm_length", answer.initialLength)
        writer.member("final_stm_length", answer.length)
        writer.key("results")
        writer.beginArray()
        for (position, step) in answer.steps.enumerated() {
            writer.beginObject()
            writer.member("status", "okay")
            writer.member("sequence_position", position)
            writer.member("stm_length", step.length)
            write(step, to: &writer)
            writer.endObject()
        }
        writer.endArray()
        writer.key("auto_learned_patterns")
        writer.strings(answer.learned)
        writer.key("final_learned_pattern")
        if let name = answer.finallyLearned { writer.string(name) } else { writer.null() }
        writer.member("isolated", isIsolated)
        writer.endObject()
        return writer.bytes
    }

    /// What came of learning.
    static func learned(_ answer: MemoryAnswer, sessionID: String) -> [UInt8] {
        let name = answer.finallyLearned ?? ""
        var writer = JSONWriter(capacity: 256)
        writer.beginObject()
        writer.member("status", "learned")
        writer.member("pattern_name", name)
        writer.member("session_id", sessionID)
        writer.member("processor_id", answer.nodeID)
        writer.member(
            "message",
            name.isEmpty
                ? "A single symbol makes no pattern; the STM is empty now"
                : "Learned pattern \(name) from \(answer.initialLength) events"
        )
        writer.endObject()
        return writer.bytes
    }

    /// The short-term memory of a session.
    static func shortTermMemory(_ state: MemorySessionState) -> [UInt8] {
        var writer = JSONWriter(capacity: 1024)
        writer.beginObject()
        writer.events("stm", state.memory.events)
        writer.member("session_id", state.key.sessionID)
        writer.member("length", state.memory.length)
        writer.endObject()
        return writer.bytes
    }

    /// What a session predicts.
    /// - Throws: ``MemoryError`` `predictionTooLarge` beyond `bytesMax`.
    static func predictions(
        _ ensemble: PredictionEnsemble,
        _ state: MemorySessionState,
        uniqueID: String,
        bytesMax: Int
    ) throws(MemoryError) -> [UInt8] {
        var writer = JSONWriter(capacity: 512 + 1024 * ensemble.predictions.count)
        writer.beginObject()
        try ensemble.writeMembers(to: &writer, bytesMax: bytesMax)
        writer.member("session_id", state.key.sessionID)
        writer.member("processor_id", state.nodeID)
        writer.member("count", ensemble.predictions.count)
        writer.member("time", state.memory.time)
        writer.member("unique_id", uniqueID)
        writer.endObject()
        return writer.bytes
    }

    /// What a session thinks: its short-term memory, how it feels, and what it predicts.
    /// - Throws: ``MemoryError`` `predictionTooLarge` beyond `bytesMax`.
    static func cognition(
        _ ensemble: PredictionEnsemble,
        _ state: MemorySessionState,
        bytesMax: Int
    ) throws(MemoryError) -> [UInt8] {
        var writer = JSONWriter(capacity: 1024)
        writer.beginObject()
        writer.key("cognition_data")
        writer.beginObject()
        try ensemble.writeMembers(to: &writer, bytesMax: bytesMax)
        writer.key("emotives")
        writer.beginObject()
        for (name, value) in Emotives.mean(state.memory.emotives).sorted(by: { $0.key < $1.key }) {
            writer.key(dynamic: name)
            writer.double(value)
        }
        writer.endObject()
        writer.key("symbols")
        writer.strings(state.memory.events.last ?? [])
        writer.events("short_term_memory", state.memory.events)
        writer.key("metadata")
        writer.beginObject()
        for (name, values) in Metadata.merged(state.memory.metadata).sorted(by: { $0.key < $1.key }) {
            writer.key(dynamic: name)
            writer.strings(values)
        }
        writer.endObject()
        writer.member("time", state.memory.time)
        writer.endObject()
        writer.member("session_id", state.key.sessionID)
        writer.member("node_id", state.nodeID)
        writer.endObject()
        return writer.bytes
    }

    /// What a session observed last.
    static func percept(_ snapshot: MemorySnapshot) -> [UInt8] {
        var writer = JSONWriter(capacity: 512)
        writer.beginObject()
        writer.key("percept_data")
        writer.raw(snapshot.percept ?? Array("{}".utf8))
        writer.member("session_id", snapshot.state.key.sessionID)
        writer.member("node_id", snapshot.state.nodeID)
        writer.endObject()
        return writer.bytes
    }

    /// A pattern of a node, or that there is none of this name.
    static func pattern(_ pattern: Pattern?, named name: String, nodeID: String) -> [UInt8] {
        var writer = JSONWriter(capacity: 1024)
        writer.beginObject()
        writer.key("pattern")
        writer.beginObject()
        if let pattern {
            writer.member("status", "okay")
            writer.key("pattern")
            write(pattern, to: &writer)
        } else {
            writer.member("status", "error")
            writer.member("message", "Pattern \(name) not found")
        }
        writer.endObject()
        writer.member("node_id", nodeID)
        writer.endObject()
        return writer.bytes
    }

    private static func write(_ pattern: Pattern, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("name", pattern.name.hex)
        writer.events("pattern_data", pattern.events)
        writer.member("length", pattern.length)
        writer.member("frequency", pattern.frequency)
        writer.key("emotives")
        writer.beginArray()
        for entry in pattern.emotives {
            writer.beginObject()
            for (name, value) in entry.sorted(by: { $0.key < $1.key }) {
                writer.key(dynamic: name)
                writer.double(value)
            }
            writer.endObject()
        }
        writer.endArray()
        writer.key("metadata")
        writer.beginObject()
        for (name, values) in pattern.metadata.sorted(by: { $0.key < $1.key }) {
            writer.key(dynamic: name)
            writer.strings(values)
        }
        writer.endObject()
        writer.endObject()
    }

    /// Short answers about a session.
    static func status(_ status: String, _ sessionID: String, _ more: JSONObject = JSONObject()) -> JSONValue {
        var object: JSONObject = ["status": .string(status), "session_id": .string(sessionID)]
        for member in more { object.set(member.key, member.value) }
        return .object(object)
    }
}
