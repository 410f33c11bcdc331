import Observability

/// Makes text of others fit to be shown in a terminal.
enum TerminalText {
    /// The text without anything that a terminal would obey: control characters, among them the escape sequences that
    /// could move the cursor or change the title.
    ///
    /// - Parameters:
    ///   - text: What a user, a model or a tool wrote.
    ///   - keeping: Control characters that stay.
    /// - Returns: The text, with a blank for each control character.
    static func clean(_ text: String, keeping: Set<Unicode.Scalar> = []) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            result.append(isControl && !keeping.contains(scalar) ? " " : scalar)
        }
        return String(result)
    }

    /// The text in one line.
    static func oneLine(_ text: String) -> String {
        clean(text.split(whereSeparator: \.isNewline).joined(separator: "; "))
    }

    /// The first `max` characters, in one line; one more stands for what was cut off.
    static func clipped(_ text: String, max: Int) -> String {
        let head = text.prefix(max + 1)
        return clean(String(head.prefix(max))) + (head.count > max ? "…" : "")
    }

    /// A word of the command line for a message: in quotes, not more of it than helps.
    static func quoted(_ text: String) -> String { "\"\(clipped(text, max: 64))\"" }

    /// A moment as `2026-01-02T03:04:05.678Z`; `-` when it is not known.
    ///
    /// - Parameter milliseconds: Milliseconds since 1970; below 0 means not known.
    /// - Returns: ISO 8601 in UTC.
    static func time(milliseconds: Int64) -> String {
        guard milliseconds >= 0 else { return "-" }
        let clock = WallClock(seconds: milliseconds / 1000, microseconds: milliseconds % 1000 * 1000)
        return clock.iso8601.dropLast(4) + "Z"
    }

    /// Columns as wide as their widest cell, two blanks between them.
    static func table(_ rows: [[String]]) -> [String] {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            var line = ""
            for (cell, width) in zip(row, widths) {
                line += cell + String(repeating: " ", count: width - cell.count + 2)
            }
            while line.hasSuffix(" ") { line.removeLast() }
            return line
        }
    }
}
