/// Reads the text form in which the server sends values.
///
/// Pure functions over the bytes of one value.
enum PostgresText {
    static func int(_ bytes: UnsafeRawBufferPointer) -> Int64? {
        var index = 0
        let isNegative = bytes.first == UInt8(ascii: "-")
        if isNegative { index = 1 }
        guard index < bytes.count else { return nil }
        var value: Int64 = 0
        while index < bytes.count {
            let digit = bytes[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
            let (sum, carried) =
                isNegative
                ? product.subtractingReportingOverflow(Int64(digit))
                : product.addingReportingOverflow(Int64(digit))
            guard !overflowed, !carried else { return nil }
            value = sum
            index += 1
        }
        return value
    }

    static func double(_ bytes: UnsafeRawBufferPointer) -> Double? {
        let text = String(decoding: bytes, as: UTF8.self)
        switch text {
        case "Infinity": return .infinity
        case "-Infinity": return -.infinity
        case "NaN": return .nan
        default: return Double(text)
        }
    }

    static func bool(_ bytes: UnsafeRawBufferPointer) -> Bool? {
        guard bytes.count == 1 else { return nil }
        switch bytes[0] {
        case UInt8(ascii: "t"): return true
        case UInt8(ascii: "f"): return false
        default: return nil
        }
    }

    /// A `bytea` in the hex form (`\x0aff`), the only one that servers since 9.0 send by default.
    static func bytes(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
        guard bytes.count >= 2, bytes.count % 2 == 0, bytes[0] == UInt8(ascii: "\\"), bytes[1] == UInt8(ascii: "x")
        else { return nil }
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count / 2 - 1)
        for index in stride(from: 2, to: bytes.count, by: 2) {
            guard let high = nibble(bytes[index]), let low = nibble(bytes[index + 1]) else { return nil }
            decoded.append(high << 4 | low)
        }
        return decoded
    }

    private static func nibble(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// A `timestamptz` or `timestamp` in ISO form, in microseconds since 1970-01-01 UTC; a time without offset is UTC.
    static func microseconds(_ bytes: UnsafeRawBufferPointer) -> Int64? {
        var reader = DigitReader(bytes: bytes)
        guard let year = reader.number(digits: 4...6), reader.skip("-"), let month = reader.number(digits: 2...2),
            reader.skip("-"), let day = reader.number(digits: 2...2)
        else { return nil }
        var seconds = daysSinceEpoch(year: year, month: month, day: day) * 86_400
        guard !reader.isAtEnd else { return seconds * 1_000_000 }
        guard reader.skip(" ") || reader.skip("T"), let hour = reader.number(digits: 2...2), reader.skip(":"),
            let minute = reader.number(digits: 2...2), reader.skip(":"), let second = reader.number(digits: 2...2)
        else { return nil }
        seconds += hour * 3600 + minute * 60 + second
        var fraction: Int64 = 0
        if reader.skip(".") {
            let start = reader.position
            guard let digits = reader.number(digits: 1...6) else { return nil }
            fraction = (0..<(6 - (reader.position - start))).reduce(digits) { value, _ in value * 10 }
        }
        guard let offset = offsetSeconds(&reader), reader.isAtEnd else { return nil }
        return (seconds - offset) * 1_000_000 + fraction
    }

    private static func offsetSeconds(_ reader: inout DigitReader) -> Int64? {
        if reader.isAtEnd || reader.skip("Z") { return 0 }
        let sign: Int64
        if reader.skip("+") { sign = 1 } else if reader.skip("-") { sign = -1 } else { return nil }
        guard let hours = reader.number(digits: 2...2) else { return nil }
        var total = hours * 3600
        if reader.skip(":") {
            guard let minutes = reader.number(digits: 2...2) else { return nil }
            total += minutes * 60
        }
        return sign * total
    }

    /// Days from 1970-01-01 in the proleptic Gregorian calendar; formula of Howard Hinnant, "chrono-Compatible Low-
    /// Level Date Algorithms", `days_from_civil`.
    static func daysSinceEpoch(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    private struct DigitReader {
        let bytes: UnsafeRawBufferPointer
        var position = 0

        init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

        var isAtEnd: Bool { position == bytes.count }

        mutating func skip(_ character: Unicode.Scalar) -> Bool {
            guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
            position += 1
            return true
        }

        mutating func number(digits: ClosedRange<Int>) -> Int64? {
            let start = position
            var value: Int64 = 0
            while position < bytes.count, position - start < digits.upperBound {
                let digit = bytes[position] &- UInt8(ascii: "0")
                guard digit <= 9 else { break }
                value = value * 10 + Int64(digit)
                position += 1
            }
            return position - start >= digits.lowerBound ? value : nil
        }
    }
}
