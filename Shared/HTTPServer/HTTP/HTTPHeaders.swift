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

    /// The value of the first header of this name.
    /// - Parameter name: In lower case.
    package subscript(name: String) -> String? {
        fields.first { $0.name == name }?.value
    }

    /// Every header.
    package func makeIterator() -> IndexingIterator<[(name: String, value: String)]> {
        fields.makeIterator()
    }
}
