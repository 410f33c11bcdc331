/// The smallest pieces of JSON text: escaped strings and numbers appended to bytes.
package enum JSONText {
    /// Appends a string with its quotes; escapes only what RFC 8259 §7 requires.
    package static func append(_ value: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        var copy = value
        copy.withUTF8 { text in
            var start = 0
            for index in 0..<text.count {
                let byte = text[index]
                if byte >= 0x20 && byte != 0x22 && byte != 0x5c { continue }
                bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[start..<index]))
                start = index + 1
                appendEscape(of: byte, to: &bytes)
            }
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[start..<text.count]))
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func appendEscape(of byte: UInt8, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case 0x22, 0x5c: bytes.append(byte)
        case 0x08: bytes.append(UInt8(ascii: "b"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        case 0x0a: bytes.append(UInt8(ascii: "n"))
        case 0x0c: bytes.append(UInt8(ascii: "f"))
        case 0x0d: bytes.append(UInt8(ascii: "r"))
        default:
            append("u00", raw: &bytes)
            bytes.append(byte >> 4 &+ 48)
            bytes.append(byte & 15 < 10 ? byte & 15 &+ 48 : byte & 15 &+ 87)
        }
    }

    /// Appends an integer.
    package static func append(_ value: Int64, to bytes: inout [UInt8]) {
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        var rest = value.magnitude
        if rest < 10 {
            bytes.append(UInt8(rest) &+ 48)
            return
        }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var position = 20
            while rest > 0 {
                position -= 1
                digits[position] = UInt8(truncatingIfNeeded: rest % 10) &+ 48
                rest /= 10
            }
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: UnsafeBufferPointer(digits)[position..<20]))
        }
    }

    /// Appends a double in its shortest form that reads back as the same; `null` when it is not finite.
    package static func append(_ value: Double, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: (value.isFinite ? value.description : "null").utf8)
    }

    /// Appends text as it is.
    @inline(__always)
    static func append(_ text: StaticString, raw bytes: inout [UInt8]) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}

/// How a tree is written.
package struct JSONWritingOptions: OptionSet, Sendable {
    /// The bits.
    package let rawValue: Int

    /// Makes options of bits.
    package init(rawValue: Int) { self.rawValue = rawValue }

    /// Members in the order of their names' UTF-8 bytes, at every level: the same tree gives the same text.
    package static let sortedKeys = JSONWritingOptions(rawValue: 1)
    /// Two spaces of indentation, one member or element a line.
    package static let pretty = JSONWritingOptions(rawValue: 2)
}

extension JSONValue {
    /// Appends the value without white space, members in their order.
    package func write(into bytes: inout [UInt8]) {
        switch self {
        case .null: JSONText.append("null", raw: &bytes)
        case .bool(let value): JSONText.append(value ? "true" : "false", raw: &bytes)
        case .number(.integer(let value)): JSONText.append(value, to: &bytes)
        case .number(.double(let value)): JSONText.append(value, to: &bytes)
        case .number(.literal(let text)): bytes.append(contentsOf: text.utf8)
        case .string(let value): JSONText.append(value, to: &bytes)
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (position, element) in elements.enumerated() {
                if position > 0 { bytes.append(UInt8(ascii: ",")) }
                element.write(into: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let object):
            bytes.append(UInt8(ascii: "{"))
            for (position, member) in object.members.enumerated() {
                if position > 0 { bytes.append(UInt8(ascii: ",")) }
                JSONText.append(member.key, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                member.value.write(into: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    /// The value as UTF-8 text.
    package func serialized(_ options: JSONWritingOptions = []) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(256)
        if options.isEmpty {
            write(into: &bytes)
        } else {
            write(into: &bytes, options: options, indentation: 0)
        }
        return bytes
    }

    /// The value as text without white space.
    package var string: String { string([]) }

    /// The value as text.
    package func string(_ options: JSONWritingOptions) -> String {
        String(decoding: serialized(options), as: UTF8.self)
    }

    private func write(into bytes: inout [UInt8], options: JSONWritingOptions, indentation: Int) {
        let isPretty = options.contains(.pretty)
        func breakLine(_ level: Int) {
            guard isPretty else { return }
            bytes.append(UInt8(ascii: "\n"))
            bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * level))
        }
        switch self {
        case .array(let elements) where !elements.isEmpty:
            bytes.append(UInt8(ascii: "["))
            for (position, element) in elements.enumerated() {
                if position > 0 { bytes.append(UInt8(ascii: ",")) }
                breakLine(indentation + 1)
                element.write(into: &bytes, options: options, indentation: indentation + 1)
            }
            breakLine(indentation)
            bytes.append(UInt8(ascii: "]"))
        case .object(let object) where !object.isEmpty:
            var members = object.members
            if options.contains(.sortedKeys) {
                members.sort { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            }
            bytes.append(UInt8(ascii: "{"))
            for (position, member) in members.enumerated() {
                if position > 0 { bytes.append(UInt8(ascii: ",")) }
                breakLine(indentation + 1)
                JSONText.append(member.key, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                if isPretty { bytes.append(UInt8(ascii: " ")) }
                member.value.write(into: &bytes, options: options, indentation: indentation + 1)
            }
            breakLine(indentation)
            bytes.append(UInt8(ascii: "}"))
        default: write(into: &bytes)
        }
    }
}
