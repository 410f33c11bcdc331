#if canImport(Glibc)
import Glibc
#endif

/// The members of a JSON object in the order in which they were written, with look-up by name.
///
/// Names are compared byte by byte, as JSON does, and not by Unicode equivalence, as Swift's `String` does. Equality
/// ignores the order. Small objects are searched from the front, large ones through a hash index.
package struct JSONObject: Sendable {
    /// One name and its value.
    package struct Member: Sendable, Equatable {
        /// The name, unescaped.
        package let key: String
        /// The value.
        package var value: JSONValue

        /// Makes a member.
        package init(key: String, value: JSONValue) {
            self.key = key
            self.value = value
        }
    }

    /// Objects up to this size are searched from the front: there that is faster than hashing.
    static let linearSearchMax = 16

    /// The members in order.
    package private(set) var members: [Member]
    private var index: [ExactText: Int]?

    /// An empty object.
    package init() {
        members = []
    }

    /// Makes an object of members whose names the caller knows to differ; of equal names the last one counts.
    package init(_ members: [Member]) {
        self.members = []
        self.members.reserveCapacity(members.count)
        for member in members { set(member.key, member.value) }
    }

    /// Takes members over that the parser has found to differ in name.
    init(distinct members: [Member]) {
        self.members = members
        if members.count > Self.linearSearchMax { buildIndex() }
    }

    /// Number of members.
    package var count: Int { members.count }
    /// Whether there is no member.
    package var isEmpty: Bool { members.isEmpty }
    /// The names in order.
    package var keys: [String] { members.map(\.key) }

    /// The value with this name.
    ///
    /// Setting replaces in place or appends; setting nil removes.
    package subscript(key: String) -> JSONValue? {
        get {
            guard let position = position(of: key) else { return nil }
            return members[position].value
        }
        set {
            if let newValue { set(key, newValue) } else { remove(key) }
        }
    }

    /// Whether a member has this name.
    package func contains(_ key: String) -> Bool { position(of: key) != nil }

    /// Position of the member with this name in ``members``.
    package func position(of key: String) -> Int? {
        if let index { return index[ExactText(key)] }
        return members.firstIndex { sameText($0.key, key) }
    }

    /// Adds a member at the end; false, and no change, when the name is there already.
    @discardableResult
    package mutating func append(_ key: String, _ value: JSONValue) -> Bool {
        guard position(of: key) == nil else { return false }
        members.append(Member(key: key, value: value))
        if index != nil {
            index?[ExactText(key)] = members.count - 1
        } else if members.count > Self.linearSearchMax {
            buildIndex()
        }
        return true
    }

    /// Replaces the member's value where it stands, or adds the member at the end.
    package mutating func set(_ key: String, _ value: JSONValue) {
        if let position = position(of: key) {
            members[position].value = value
        } else {
            append(key, value)
        }
    }

    /// Takes a member out and returns its value; nil when there is none.
    @discardableResult
    package mutating func remove(_ key: String) -> JSONValue? {
        guard let position = position(of: key) else { return nil }
        let value = members.remove(at: position).value
        if index != nil { buildIndex() }
        return value
    }

    private mutating func buildIndex() {
        var index: [ExactText: Int] = [:]
        index.reserveCapacity(members.count)
        for (position, member) in members.enumerated() { index[ExactText(member.key)] = position }
        self.index = index
    }
}

extension JSONObject: Hashable {
    /// Whether both have the same names with equal values, in whatever order.
    package static func == (left: JSONObject, right: JSONObject) -> Bool {
        guard left.count == right.count else { return false }
        for (position, member) in left.members.enumerated() {
            let other = right.members[position]
            if sameText(other.key, member.key) {
                guard other.value == member.value else { return false }
            } else {
                guard let value = right[member.key], value == member.value else { return false }
            }
        }
        return true
    }

    /// Hashes the members without regard to their order.
    package func hash(into hasher: inout Hasher) {
        var sum = 0
        for member in members {
            var one = Hasher()
            ExactText(member.key).hash(into: &one)
            member.value.hash(into: &one)
            sum &+= one.finalize()
        }
        hasher.combine(members.count)
        hasher.combine(sum)
    }
}

extension JSONObject: Sequence {
    /// Iterates over the members in order.
    package func makeIterator() -> IndexingIterator<[Member]> { members.makeIterator() }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    /// Makes an object of a literal; of equal names the last one counts.
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self.init(elements.map { Member(key: $0.0, value: $0.1) })
    }
}

/// A string that is equal and hashes by its UTF-8 bytes.
package struct ExactText: Hashable, Sendable {
    /// The string.
    package let text: String

    /// Wraps a string.
    package init(_ text: String) { self.text = text }

    /// Whether both have the same bytes.
    package static func == (left: ExactText, right: ExactText) -> Bool { sameText(left.text, right.text) }

    /// Hashes the bytes.
    package func hash(into hasher: inout Hasher) {
        var copy = text
        copy.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}

/// Whether two strings have the same bytes in UTF-8; Swift's `==` would also equate different spellings of `é`.
@inline(__always)
package func sameText(_ left: String, _ right: String) -> Bool {
    let left = left.utf8
    let right = right.utf8
    guard left.count == right.count else { return false }
    let same = left.withContiguousStorageIfAvailable { leftBytes in
        right.withContiguousStorageIfAvailable { rightBytes in
            guard let leftBase = leftBytes.baseAddress, let rightBase = rightBytes.baseAddress else { return true }
            return memcmp(leftBase, rightBase, leftBytes.count) == 0
        }
    }
    return (same ?? nil) ?? left.elementsEqual(right)
}
