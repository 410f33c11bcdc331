package import Observability

/// Reads the header `Retry-After` (RFC 9110, 10.2.3): whole seconds, or a date.
package enum RetryAfter {
    /// The longest wait that is believed; a longer one is read as this.
    package static let waitMax = Duration.seconds(86_400 * 365)

    /// How long the other side asks to wait.
    ///
    /// - Parameters:
    ///   - value: The header's value; fractions of a second are understood too, because some servers send them.
    ///   - now: The time, for the form with a date.
    /// - Returns: Nil when there is no header or it cannot be read; zero for a date that has passed.
    package static func duration(_ value: String?, now: WallClock = .now()) -> Duration? {
        guard let text = value?.trimmed, !text.isEmpty else { return nil }
        if let seconds = Double(text), text.utf8.allSatisfy({ $0 == UInt8(ascii: ".") || ($0 >= 48 && $0 <= 57) }) {
            return min(waitMax, .milliseconds(Int64(min(seconds, 1e9) * 1000)))
        }
        guard let seconds = httpDate(text) else { return nil }
        return min(waitMax, max(.zero, .seconds(seconds - now.seconds)))
    }

    /// Seconds since 1970 of an IMF-fixdate such as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7).
    ///
    /// The two older forms, which nobody may send, are not read.
    private static func httpDate(_ text: String) -> Int64? {
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[0].hasSuffix(","), parts[5] == "GMT",
            let day = Int64(parts[1]), (1...31).contains(day),
            let month = months.firstIndex(of: String(parts[2])),
            let year = Int64(parts[3]), (1970...9999).contains(year)
        else { return nil }
        let time = parts[4].split(separator: ":").compactMap { Int64($0) }
        guard time.count == 3, (0..<24).contains(time[0]), (0..<60).contains(time[1]), (0...60).contains(time[2])
        else { return nil }
        let days = CivilDate(year: year, month: Int64(month) + 1, day: day).daysSince1970
        return days * 86_400 + time[0] * 3600 + time[1] * 60 + time[2]
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
}

extension String {
    fileprivate var trimmed: String {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        return String(drop(while: isBlank).reversed().drop(while: isBlank).reversed())
    }
}
