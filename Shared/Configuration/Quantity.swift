/// Reads and writes durations and sizes as people write them.
enum Quantity {
    private static let durationUnits: [(name: String, milliseconds: Int64)] = [
        ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]
    private static let sizeUnits: [(name: String, bytes: Int)] = [
        ("", 1), ("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
        ("KB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000),
    ]

    static func duration(_ text: String) -> Duration? {
        guard let (number, unit) = split(text), let scale = durationUnits.first(where: { $0.name == unit }) else {
            return nil
        }
        let (milliseconds, isTooMuch) = number.multipliedReportingOverflow(by: scale.milliseconds)
        return isTooMuch ? nil : .milliseconds(milliseconds)
    }

    static func bytes(_ text: String) -> Int? {
        guard let (number, unit) = split(text), let scale = sizeUnits.first(where: { $0.name == unit }) else {
            return nil
        }
        let (bytes, isTooMuch) = Int(number).multipliedReportingOverflow(by: scale.bytes)
        return isTooMuch ? nil : bytes
    }

    /// In the largest unit that needs no fraction.
    static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        if milliseconds == 0 { return "0s" }
        let unit = durationUnits.last { milliseconds % $0.milliseconds == 0 } ?? durationUnits[0]
        return "\(milliseconds / unit.milliseconds)\(unit.name)"
    }

    /// In the largest binary unit that needs no fraction.
    static func text(_ bytes: Int) -> String {
        let unit = sizeUnits[2...5].last { bytes != 0 && bytes % $0.bytes == 0 } ?? sizeUnits[0]
        return "\(bytes / unit.bytes)\(unit.name)"
    }

    private static func split(_ text: String) -> (Int64, String)? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int64(digits) else { return nil }
        return (number, String(text.dropFirst(digits.count)))
    }
}

/// Durations as people write them, for what is not a setting.
package enum DurationText {
    /// A whole number and a unit out of ms, s, m, h, d; nil when it is something else.
    package static func parse(_ text: String) -> Duration? { Quantity.duration(text) }
}

/// Small text helpers.
enum Spelling {
    /// The known word that needs the fewest edits to become `word`, when they are few.
    static func nearest(to word: String, in known: Set<String>) -> String? {
        let ranked = known.sorted().map { (distance($0, word), $0) }
        guard let best = ranked.min(by: { $0.0 < $1.0 }), best.0 <= max(2, word.utf8.count / 5) else { return nil }
        return best.1
    }

    /// Levenshtein's distance: insertions, deletions and replacements of one character.
    static func distance(_ left: String, _ right: String) -> Int {
        let (left, right) = (Array(left.utf8), Array(right.utf8))
        var row = Array(0...right.count)
        for (i, a) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, b) in right.enumerated() {
                let replaced = diagonal + (a == b ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replaced, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[right.count]
    }

    /// A value in quotes, at most 64 characters of it, without anything that could break a line.
    static func quoted(_ text: String) -> String {
        let safe = text.unicodeScalars.prefix(64).map { $0.value < 0x20 || $0.value == 0x7F ? "?" : String($0) }
        return "\"" + safe.joined() + (text.unicodeScalars.count > 64 ? "…\"" : "\"")
    }

    static func trimmed(_ text: Substring) -> String {
        var text = text
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return String(text)
    }
}
