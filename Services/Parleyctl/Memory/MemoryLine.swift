import JSON
import Memory
import MemoryStore

/// Why a line cannot be imported.
struct MemoryLineError: Error, Equatable {
    /// What is wrong with it.
    let reason: String
}

/// One line of an exported memory.
enum MemoryLine: Equatable {
    /// A pattern.
    case pattern(StoredPattern)
    /// A vector.
    case vector([Double])

    /// How many emotives a pattern keeps of which the line does not say it: as many as a session's `persistence`.
    static let emotivesKeptDefault = 5
    /// The greatest `persistence` of a session.
    static let emotivesKeptMax = 100

    /// Reads a line.
    ///
    /// - Throws: ``MemoryLineError``.
    init(_ bytes: [UInt8]) throws(MemoryLineError) {
        do {
            let fields = try JSONFields(JSONValue.parse(bytes))
            switch try fields.optionalString("kind") ?? "pattern" {
            case "pattern": self = .pattern(try Self.pattern(fields))
            case "vector": self = .vector(try Self.vector(fields))
            default: throw MemoryLineError(reason: #"kind: must be "pattern" or "vector""#)
            }
        } catch let error as MemoryLineError {
            throw error
        } catch let error as MemoryError {
            throw MemoryLineError(reason: error.message)
        } catch {
            throw MemoryLineError(reason: "\(error)")
        }
    }

    private static func vector(_ fields: JSONFields) throws -> [Double] {
        try fields.allow("kind", "name", "vector")
        let elements = try fields.array("vector").map { try number($0, "vector") }
        guard !elements.isEmpty, elements.count <= Observation.Limits().dimensions else {
            throw MemoryLineError(reason: "vector: must have 1 to \(Observation.Limits().dimensions) numbers")
        }
        let name = try fields.string("name")
        guard name == VectorSymbol.make(elements) else {
            throw MemoryLineError(reason: "name: is not that of the vector, \(VectorSymbol.make(elements))")
        }
        return elements
    }

    private static func pattern(_ fields: JSONFields) throws -> StoredPattern {
        try fields.allow(
            "kind",
            "name",
            "events",
            "frequency",
            "emotives",
            "metadata",
            "affinity",
            "emotives_kept"
        )
        let events = try fields.array("events").map { try strings($0, "events") }
        let pattern = try Pattern(
            events: events,
            frequency: try fields.int("frequency"),
            emotives: try emotives(fields),
            metadata: try metadata(fields)
        )
        guard pattern.length <= PatternIndex.patternLength else {
            throw MemoryLineError(
                reason: "events: have \(pattern.length) symbols, at most \(PatternIndex.patternLength)"
            )
        }
        let name = try fields.string("name")
        guard PatternName(name) == pattern.name else {
            throw MemoryLineError(reason: "name: is not that of the events, \(pattern.name.qualified)")
        }
        let kept = try fields.optionalInt("emotives_kept", in: 0...emotivesKeptMax)
        return StoredPattern(
            pattern: pattern,
            emotivesKept: kept ?? max(emotivesKeptDefault, pattern.emotives.count),
            affinity: try affinity(fields, pattern)
        )
    }

    /// Of each name a list with a place for each observation, oldest first; `null` where it did not have the name.
    private static func emotives(_ fields: JSONFields) throws -> [[String: Double]] {
        var entries: [[String: Double]] = []
        for member in try fields.optionalObject("emotives") ?? JSONObject() {
            try check(member.key, "emotives")
            guard let values = member.value.arrayValue, values.count <= emotivesKeptMax else {
                throw MemoryLineError(reason: "emotives: each must be a list of at most \(emotivesKeptMax) numbers")
            }
            while entries.count < values.count { entries.append([:]) }
            for (index, value) in values.enumerated() where !value.isNull {
                entries[index][member.key] = try number(value, "emotives", limit: Emotives.magnitudeLimit)
            }
        }
        return entries
    }

    private static func metadata(_ fields: JSONFields) throws -> [String: [String]] {
        var metadata: [String: [String]] = [:]
        for member in try fields.optionalObject("metadata") ?? JSONObject() {
            try check(member.key, "metadata")
            let values = try strings(member.value, "metadata")
            for value in values where value.utf8.contains(0) {
                throw MemoryLineError(reason: "metadata: has a text of \(value.utf8.count) bytes with a zero byte")
            }
            metadata[member.key] = SymbolOrder.sortedSet(values)
        }
        return metadata
    }

    /// Where a line has none, each learning is taken to have brought the mean of the emotives.
    private static func affinity(_ fields: JSONFields, _ pattern: Pattern) throws -> [String: Double] {
        guard let given = try fields.optionalObject("affinity") else {
            return Emotives.mean(pattern.emotives).mapValues { $0 * Double(pattern.frequency) }
        }
        var affinity: [String: Double] = [:]
        for member in given {
            try check(member.key, "affinity")
            affinity[member.key] = try number(member.value, "affinity", limit: Emotives.affinityLimit)
        }
        return affinity
    }

    private static func check(_ key: String, _ field: String) throws(MemoryLineError) {
        // The database keeps these names in a form that has no place for a zero byte.
        guard key.utf8.count <= Observation.Limits().stringBytes, !key.utf8.contains(0) else {
            throw MemoryLineError(
                reason: "\(field): a name must be at most \(Observation.Limits().stringBytes) bytes without a zero byte"
            )
        }
    }

    private static func strings(_ value: JSONValue, _ field: String) throws(MemoryLineError) -> [String] {
        guard let values = value.arrayValue else {
            throw MemoryLineError(reason: "\(field): must hold lists of strings")
        }
        var strings: [String] = []
        for value in values {
            guard let string = value.stringValue else {
                throw MemoryLineError(reason: "\(field): must hold lists of strings")
            }
            strings.append(string)
        }
        return strings
    }

    private static func number(
        _ value: JSONValue,
        _ field: String,
        limit: Double = .greatestFiniteMagnitude
    ) throws(MemoryLineError) -> Double {
        guard let number = value.doubleValue, number.isFinite else {
            throw MemoryLineError(reason: "\(field): must hold finite numbers")
        }
        guard number.magnitude <= limit else {
            throw MemoryLineError(reason: "\(field): must hold numbers from -\(limit) to \(limit)")
        }
        return number
    }
}

extension MemoryLine {
    /// Writes the line, without a line break.
    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        switch self {
        case .vector(let elements):
            writer.member("kind", "vector")
            writer.member("name", VectorSymbol.make(elements))
            writer.key("vector")
            writer.beginArray()
            for element in elements { writer.double(element) }
            writer.endArray()
        case .pattern(let stored):
            Self.write(stored, to: &writer)
        }
        writer.endObject()
    }

    private static func write(_ stored: StoredPattern, to writer: inout JSONWriter) {
        let pattern = stored.pattern
        writer.member("name", pattern.name.qualified)
        writer.key("events")
        writer.beginArray()
        for event in pattern.events { write(event, to: &writer) }
        writer.endArray()
        writer.member("frequency", pattern.frequency)
        writer.key("emotives")
        writer.beginObject()
        for name in SymbolOrder.sortedSet(pattern.emotives.flatMap(\.keys)) {
            writer.key(dynamic: name)
            writer.beginArray()
            for entry in pattern.emotives {
                if let value = entry[name] { writer.double(value) } else { writer.null() }
            }
            writer.endArray()
        }
        writer.endObject()
        writer.key("metadata")
        writer.beginObject()
        for key in SymbolOrder.sorted(Array(pattern.metadata.keys)) {
            writer.key(dynamic: key)
            write(pattern.metadata[key] ?? [], to: &writer)
        }
        writer.endObject()
        writer.key("affinity")
        writer.beginObject()
        for name in SymbolOrder.sorted(Array(stored.affinity.keys)) {
            writer.key(dynamic: name)
            writer.double(stored.affinity[name] ?? 0)
        }
        writer.endObject()
        writer.member("emotives_kept", stored.emotivesKept)
    }

    private static func write(_ strings: [String], to writer: inout JSONWriter) {
        writer.beginArray()
        for string in strings { writer.string(string) }
        writer.endArray()
    }
}
