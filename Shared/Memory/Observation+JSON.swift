package import JSON

extension Observation {
    /// Reads an observation from a request: `{strings[], vectors[[]], emotives{}, metadata{}}`, each of them optional.
    ///
    /// Other members are ignored, and `null` is as good as absent.
    ///
    /// - Throws: ``MemoryError`` `invalidObservation` that names the first field of a wrong type, or each field that is
    ///   beyond its limits.
    package init(json: JSONValue, limits: Limits = Limits()) throws(MemoryError) {
        guard case .object(let object) = json else {
            throw MemoryError(.invalidObservation, problems: [.init(field: "body", reason: "is not an object")])
        }
        try self.init(
            strings: Self.list(object, "strings").enumerated().map { position, value throws(MemoryError) in
                guard let text = value.stringValue else { throw Self.wrong("strings[\(position)]", "a string") }
                return text
            },
            vectors: Self.list(object, "vectors").enumerated().map { position, value throws(MemoryError) in
                try Self.vector(value, field: "vectors[\(position)]")
            },
            emotives: Self.emotives(object),
            metadata: Self.members(object, "metadata"),
            limits: limits
        )
    }

    private static func list(_ object: JSONObject, _ field: String) throws(MemoryError) -> [JSONValue] {
        guard let value = object[field], !value.isNull else { return [] }
        guard let list = value.arrayValue else { throw wrong(field, "a list") }
        return list
    }

    private static func members(_ object: JSONObject, _ field: String) throws(MemoryError) -> JSONObject {
        guard let value = object[field], !value.isNull else { return JSONObject() }
        guard let members = value.objectValue else { throw wrong(field, "an object") }
        return members
    }

    private static func vector(_ value: JSONValue, field: String) throws(MemoryError) -> [Double] {
        guard let list = value.arrayValue else { throw wrong(field, "a list of numbers") }
        var vector: [Double] = []
        vector.reserveCapacity(list.count)
        for (place, number) in list.enumerated() {
            guard let number = number.doubleValue else { throw wrong("\(field)[\(place)]", "a number") }
            vector.append(number)
        }
        return vector
    }

    private static func emotives(_ object: JSONObject) throws(MemoryError) -> [String: Double] {
        var emotives: [String: Double] = [:]
        for member in try members(object, "emotives") {
            guard let number = member.value.doubleValue else { throw wrong("emotives", "an object of numbers") }
            emotives[member.key] = number
        }
        return emotives
    }

    private static func wrong(_ field: String, _ wanted: String) -> MemoryError {
        MemoryError(.invalidObservation, problems: [.init(field: field, reason: "is not \(wanted)")])
    }
}
