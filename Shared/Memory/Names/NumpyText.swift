import Glibc

/// A vector as numpy writes it, so that its symbol is the one that KATO's users have stored.
///
/// The text of `str(numpy.array(v))` for 64-bit floats under numpy's defaults, as in `numpy/_core/arrayprint.py`: the
/// shortest digits that tell a number, at most 8 behind the point; one width for all; with an exponent when the
/// greatest is 10^8 or more, the smallest below 10^-4, or their ratio over 1,000; lines of 75 characters.
enum NumpyText {
    /// Vectors of more numbers are shown by their first and last ``edge``.
    static let wholeMax = 1000
    /// How many numbers numpy shows of each end of a long vector.
    static let edge = 3
    private static let fractionDigits = 8
    private static let lineWidth = 75

    /// The text of a vector.
    ///
    /// Of a vector of more than ``wholeMax`` numbers numpy shows six. Where one of these is 0 that would give vectors
    /// that have little in common one symbol (one-hot vectors, histograms): then all numbers are in the text, as with
    /// `numpy.set_printoptions(threshold=sys.maxsize)`.
    static func string(of vector: [Double]) -> String {
        let ends = Array(vector.prefix(edge) + vector.suffix(edge))
        let isShortened = vector.count > wholeMax && ends.allSatisfy { $0 != 0 }
        var words = formatted(isShortened ? ends : vector)
        if isShortened { words.insert("...", at: edge) }
        return "[" + wrapped(words) + "]"
    }

    /// Puts words on lines; a line that goes on begins under the first number.
    private static func wrapped(_ words: [String]) -> String {
        var text = ""
        var line = " "
        for (position, word) in words.enumerated() {
            // One less than the width, for the bracket.
            if line.utf8.count + word.utf8.count > lineWidth - 1, line.utf8.count > 1 {
                while line.hasSuffix(" ") { line.removeLast() }
                text += line + "\n"
                line = " "
            }
            line += word
            if position < words.count - 1 { line += " " }
        }
        return String((text + line).dropFirst())
    }

    private static func formatted(_ numbers: [Double]) -> [String] {
        let magnitudes = numbers.lazy.map(\.magnitude).filter { $0 != 0 }
        guard let greatest = magnitudes.max(), let smallest = magnitudes.min() else { return positional(numbers) }
        return greatest >= 1e8 || smallest < 1e-4 || greatest / smallest > 1000
            ? scientific(numbers) : positional(numbers)
    }

    /// `-1.5`, padded on both sides so that the points stand below each other.
    private static func positional(_ numbers: [Double]) -> [String] {
        let parts = numbers.map { number -> (whole: Substring, fraction: Substring) in
            let shortest = "\(number)"
            let parts = split(shortest, at: ".")
            if parts.1.utf8.count <= fractionDigits { return (parts.0, withoutZeros(parts.1)) }
            let (whole, fraction) = split(printed("%.*f", fractionDigits, number), at: ".")
            return (whole, withoutZeros(fraction))
        }
        let left = parts.map(\.whole.utf8.count).max() ?? 0
        let right = parts.map(\.fraction.utf8.count).max() ?? 0
        return parts.map { part in
            spaces(left - part.whole.utf8.count) + part.whole + "." + part.fraction
                + spaces(right - part.fraction.utf8.count)
        }
    }

    /// `-1.50e-07`, all with the same number of digits.
    private static func scientific(_ numbers: [Double]) -> [String] {
        let digits =
            numbers.map { number in
                // The smallest numbers have fewer digits than would be printed.
                let isShort = number.isSubnormal && "\(number)".utf8.count < fractionDigits + "-0.e-300".utf8.count
                let text = isShort ? "\(number)" : printed("%.*e", fractionDigits, number)
                return withoutZeros(split(String(split(text, at: "e").0), at: ".").1).utf8.count
            }.max() ?? 0
        let parts = numbers.map { split(printed("%#.*e", digits, $0), at: "e") }
        let left = parts.map(\.0.utf8.count).max() ?? 0
        let power = parts.map(\.1.utf8.count).max() ?? 0
        return parts.map { mantissa, exponent in
            spaces(left - mantissa.utf8.count) + mantissa + "e" + exponent.prefix(1)
                + String(repeating: "0", count: power - exponent.utf8.count) + exponent.dropFirst()
        }
    }

    private static func printed(_ format: String, _ digits: Int, _ number: Double) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 400) { buffer in
            let count = withVaList([Int32(digits), number]) {
                vsnprintf(buffer.baseAddress, buffer.count, format, $0)
            }
            return String(decoding: buffer.prefix(Int(count)).lazy.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }

    private static func split(_ text: String, at mark: Character) -> (Substring, Substring) {
        guard let place = text.firstIndex(of: mark) else { return (text[...], "") }
        return (text[..<place], text[text.index(after: place)...])
    }

    private static func withoutZeros(_ digits: Substring) -> Substring {
        var digits = digits
        while digits.hasSuffix("0") { digits.removeLast() }
        return digits
    }

    private static func spaces(_ count: Int) -> String { String(repeating: " ", count: count) }
}
