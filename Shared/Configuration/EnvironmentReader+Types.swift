extension EnvironmentReader {
    /// A text that must be set, unless there is a default.
    package mutating func string(_ key: String, default fallback: String? = nil, help: String) -> String {
        raw(key, .string, default: fallback, isRequired: fallback == nil, help: help) ?? fallback ?? ""
    }

    /// A text that may be left out.
    package mutating func optionalString(_ key: String, help: String) -> String? {
        raw(key, .string, default: nil, isRequired: false, help: help)
    }

    /// A whole number within `range`.
    package mutating func int(
        _ key: String,
        default fallback: Int? = nil,
        in range: ClosedRange<Int> = 0...Int.max,
        help: String
    ) -> Int {
        let shown = fallback.map(String.init)
        let text = raw(key, .int, default: shown, isRequired: fallback == nil, help: help)
        return parsed(key, text, fallback ?? range.lowerBound, in: range, .int, show: String.init) { Int($0) }
    }

    /// A number within `range`.
    package mutating func double(
        _ key: String,
        default fallback: Double? = nil,
        in range: ClosedRange<Double>,
        help: String
    ) -> Double {
        let text = raw(key, .double, default: fallback.map { "\($0)" }, isRequired: fallback == nil, help: help)
        return parsed(key, text, fallback ?? range.lowerBound, in: range, .double, show: \.description) { Double($0) }
    }

    /// Yes or no: `true`, `yes`, `on`, `1` or `false`, `no`, `off`, `0`.
    package mutating func bool(_ key: String, default fallback: Bool, help: String) -> Bool {
        guard let text = raw(key, .bool, default: "\(fallback)", isRequired: false, help: help) else { return fallback }
        switch text.lowercased() {
        case "true", "yes", "on", "1": return true
        case "false", "no", "off", "0": return false
        default:
            fail(key, value: text, expected: Setting.Kind.bool.expectation)
            return fallback
        }
    }

    /// A length of time within `range`, such as `250ms`, `5s`, `2m`, `1h` or `7d`.
    package mutating func duration(
        _ key: String,
        default fallback: Duration? = nil,
        in range: ClosedRange<Duration> = .zero ... .seconds(365 * 86_400),
        help: String
    ) -> Duration {
        let shown = fallback.map(Quantity.text)
        let text = raw(key, .duration, default: shown, isRequired: fallback == nil, help: help)
        return parsed(
            key,
            text,
            fallback ?? range.lowerBound,
            in: range,
            .duration,
            show: Quantity.text,
            Quantity.duration
        )
    }

    /// A size in bytes within `range`, such as `512`, `64KiB`, `10MiB` (powers of 1024) or `10MB` (powers of 1000).
    package mutating func bytes(
        _ key: String,
        default fallback: Int? = nil,
        in range: ClosedRange<Int> = 0...Int.max,
        help: String
    ) -> Int {
        let shown = fallback.map(Quantity.text)
        let text = raw(key, .bytes, default: shown, isRequired: fallback == nil, help: help)
        return parsed(
            key,
            text,
            fallback ?? range.lowerBound,
            in: range,
            .bytes,
            show: Quantity.text,
            Quantity.bytes
        )
    }

    /// A URL with one of `schemes`, without a user or a password: those belong into a secret.
    package mutating func url(
        _ key: String,
        default fallback: String? = nil,
        schemes: [String] = ["http", "https"],
        help: String
    ) -> ServiceURL {
        let text = raw(key, .url, default: fallback, isRequired: fallback == nil, help: help)
        return checkedURL(key, text ?? fallback, schemes) ?? .placeholder
    }

    /// A URL that may be left out.
    package mutating func optionalURL(
        _ key: String,
        schemes: [String] = ["http", "https"],
        help: String
    ) -> ServiceURL? {
        checkedURL(key, raw(key, .url, default: nil, isRequired: false, help: help), schemes)
    }

    /// One of the words of an enumeration.
    package mutating func choice<Choice: RawRepresentable & CaseIterable>(
        _ key: String,
        default fallback: Choice,
        help: String
    ) -> Choice where Choice.RawValue == String {
        let kind = Setting.Kind.choice(Choice.allCases.map(\.rawValue))
        guard let text = raw(key, kind, default: fallback.rawValue, isRequired: false, help: help) else {
            return fallback
        }
        guard let choice = Choice(rawValue: text) else {
            fail(key, value: text, expected: kind.expectation)
            return fallback
        }
        return choice
    }

    /// Words with commas between them; blanks around them do not count, and empty ones are left out.
    package mutating func list(_ key: String, default fallback: [String] = [], help: String) -> [String] {
        let shown = fallback.joined(separator: ",")
        guard let text = raw(key, .list, default: shown, isRequired: false, help: help) else { return fallback }
        return text.split(separator: ",").map(Spelling.trimmed).filter { !$0.isEmpty }
    }

    /// A secret that must be set.
    package mutating func secret(_ key: String, help: String) -> Secret {
        rawSecret(key, isRequired: true, help: help) ?? Secret("")
    }

    /// A secret that may be left out.
    package mutating func optionalSecret(_ key: String, help: String) -> Secret? {
        rawSecret(key, isRequired: false, help: help)
    }

    private mutating func parsed<Value: Comparable>(
        _ key: String,
        _ text: String?,
        _ fallback: Value,
        in range: ClosedRange<Value>,
        _ kind: Setting.Kind,
        show: (Value) -> String,
        _ parse: (String) -> Value?
    ) -> Value {
        guard let text else { return fallback }
        guard let value = parse(text) else {
            fail(key, value: text, expected: kind.expectation)
            return fallback
        }
        guard range.contains(value) else {
            let limits = "\(kind.expectation), from \(show(range.lowerBound)) to \(show(range.upperBound))"
            fail(key, value: text, code: .outOfRange, expected: limits)
            return fallback
        }
        return value
    }

    private mutating func checkedURL(_ key: String, _ text: String?, _ schemes: [String]) -> ServiceURL? {
        guard let text else { return nil }
        let expected = "a URL that begins with " + schemes.map { $0 + "://" }.joined(separator: " or ")
        guard let url = ServiceURL(text) else {
            // Not shown: a URL that cannot be read may have a password in it.
            mask(key)
            fail(key, .malformed, "cannot be read; expected \(expected), without user or password")
            return nil
        }
        guard schemes.contains(url.scheme) else {
            fail(key, value: text, expected: expected)
            return nil
        }
        return url
    }
}
