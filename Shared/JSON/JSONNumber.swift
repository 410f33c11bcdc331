/// A JSON number, kept so that writing it again gives the same value.
///
/// Equality and hashing go by mathematical value, as JSON Schema asks: `1`, `1.0` and `10e-1` are equal.
package enum JSONNumber: Sendable {
    /// An integer that fits 64 bits.
    case integer(Int64)
    /// A finite double whose shortest decimal form is the number that was read.
    case double(Double)
    /// The text of a number that neither of the others keeps exactly (`1e400`, 30 digits), or of an integer beyond 64
    /// bits; valid by RFC 8259 §6.
    case literal(String)

    /// The value as `Int` when it is a whole number that fits, however it was written (`2`, `2.0`, `20e-1`).
    package var intValue: Int? {
        switch self {
        case .integer(let value): Int(exactly: value)
        case .double(let value): Int(exactly: value)
        case .literal(let text): JSONDecimal(literal: text).intValue
        }
    }

    /// The nearest double; infinite when the number is greater than a double can be.
    package var doubleValue: Double {
        switch self {
        case .integer(let value): Double(value)
        case .double(let value): value
        case .literal(let text): Double(text) ?? .nan
        }
    }

    /// Whether the number has no fractional part (JSON Schema's `integer`, which `1.0` is too).
    package var isInteger: Bool {
        switch self {
        case .integer: true
        case .double(let value): value.rounded(.towardZero) == value
        case .literal(let text): JSONDecimal(literal: text).isInteger
        }
    }

    /// The text that the writer writes.
    ///
    /// Not-a-number and infinity, which JSON lacks, become `null`.
    package var text: String {
        switch self {
        case .integer(let value): String(value)
        case .double(let value): value.isFinite ? value.description : "null"
        case .literal(let text): text
        }
    }

    /// The exact decimal value; nil for a double that is not finite.
    package var decimal: JSONDecimal? {
        switch self {
        case .integer(let value): JSONDecimal(value)
        case .double(let value): value.isFinite ? JSONDecimal(literal: value.description) : nil
        case .literal(let text): JSONDecimal(literal: text)
        }
    }
}

/// Every integer up to 2^53 is exact as a double.
private let exactInDouble: UInt64 = 1 << 53

extension JSONNumber: Hashable, Comparable {
    /// Whether both have the same mathematical value.
    package static func == (left: JSONNumber, right: JSONNumber) -> Bool {
        switch (left, right) {
        case (.integer(let left), .integer(let right)): left == right
        case (.double(let left), .double(let right)): left == right
        case (.integer(let left), .double(let right)) where left.magnitude <= exactInDouble: Double(left) == right
        case (.double(let left), .integer(let right)) where right.magnitude <= exactInDouble: left == Double(right)
        default: left.decimal == right.decimal
        }
    }

    /// Whether `left` is the smaller mathematical value.
    package static func < (left: JSONNumber, right: JSONNumber) -> Bool {
        switch (left, right) {
        case (.integer(let left), .integer(let right)): return left < right
        case (.double(let left), .double(let right)): return left < right
        case (.integer(let left), .double(let right)) where left.magnitude <= exactInDouble: return Double(left) < right
        case (.double(let left), .integer(let right)) where right.magnitude <= exactInDouble:
            return left < Double(right)
        default:
            guard let left = left.decimal, let right = right.decimal else { return false }
            return left < right
        }
    }

    /// Hashes the nearest double: equal values round to the same one.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(doubleValue)
    }
}

/// An exact decimal number: sign, significant digits without zeros at either end, and a power of ten.
///
/// The value is `digits × 10^exponent`; zero has no digits. It exists to compare numbers that no machine type holds, so
/// it takes its exponent apart without ever writing out the zeros that `1e999999` stands for.
package struct JSONDecimal: Sendable, Equatable, Comparable {
    /// Whether the value is below zero; zero is never negative.
    package let isNegative: Bool
    /// Decimal digits 0–9, most significant first, neither starting nor ending with 0.
    package let digits: [UInt8]
    /// Power of ten of the last digit.
    package let exponent: Int

    /// Takes apart a literal that is valid by RFC 8259 §6.
    ///
    /// Exponents beyond ±10^15 are taken as ±10^15.
    package init(literal: String) {
        var digits: [UInt8] = []
        var exponent = 0
        var isNegative = false
        var isFraction = false
        var explicit = 0
        var explicitIsNegative = false
        var isExponent = false
        for byte in literal.utf8 {
            switch byte {
            case UInt8(ascii: "-"):
                if isExponent { explicitIsNegative = true } else { isNegative = true }
            case UInt8(ascii: "."): isFraction = true
            case UInt8(ascii: "e"), UInt8(ascii: "E"): isExponent = true
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                let digit = byte &- 48
                if isExponent {
                    explicit = min(explicit * 10 + Int(digit), 1_000_000_000_000_000)
                } else {
                    if isFraction { exponent -= 1 }
                    if !digits.isEmpty || digit != 0 { digits.append(digit) }
                }
            default: break
            }
        }
        self.init(
            isNegative: isNegative,
            digits: digits,
            exponent: exponent + (explicitIsNegative ? -explicit : explicit)
        )
    }

    /// The exact value of an integer.
    package init(_ value: Int64) {
        self.init(isNegative: value < 0, digits: String(value.magnitude).utf8.map { $0 &- 48 }, exponent: 0)
    }

    private init(isNegative: Bool, digits: [UInt8], exponent: Int) {
        var digits = digits
        var exponent = exponent
        while digits.last == 0 {
            digits.removeLast()
            exponent += 1
        }
        self.digits = digits
        self.isNegative = isNegative && !digits.isEmpty
        self.exponent = digits.isEmpty ? 0 : exponent
    }

    /// Whether there is no fractional part.
    package var isInteger: Bool { exponent >= 0 }

    /// The value as `Int` when it is whole and fits.
    package var intValue: Int? {
        guard exponent >= 0, exponent + digits.count <= 19 else { return nil }
        var value = 0
        for digit in digits + [UInt8](repeating: 0, count: exponent) {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let step = Int(isNegative ? -Int8(digit) : Int8(digit))
            let (sum, overflowOfSum) = product.addingReportingOverflow(step)
            if overflow || overflowOfSum { return nil }
            value = sum
        }
        return value
    }

    /// Whether `left` is the smaller value.
    package static func < (left: JSONDecimal, right: JSONDecimal) -> Bool {
        if left.isNegative != right.isNegative { return left.isNegative }
        return left.isNegative
            ? magnitude(of: right, isBelow: left)
            : magnitude(of: left, isBelow: right)
    }

    private static func magnitude(of left: JSONDecimal, isBelow right: JSONDecimal) -> Bool {
        if left.digits.isEmpty || right.digits.isEmpty { return left.digits.isEmpty && !right.digits.isEmpty }
        let leftScale = left.exponent + left.digits.count
        let rightScale = right.exponent + right.digits.count
        if leftScale != rightScale { return leftScale < rightScale }
        return left.digits.lexicographicallyPrecedes(right.digits)
    }
}
