import Observability

/// A time zone as the environment variable `TZ` describes it, such as `CET-1CEST,M3.5.0,M10.5.0/3` (POSIX.1-2017 §8.3):
/// what TZif files say about the future.
struct PosixZone: Sendable, Equatable {
    /// A day of every year and the local second of it.
    private struct Change: Sendable, Equatable {
        enum Day: Sendable, Equatable {
            /// Day 1...365, never counting 29 February.
            case julian(Int64)
            /// Day 0...365, counting it.
            case zeroBased(Int64)
            /// The nth weekday (0 is Sunday) of a month; 5 is the last one.
            case weekday(month: Int64, week: Int64, day: Int64)
        }

        let day: Day
        let second: Int64

        /// Seconds from 1970-01-01 in the local time that is left.
        func moment(year: Int64) -> Int64 {
            let start = CivilDate(year: year, month: 1, day: 1).daysSince1970
            let isLeap = CivilDate(year: year + 1, month: 1, day: 1).daysSince1970 - start == 366
            let days: Int64
            switch day {
            case .julian(let day): days = start + day - 1 + (isLeap && day >= 60 ? 1 : 0)
            case .zeroBased(let day): days = start + day
            case .weekday(let month, let week, let day):
                let first = CivilDate(year: year, month: month, day: 1).daysSince1970
                // 1970-01-01 was a Thursday.
                let weekday = ((first + 4) % 7 + 7) % 7
                var candidate = first + (day - weekday + 7) % 7 + (week - 1) * 7
                let next =
                    month == 12
                    ? CivilDate(year: year + 1, month: 1, day: 1).daysSince1970
                    : CivilDate(year: year, month: month + 1, day: 1).daysSince1970
                if candidate >= next { candidate -= 7 }
                days = candidate
            }
            return days * 86_400 + second
        }
    }

    private let standard: Int64
    private var summer: Int64?
    private var start: Change?
    private var end: Change?

    /// Nil when the text is malformed or has a summer time without rules.
    init?(_ text: String) {
        var rest = Substring(text)
        guard Self.takeName(&rest), let offset = Self.takeTime(&rest) else { return nil }
        standard = -offset
        guard !rest.isEmpty else { return }
        guard Self.takeName(&rest) else { return nil }
        summer = rest.first == "," ? standard + 3_600 : Self.takeTime(&rest).map { -$0 }
        guard summer != nil, let start = Self.takeChange(&rest), let end = Self.takeChange(&rest), rest.isEmpty else {
            return nil
        }
        self.start = start
        self.end = end
    }

    /// Seconds to add to UTC at a moment.
    func offset(at seconds: Int64) -> Int64 {
        guard let summer, let start, let end else { return standard }
        let local = seconds + standard
        let year = CivilDate.atSeconds(local).date.year
        let from = start.moment(year: year) - standard
        let until = end.moment(year: year) - summer
        let isSummer = from < until ? seconds >= from && seconds < until : !(seconds >= until && seconds < from)
        return isSummer ? summer : standard
    }

    private static func takeName(_ rest: inout Substring) -> Bool {
        if rest.first == "<" {
            guard let close = rest.firstIndex(of: ">") else { return false }
            rest = rest[rest.index(after: close)...]
            return true
        }
        let name = rest.prefix { $0.isASCII && $0.isLetter }
        rest = rest[name.endIndex...]
        return name.utf8.count >= 3
    }

    private static func takeNumber(_ rest: inout Substring) -> Int64? {
        let digits = rest.prefix { $0 >= "0" && $0 <= "9" }
        rest = rest[digits.endIndex...]
        return digits.utf8.count <= 4 ? Int64(digits) : nil
    }

    /// `[+-]hh[:mm[:ss]]` in seconds.
    private static func takeTime(_ rest: inout Substring) -> Int64? {
        let isNegative = rest.first == "-"
        if isNegative || rest.first == "+" { rest.removeFirst() }
        guard var seconds = takeNumber(&rest).map({ $0 * 3_600 }) else { return nil }
        for unit: Int64 in [60, 1] where rest.first == ":" {
            rest.removeFirst()
            guard let value = takeNumber(&rest) else { return nil }
            seconds += value * unit
        }
        return isNegative ? -seconds : seconds
    }

    private static func takeChange(_ rest: inout Substring) -> Change? {
        guard rest.first == "," else { return nil }
        rest.removeFirst()
        guard let day = takeDay(&rest) else { return nil }
        guard rest.first == "/" else { return Change(day: day, second: 7_200) }
        rest.removeFirst()
        return takeTime(&rest).map { Change(day: day, second: $0) }
    }

    private static func takeDay(_ rest: inout Substring) -> Change.Day? {
        if rest.first == "J" {
            rest.removeFirst()
            return takeNumber(&rest).map { .julian($0) }
        }
        guard rest.first == "M" else { return takeNumber(&rest).map { .zeroBased($0) } }
        var numbers: [Int64] = []
        for mark: Character in ["M", ".", "."] {
            guard rest.first == mark else { return nil }
            rest.removeFirst()
            guard let number = takeNumber(&rest) else { return nil }
            numbers.append(number)
        }
        guard (1...12).contains(numbers[0]), (1...5).contains(numbers[1]), (0...6).contains(numbers[2]) else {
            return nil
        }
        return .weekday(month: numbers[0], week: numbers[1], day: numbers[2])
    }
}
