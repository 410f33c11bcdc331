import JSON
import Memory
import Postgres

/// Reading and writing what the memory's tables hold as JSON.
enum MemoryRows {
    /// Events as JSON text.
    static func text(_ events: [[String]]) -> String {
        var writer = JSONWriter()
        write(events, to: &writer)
        return writer.string
    }

    /// Symbols as JSON text.
    static func text(_ symbols: [String]) -> String {
        var writer = JSONWriter()
        write(symbols, to: &writer)
        return writer.string
    }

    /// Emotives as JSON text.
    static func text(_ emotives: [String: Double]) -> String {
        var writer = JSONWriter()
        write(emotives, to: &writer)
        return writer.string
    }

    /// Several emotives as JSON text.
    static func text(_ emotives: [[String: Double]]) -> String {
        var writer = JSONWriter()
        writer.beginArray()
        for entry in emotives {
            write(entry, to: &writer)
        }
        writer.endArray()
        return writer.string
    }

    /// A vector as JSON text.
    static func text(_ vector: [Double]) -> String {
        var writer = JSONWriter(capacity: 16 * vector.count)
        write(vector, to: &writer)
        return writer.string
    }

    /// A pattern's metadata as JSON text.
    static func text(_ metadata: [String: [String]]) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        for key in SymbolOrder.sorted(Array(metadata.keys)) {
            writer.key(dynamic: withoutNUL(key))
            write((metadata[key] ?? []).map(withoutNUL), to: &writer)
        }
        writer.endObject()
        return writer.string
    }

    /// What was observed, as clients get it back.
    static func percept(_ observation: Observation) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("strings")
        write(observation.strings, to: &writer)
        writer.key("vectors")
        writer.beginArray()
        for vector in observation.vectors {
            write(vector, to: &writer)
        }
        writer.endArray()
        writer.key("emotives")
        write(observation.emotives, to: &writer)
        writer.member("metadata", .object(observation.metadata))
        writer.endObject()
        return writer.string
    }

    private static func write(_ events: [[String]], to writer: inout JSONWriter) {
        writer.beginArray()
        for event in events {
            write(event, to: &writer)
        }
        writer.endArray()
    }

    private static func write(_ symbols: [String], to writer: inout JSONWriter) {
        writer.beginArray()
        for symbol in symbols {
            writer.string(symbol)
        }
        writer.endArray()
    }

    private static func write(_ vector: [Double], to writer: inout JSONWriter) {
        writer.beginArray()
        for element in vector {
            writer.double(element)
        }
        writer.endArray()
    }

    private static func write(_ emotives: [String: Double], to writer: inout JSONWriter) {
        writer.beginObject()
        for name in SymbolOrder.sorted(Array(emotives.keys)) {
            writer.key(dynamic: withoutNUL(name))
            writer.double(emotives[name] ?? 0)
        }
        writer.endObject()
    }

    /// Observations of earlier builds may hold what `jsonb` refuses; they are learned all the same.
    private static func withoutNUL(_ text: String) -> String {
        text.utf8.contains(0) ? text.replacing("\0", with: "\u{FFFD}") : text
    }

    /// A stored value.
    static func parse(_ bytes: [UInt8]) throws(PostgresError) -> JSONValue {
        do {
            return try JSONValue.parse(bytes)
        } catch {
            throw PostgresError(.decoding, "a column of the memory does not hold JSON: \(error)")
        }
    }

    /// Stored symbols.
    static func symbols(_ value: JSONValue) -> [String] {
        (value.arrayValue ?? []).compactMap(\.stringValue)
    }

    /// Stored events.
    static func events(_ value: JSONValue) -> [[String]] {
        (value.arrayValue ?? []).map(symbols)
    }

    /// Stored emotives; those that an earlier build let become greater count as the greatest that there may be.
    static func emotives(_ value: JSONValue, limit: Double = Emotives.magnitudeLimit) -> [String: Double] {
        var emotives: [String: Double] = [:]
        for member in value.objectValue ?? JSONObject() {
            emotives[member.key] = member.value.doubleValue
        }
        return Emotives.within(limit, emotives)
    }

    /// A pattern's stored metadata.
    static func metadata(_ value: JSONValue) -> [String: [String]] {
        var metadata: [String: [String]] = [:]
        for member in value.objectValue ?? JSONObject() {
            metadata[member.key] = symbols(member.value)
        }
        return metadata
    }

    /// A pattern with the affinity that its symbols have by it.
    static func pattern(_ row: PostgresRow) throws -> (pattern: Pattern, affinity: [String: Double]) {
        let pattern = try Pattern(
            events: events(try parse(row.json("events"))),
            // An earlier build counted on.
            frequency: min(try row.int("frequency"), Pattern.frequencyLimit),
            emotives: (try parse(row.json("emotives")).arrayValue ?? []).map { emotives($0) },
            metadata: metadata(try parse(row.json("metadata")))
        )
        return (pattern, emotives(try parse(row.json("affinity")), limit: Emotives.affinityLimit))
    }
}
