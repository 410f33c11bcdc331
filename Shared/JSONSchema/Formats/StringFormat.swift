import JSON

/// The values of `format` that are checked; all others assert nothing.
package enum StringFormat: String, Sendable, CaseIterable {
    /// RFC 3339 `date-time`.
    case dateTime = "date-time"
    /// RFC 3339 `full-date`.
    case date
    /// RFC 3339 `full-time`.
    case time
    /// RFC 3339 appendix A.
    case duration
    /// RFC 5321 §4.1.2 `Mailbox`.
    case email
    /// RFC 6531: the same with characters beyond ASCII.
    case idnEmail = "idn-email"
    /// RFC 1123 §2.1.
    case hostname
    /// RFC 2673 §3.2.
    case ipv4
    /// RFC 4291 §2.2.
    case ipv6
    /// RFC 3986 §3.
    case uri
    /// RFC 3986 §4.1.
    case uriReference = "uri-reference"
    /// RFC 3987.
    case iri
    /// RFC 3987.
    case iriReference = "iri-reference"
    /// RFC 4122 §3, the text form.
    case uuid
    /// ECMA-262 §22.2, with the flag `u`.
    case regex
    /// RFC 6901 §3.
    case jsonPointer = "json-pointer"
    /// Relative JSON Pointer, draft-bhutton-relative-json-pointer-00.
    case relativeJSONPointer = "relative-json-pointer"

    /// Whether `text` is in the format.
    package func matches(_ text: String) -> Bool {
        switch self {
        case .regex:
            var parser = PatternParser(text)
            return (try? parser.parse()) != nil
        case .jsonPointer: return JSONPointer(text) != nil
        default:
            var copy = text
            return copy.withUTF8 { matches(FormatCursor($0)) }
        }
    }

    private func matches(_ text: FormatCursor) -> Bool {
        var cursor = text
        switch self {
        case .dateTime: return cursor.takeDate() && cursor.take(anyOf: "Tt") && cursor.takeTime() && cursor.isAtEnd
        case .date: return cursor.takeDate() && cursor.isAtEnd
        case .time: return cursor.takeTime() && cursor.isAtEnd
        case .duration: return cursor.takeDuration() && cursor.isAtEnd
        case .email: return NetworkFormats.isMailbox(text.rest, allowsUnicode: false)
        case .idnEmail: return NetworkFormats.isMailbox(text.rest, allowsUnicode: true)
        case .hostname: return NetworkFormats.isHostname(text.rest)
        case .ipv4: return NetworkFormats.isIPv4(text.rest)
        case .ipv6: return NetworkFormats.isIPv6(text.rest)
        case .uri: return URIFormat.isValid(text.rest, isRelativeAllowed: false, allowsUnicode: false)
        case .uriReference: return URIFormat.isValid(text.rest, isRelativeAllowed: true, allowsUnicode: false)
        case .iri: return URIFormat.isValid(text.rest, isRelativeAllowed: false, allowsUnicode: true)
        case .iriReference: return URIFormat.isValid(text.rest, isRelativeAllowed: true, allowsUnicode: true)
        case .uuid: return cursor.takeUUID() && cursor.isAtEnd
        case .relativeJSONPointer: return cursor.takeRelativePointer()
        case .regex, .jsonPointer: return false
        }
    }
}

/// A position in the bytes of a text that is being checked.
struct FormatCursor {
    private let bytes: UnsafeBufferPointer<UInt8>
    private var index = 0

    init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    var isAtEnd: Bool { index == bytes.count }

    /// What is still to come.
    var rest: Slice<UnsafeBufferPointer<UInt8>> { bytes[index...] }

    private var next: UInt8? { index < bytes.count ? bytes[index] : nil }

    mutating func take(_ byte: Unicode.Scalar) -> Bool {
        guard let next, UInt32(next) == byte.value else { return false }
        index += 1
        return true
    }

    mutating func take(anyOf text: StaticString) -> Bool {
        let choices = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        guard let next, choices.contains(next) else { return false }
        index += 1
        return true
    }

    /// A number of exactly `count` digits.
    private mutating func number(_ count: Int) -> Int? {
        guard index + count <= bytes.count else { return nil }
        var value = 0
        for position in index..<(index + count) {
            guard bytes[position] &- 48 < 10 else { return nil }
            value = value * 10 + Int(bytes[position] &- 48)
        }
        index += count
        return value
    }

    /// At least one digit; how many.
    private mutating func digits() -> Int {
        let start = index
        while let next, next &- 48 < 10 { index += 1 }
        return index - start
    }

    // MARK: Dates (RFC 3339 §5.6, limits of §5.7)

    mutating func takeDate() -> Bool {
        guard let year = number(4), take("-"), let month = number(2), take("-"), let day = number(2) else {
            return false
        }
        guard (1...12).contains(month), day >= 1 else { return false }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        return day <= days[month - 1]
    }

    mutating func takeTime() -> Bool {
        guard let hour = number(2), take(":"), let minute = number(2), take(":"), let second = number(2),
            hour <= 23, minute <= 59, second <= 60
        else { return false }
        if take("."), digits() == 0 { return false }
        var offset = 0
        if !take(anyOf: "Zz") {
            let isNegative = take("-")
            guard isNegative || take("+"), let hours = number(2), take(":"), let minutes = number(2),
                hours <= 23, minutes <= 59
            else { return false }
            offset = (hours * 60 + minutes) * (isNegative ? -1 : 1)
        }
        // A leap second is the last one of a day in UTC.
        let minuteOfDay = (hour * 60 + minute - offset + 2 * 1440) % 1440
        return second < 60 || minuteOfDay == 1439
    }

    /// RFC 3339 appendix A: a larger unit may only be followed by the next smaller one.
    mutating func takeDuration() -> Bool {
        guard take("P") else { return false }
        let start = index
        if digits() > 0, take("W") { return true }
        index = start
        let hasDate = takeUnits(["Y", "M", "D"])
        guard take("T") else { return hasDate == true }
        return hasDate != nil && takeUnits(["H", "M", "S"]) == true
    }

    /// Takes numbers with units in order and without a gap: true if any, false if none, nil if malformed.
    private mutating func takeUnits(_ units: [Unicode.Scalar]) -> Bool? {
        var last: Int?
        while true {
            guard digits() > 0 else { return last != nil }
            guard let position = units.firstIndex(where: { next.map(UInt32.init) == $0.value }) else { return nil }
            guard last == nil || last == position - 1 else { return nil }
            last = position
            index += 1
        }
    }

    // MARK: Others

    mutating func takeUUID() -> Bool {
        guard bytes.count == 36 else { return false }
        for position in 0..<36 {
            let byte = bytes[position]
            let isDash = position == 8 || position == 13 || position == 18 || position == 23
            guard isDash ? byte == UInt8(ascii: "-") : URIFormat.isHexadecimal(byte) else { return false }
        }
        index = 36
        return true
    }

    mutating func takeRelativePointer() -> Bool {
        let isZero = next == UInt8(ascii: "0")
        let count = digits()
        guard count == 1 || (count > 1 && !isZero) else { return false }
        if take("#") { return isAtEnd }
        return JSONPointer(String(decoding: rest, as: UTF8.self)) != nil
    }
}
