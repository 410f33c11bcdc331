/// Writes JSON text piece by piece, with commas set by itself: the fast way out of a struct.
///
/// The caller is trusted to pair `begin` and `end` and to write one value after each key.
package struct JSONWriter: Sendable {
    /// What has been written so far.
    package private(set) var bytes: [UInt8]
    private var needsComma = false

    /// Makes a writer with room for `capacity` bytes.
    package init(capacity: Int = 256) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    /// What has been written so far, as text.
    package var string: String { String(decoding: bytes, as: UTF8.self) }

    /// Forgets what has been written and keeps the memory, so that one writer can serve many documents.
    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        needsComma = false
    }

    @inline(__always)
    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    /// Opens an object.
    @inline(__always)
    package mutating func beginObject() {
        separate()
        bytes.append(UInt8(ascii: "{"))
        needsComma = false
    }

    /// Closes the object.
    @inline(__always)
    package mutating func endObject() {
        bytes.append(UInt8(ascii: "}"))
        needsComma = true
    }

    /// Opens an array.
    @inline(__always)
    package mutating func beginArray() {
        separate()
        bytes.append(UInt8(ascii: "["))
        needsComma = false
    }

    /// Closes the array.
    @inline(__always)
    package mutating func endArray() {
        bytes.append(UInt8(ascii: "]"))
        needsComma = true
    }

    /// Writes a member's name; its value must follow.
    ///
    /// The name is taken as it is: no quotes, backslashes, controls.
    @inline(__always)
    package mutating func key(_ name: StaticString) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// Writes a member's name, escaped as needed; its value must follow.
    package mutating func key(dynamic name: String) {
        separate()
        JSONText.append(name, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// Writes a string value.
    package mutating func string(_ value: String) {
        separate()
        JSONText.append(value, to: &bytes)
    }

    /// Writes an integer value.
    package mutating func int(_ value: Int) {
        separate()
        JSONText.append(Int64(value), to: &bytes)
    }

    /// Writes a double value; `null` when it is not finite, because JSON has no such numbers.
    package mutating func double(_ value: Double) {
        separate()
        JSONText.append(value, to: &bytes)
    }

    /// Writes a boolean value.
    package mutating func bool(_ value: Bool) {
        separate()
        JSONText.append(value ? "true" : "false", raw: &bytes)
    }

    /// Writes `null`.
    package mutating func null() {
        separate()
        JSONText.append("null", raw: &bytes)
    }

    /// Writes a tree.
    package mutating func value(_ value: JSONValue) {
        separate()
        value.write(into: &bytes)
    }

    /// Splices a value that is JSON text already; the caller answers for its being valid.
    package mutating func raw(_ json: some Collection<UInt8>) {
        separate()
        bytes.append(contentsOf: json)
    }

    /// Writes a member with a string value.
    @inline(__always)
    package mutating func member(_ name: StaticString, _ value: String) {
        key(name)
        string(value)
    }

    /// Writes a member with a string value, or no member at all for nil.
    @inline(__always)
    package mutating func member(_ name: StaticString, ifPresent value: String?) {
        if let value { member(name, value) }
    }

    /// Writes a member with an integer value.
    @inline(__always)
    package mutating func member(_ name: StaticString, _ value: Int) {
        key(name)
        int(value)
    }

    /// Writes a member with a boolean value.
    @inline(__always)
    package mutating func member(_ name: StaticString, _ value: Bool) {
        key(name)
        bool(value)
    }

    /// Writes a member with a double value.
    @inline(__always)
    package mutating func member(_ name: StaticString, _ value: Double) {
        key(name)
        double(value)
    }

    /// Writes a member with a tree as value.
    @inline(__always)
    package mutating func member(_ name: StaticString, _ value: JSONValue) {
        key(name)
        self.value(value)
    }
}
