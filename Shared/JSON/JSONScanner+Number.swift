/// Powers of ten that a double holds exactly.
private let exactPowersOfTen: [Double] = [
    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
]

extension JSONScanner {
    /// Reads a number; the cursor stands on its first byte.
    mutating func number() throws(JSONError) -> JSONNumber {
        let start = index
        let isNegative = base[index] == UInt8(ascii: "-")
        if isNegative { index &+= 1 }
        let firstDigit = index
        var significand: UInt64 = 0
        digits(into: &significand)
        let wholeDigits = index - firstDigit
        guard wholeDigits > 0 else {
            throw JSONError(index < count ? .invalidNumber : .unexpectedEnd, at: index)
        }
        guard wholeDigits == 1 || base[firstDigit] != UInt8(ascii: "0") else {
            throw JSONError(.invalidNumber, at: firstDigit)
        }
        var fractionDigits = 0
        var isPlainInteger = true
        var hasExponent = false
        if index < count, base[index] == UInt8(ascii: ".") {
            isPlainInteger = false
            index &+= 1
            let first = index
            digits(into: &significand)
            fractionDigits = index - first
            guard fractionDigits > 0 else {
                throw JSONError(index < count ? .invalidNumber : .unexpectedEnd, at: index)
            }
        }
        if index < count, base[index] | 0x20 == UInt8(ascii: "e") {
            isPlainInteger = false
            hasExponent = true
            try exponent()
        }
        guard index - start <= limits.numberBytesMax else { throw JSONError(.numberTooLong, at: start) }
        if isPlainInteger, wholeDigits <= 18, significand > 0 || !isNegative {
            return .integer(isNegative ? -Int64(significand) : Int64(significand))
        }
        // Both operands are exact, so IEEE division rounds once: the result is the nearest double (Clinger 1990).
        if !hasExponent, !isPlainInteger, wholeDigits + fractionDigits <= 15 {
            let value = Double(significand) / exactPowersOfTen[fractionDigits]
            return .double(isNegative ? -value : value)
        }
        return slowNumber(start, isPlainInteger: isPlainInteger)
    }

    @inline(__always)
    private mutating func digits(into significand: inout UInt64) {
        while index < count, base[index] &- 48 < 10 {
            significand = significand &* 10 &+ UInt64(base[index] &- 48)
            index &+= 1
        }
    }

    private mutating func exponent() throws(JSONError) {
        index &+= 1
        if index < count, base[index] == UInt8(ascii: "+") || base[index] == UInt8(ascii: "-") { index &+= 1 }
        let first = index
        while index < count, base[index] &- 48 < 10 { index &+= 1 }
        guard index > first else { throw JSONError(index < count ? .invalidNumber : .unexpectedEnd, at: index) }
    }

    /// Keeps a number that the fast paths do not: as a double where that is exact, else as its text.
    ///
    /// An integer beyond 64 bits stays one, because a double would be written with a point or an exponent.
    @inline(never)
    private func slowNumber(_ start: Int, isPlainInteger: Bool) -> JSONNumber {
        let text = plainString(start, index)
        if let integer = Int64(text) {
            if integer != 0 { return .integer(integer) }
        } else if isPlainInteger {
            return .literal(text)
        }
        guard let double = Double(text), double.isFinite else { return .literal(text) }
        if JSONDecimal(literal: text) == JSONDecimal(literal: double.description) { return .double(double) }
        return .literal(text)
    }
}
