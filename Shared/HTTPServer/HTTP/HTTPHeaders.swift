/// The headers of a request, names in lower case, in the order they came.
package struct HTTPHeaders: Sendable, Sequence {
    private var fields: [(name: String, value: String)] = []

    /// No headers.
    init() {
        fields.reserveCapacity(12)
    }

    /// How many there are.
    package var count: Int { fields.count }

    mutating func append(name: String, value: String) {
        fields.append((name, value))
    }

    /// The value of the first header of this name, whatever its case (in lower case it is found faster).
    package subscript(name: String) -> String? {
        let isLowercase = name.utf8.allSatisfy { !(65...90).contains($0) }
        let wanted = isLowercase ? name : name.lowercased()
        return fields.first { $0.name == wanted }?.value
    }

    /// The values of all headers of this name, in the order they came, whatever its case.
    package func values(_ name: String) -> [String] {
        let wanted = name.lowercased()
        return fields.filter { $0.name == wanted }.map(\.value)
    }

    /// Every header.
    package func makeIterator() -> IndexingIterator<[(name: String, value: String)]> {
        fields.makeIterator()
    }
}
