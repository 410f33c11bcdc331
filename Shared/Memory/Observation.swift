package import JSON

/// What a session perceives at once: symbols, vectors, how it felt and where it comes from.
///
/// A value of this type is within ``Limits``; nothing else has to be checked again.
package struct Observation: Sendable {
    /// How much one observation may hold.
    package struct Limits: Sendable {
        /// Bytes in UTF-8 of one string, and of the name of an emotive or a metadata key; 4096.
        package var stringBytes = 4096
        /// Strings of one observation; 1000.
        package var strings = 1000
        /// Vectors of one observation; 100.
        package var vectors = 100
        /// Numbers of one vector; 8192.
        package var dimensions = 8192
        /// Emotives of one observation; 1000.
        package var emotives = 1000
        /// The greatest magnitude of an emotive; 10^100.
        package var emotiveMagnitude = Emotives.magnitudeLimit
        /// Metadata keys of one observation; 1000.
        package var metadataKeys = 1000

        /// The documented limits.
        package init() {}
    }

    /// The symbols, in the order in which they came.
    package let strings: [String]
    /// The vectors, all of one length, all numbers finite.
    package let vectors: [[Double]]
    /// How each feeling was at this moment.
    package let emotives: [String: Double]
    /// What else is known, any JSON values.
    package let metadata: JSONObject

    /// Checks and keeps an observation.
    ///
    /// - Throws: ``MemoryError`` `invalidObservation` that names each field beyond its limits.
    package init(
        strings: [String] = [],
        vectors: [[Double]] = [],
        emotives: [String: Double] = [:],
        metadata: JSONObject = JSONObject(),
        limits: Limits = Limits()
    ) throws(MemoryError) {
        self.strings = strings
        self.vectors = vectors
        self.emotives = emotives
        self.metadata = metadata
        let problems =
            Self.problems(strings: strings, limits) + Self.problems(vectors: vectors, limits)
            + Self.problems(emotives: emotives, limits) + Self.problems(metadata: metadata, limits)
        guard problems.isEmpty else { throw MemoryError(.invalidObservation, problems: problems) }
    }

    /// Whether there is no string and no vector: such an observation leaves the short-term memory as it is.
    package var hasNoSymbols: Bool { strings.isEmpty && vectors.isEmpty }

    /// The vectors added up element by element; nil without a vector.
    ///
    /// The numbers are finite: an observation whose sum is not is refused.
    package var summedVector: [Double]? { vectors.isEmpty ? nil : Self.sum(vectors) }

    /// The event that this observation adds to the short-term memory: the vectors' symbols as a sorted set, then the
    /// strings, sorted by code point if asked, duplicates kept.
    ///
    /// - Parameters:
    ///   - vectorSymbols: The symbol of ``summedVector`` and those of its nearest learned vectors; in any order.
    ///   - sorted: The session's `sort_symbols`.
    /// - Returns: The symbols of the event; none for an observation without symbols.
    package func event(vectorSymbols: [String], sorted: Bool) -> [String] {
        let head = SymbolOrder.sortedSet(vectorSymbols)
        return head + (sorted ? SymbolOrder.sorted(strings) : strings)
    }

    private static func sum(_ vectors: [[Double]]) -> [Double] {
        var total = vectors[0]
        for vector in vectors.dropFirst() {
            for position in total.indices { total[position] += vector[position] }
        }
        return total
    }

    private static func problems(strings: [String], _ limits: Limits) -> [MemoryError.Problem] {
        var problems: [MemoryError.Problem] = []
        if strings.count > limits.strings {
            problems.append(.init(field: "strings", reason: "\(strings.count) strings, at most \(limits.strings)"))
        }
        if let position = strings.firstIndex(where: { $0.utf8.count > limits.stringBytes }) {
            problems.append(tooLong("strings[\(position)]", strings[position], limits))
        }
        if let position = strings.firstIndex(where: { $0.utf8.contains(0) }) {
            problems.append(.init(field: "strings[\(position)]", reason: nul))
        }
        return problems
    }

    private static func problems(vectors: [[Double]], _ limits: Limits) -> [MemoryError.Problem] {
        guard let first = vectors.first else { return [] }
        if vectors.count > limits.vectors {
            return [.init(field: "vectors", reason: "\(vectors.count) vectors, at most \(limits.vectors)")]
        }
        for (position, vector) in vectors.enumerated() {
            let field = "vectors[\(position)]"
            if vector.isEmpty { return [.init(field: field, reason: "is empty")] }
            if vector.count > limits.dimensions {
                return [.init(field: field, reason: "\(vector.count) numbers, at most \(limits.dimensions)")]
            }
            if vector.count != first.count {
                let reason = "\(vector.count) numbers, but vectors[0] has \(first.count): all must have the same length"
                return [.init(field: field, reason: reason)]
            }
            if let place = vector.firstIndex(where: { !$0.isFinite }) {
                return [.init(field: "\(field)[\(place)]", reason: "is not a finite number")]
            }
        }
        guard sum(vectors).allSatisfy(\.isFinite) else {
            return [.init(field: "vectors", reason: "their sum is beyond what a double holds")]
        }
        return []
    }

    private static func problems(emotives: [String: Double], _ limits: Limits) -> [MemoryError.Problem] {
        var problems: [MemoryError.Problem] = []
        if emotives.count > limits.emotives {
            problems.append(.init(field: "emotives", reason: "\(emotives.count) names, at most \(limits.emotives)"))
        }
        if let name = emotives.keys.first(where: { $0.utf8.count > limits.stringBytes }) {
            problems.append(tooLong("emotives", name, limits))
        }
        if !emotives.values.allSatisfy(\.isFinite) {
            problems.append(.init(field: "emotives", reason: "one of them is not a finite number"))
        } else if !emotives.values.allSatisfy({ $0.magnitude <= limits.emotiveMagnitude }) {
            let most = limits.emotiveMagnitude
            problems.append(.init(field: "emotives", reason: "one of them is not from -\(most) to \(most)"))
        }
        if emotives.keys.contains(where: { $0.utf8.contains(0) }) {
            problems.append(.init(field: "emotives", reason: nul))
        }
        return problems
    }

    private static func problems(metadata: JSONObject, _ limits: Limits) -> [MemoryError.Problem] {
        var problems: [MemoryError.Problem] = []
        if metadata.count > limits.metadataKeys {
            problems.append(.init(field: "metadata", reason: "\(metadata.count) keys, at most \(limits.metadataKeys)"))
        }
        if let key = metadata.keys.first(where: { $0.utf8.count > limits.stringBytes }) {
            problems.append(tooLong("metadata", key, limits))
        }
        if JSONValue.object(metadata).hasNUL { problems.append(.init(field: "metadata", reason: nul)) }
        return problems
    }

    private static let nul = "must not have a NUL character in a string"

    private static func tooLong(_ field: String, _ text: String, _ limits: Limits) -> MemoryError.Problem {
        .init(field: field, reason: "a text of \(text.utf8.count) bytes, at most \(limits.stringBytes)")
    }
}
